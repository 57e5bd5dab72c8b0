"""Prints what the shipped program is made of, as CycloneDX 1.6 in JSON; run by scripts/sbom.

The crates are those that cargo links into the program for its target: no proc macro, build script or test. Their licences come
from their manifests, their hashes from Cargo.lock, the versions of the C libraries from the sources that those crates bring.
What it prints is checked against CycloneDX's schema, and the same program gives the same bytes. It says nothing of weaknesses.
"""

import argparse
import hashlib
import json
import pathlib
import platform
import re
import subprocess
import sys
import tomllib
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

TRIPLES = {"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}

# What crates bring that is not Rust: the library, its licence, and the file and line that tell its version.
LIBRARIES = {
    "libsqlite3-sys": ("sqlite", "blessing", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([^"]+)"'),
    "aws-lc-sys": ("aws-lc", "ISC AND (Apache-2.0 OR ISC)", "aws-lc/include/openssl/base.h", r'#define AWSLC_VERSION_NUMBER_STRING "([^"]+)"'),
}
# Crates called -sys that bring no C: declarations of what the kernel or libc has.
DECLARATIONS = {"linux-raw-sys"}


def printed(*command, given=None):
    """What a command prints; its failure is ours."""
    return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(triple):
    """Names and versions of the crates in the program."""
    tree = ("cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--target", triple, "--prefix", "none", "--format", "{p}")
    pairs = {tuple(line.split()[:2]) for line in printed(*tree).splitlines() if line.strip()}
    return {(name, version.removeprefix("v")) for name, version in pairs}


def component(licences, name, version, licence, **more):
    """A library; old manifests write a slash where SPDX has OR."""
    licence = licence and licences.make_from_string(licence.replace("/", " OR "))
    more = {"bom_ref": f"{name}@{version}", "licenses": [licence] if licence else [], "type": ComponentType.LIBRARY} | more
    return Component(name=name, version=version, **more)


def sha256(data):
    """As CycloneDX has it."""
    return [HashType(alg=HashAlgorithm.SHA_256, content=data if isinstance(data, str) else hashlib.sha256(data).hexdigest())]


def glibc(arch):
    """The version of the C library that the target's compiler links with."""
    machine = TRIPLES[arch].split("-")[0]
    compiler = "cc" if machine == platform.machine() else f"{machine}-linux-gnu-gcc"
    words = printed(compiler, "-E", "-P", "-", given="#include <features.h>\n__GLIBC__ __GLIBC_MINOR__\n")
    return ".".join(words.split()[-2:])


def bill(arch, program, certificates):
    """All of it."""
    triple, licences = TRIPLES[arch], LicenseFactory()
    wanted = linked(triple)
    metadata = json.loads(printed("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", triple))
    packages = {each["id"]: each for each in metadata["packages"] if (each["name"], each["version"]) in wanted}
    if missing := wanted - {(each["name"], each["version"]) for each in packages.values()}:
        sys.exit(f"cargo links what it does not know: {sorted(missing)}")
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]
    sums = {(each["name"], each["version"]): each.get("checksum") for each in lock}
    own = metadata["resolve"]["root"]
    crates, brought = {}, {}
    for identity, package in packages.items():
        name, version = package["name"], package["version"]
        if identity == own:
            more = {"type": ComponentType.APPLICATION, "hashes": sha256(program.read_bytes())}
        else:
            more = {"hashes": sha256(sums[name, version])}
        purl = PackageURL(type="cargo", name=name, version=version)
        crates[identity] = component(licences, name, version, package["license"], purl=purl, description=package["description"], **more)
        if name in LIBRARIES:
            library, licence, file, pattern = LIBRARIES[name]
            found = re.search(pattern, (pathlib.Path(package["manifest_path"]).parent / file).read_text())
            brought[identity] = component(licences, library, found[1], licence, bom_ref=f"{library}@{found[1]}")
        elif name.endswith("-sys") and name not in DECLARATIONS:
            sys.exit(f"{name} may bring a library that is not Rust: say in packaging/sbom.py what it is")
    libc = component(licences, "glibc", glibc(arch), "LGPL-2.1-or-later")
    bom = Bom(components=[*(crates[each] for each in crates if each != own), *brought.values(), libc])
    bom.metadata.component = crates[own]
    bom.metadata.timestamp = None
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in crates:
            below = [crates[dep["pkg"]] for dep in node["deps"] if dep["pkg"] in crates and is_linked(dep)]
            below += [brought[node["id"]]] if node["id"] in brought else []
            below += [libc] if node["id"] == own else []
            bom.register_dependency(crates[node["id"]], below)
    if certificates:
        more = {"type": ComponentType.FILE, "bom_ref": "ca-certificates", "hashes": sha256(certificates.read_bytes())}
        bom.components.add(component(licences, certificates.name, None, "MPL-2.0", **more))
    return bom


def is_linked(dependency):
    """Whether it is more than a build's or a test's."""
    return any(kind["kind"] is None for kind in dependency["dep_kinds"])


def main():
    """Prints and checks it."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--arch", choices=TRIPLES, required=True)
    arguments.add_argument("--program", type=pathlib.Path, required=True)
    arguments.add_argument("--certificates", type=pathlib.Path)
    bom = bill(**vars(arguments.parse_args()))
    bom.serial_number = uuid.UUID(int=0)
    content = JsonV1Dot6(bom).output_as_string()
    # Of the content, not of chance.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(content.encode()).hexdigest())
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    text = json.dumps(document, indent=1, sort_keys=True)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"that would be no CycloneDX: {wrong}")
    print(text)


main()
