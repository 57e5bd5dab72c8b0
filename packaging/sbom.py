"""Prints what the shipped program is made of, as CycloneDX 1.6 in JSON; run by scripts/sbom.

linked.py says what that is: crates, C libraries, Rust's own library, glibc. Licences of crates come from their manifests, hashes
from Cargo.lock. A library that is no crate gets the names by which scanners know it, where it has one that is sure.
What it prints is checked against CycloneDX's schema, and the same program gives the same bytes. It says nothing of weaknesses.
"""

import argparse
import hashlib
import json
import pathlib
import platform
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

import linked

# The vendor and product of the dictionary in which advisories name what they are about.
CPES = {"glibc": "gnu:glibc", "rust-std": "rust-lang:rust", "sqlite": "sqlite:sqlite"}
# What is known by its repository, and how its tags are called.
TAGS = {"aws-lc": ("aws", "aws-lc", "v{}"), "rust-std": ("rust-lang", "rust", "{}"), "sqlite": ("sqlite", "sqlite", "version-{}")}
# Debian's name of the source package; GCC's has its major version in it.
SOURCES = {"glibc": "glibc", "libgcc": "gcc-{}"}


def component(licences, name, version, licence, **more):
    """A library; old manifests write a slash where SPDX has OR."""
    licence = licence and licences.make_from_string(licence.replace("/", " OR "))
    more = {"bom_ref": f"{name}@{version}", "licenses": [licence] if licence else [], "type": ComponentType.LIBRARY} | more
    return Component(name=name, version=version, **more)


def library(licences, part, **more):
    """What is no crate of Cargo.lock, by the names that scanners look for."""
    if part.name in CPES:
        more["cpe"] = f"cpe:2.3:a:{CPES[part.name]}:{part.version}:*:*:*:*:*:*:*"
    if part.packed:
        source = SOURCES[part.name].format(part.version.split(".")[0])
        distro = {"distro": f"{part.distribution}-{release}"} if (release := release_of(part.distribution)) else {}
        more["purl"] = PackageURL("deb", part.distribution, source, part.packed, {"arch": "source"} | distro)
    elif part.name in TAGS:
        owner, repository, tag = TAGS[part.name]
        more["purl"] = PackageURL("github", owner, repository, tag.format(part.version))
    return component(licences, part.name, part.packed or part.version, part.licence, **more)


def within_rust(licences, part):
    """A crate in Rust's library, which may be among ours too; the reference tells one from the other."""
    purl = PackageURL("cargo", None, part.name, part.version)
    return component(licences, part.name, part.version, part.licence, bom_ref=f"rust-std/{part.name}", purl=purl)


def release_of(distribution):
    """Of the machine that builds, where it is of that distribution."""
    about = platform.freedesktop_os_release()
    return about.get("VERSION_ID") if about.get("ID") == distribution else None


def sha256(data):
    """As CycloneDX has it."""
    return [HashType(alg=HashAlgorithm.SHA_256, content=data if isinstance(data, str) else hashlib.sha256(data).hexdigest())]


def bill(arch, program, certificates):
    """All of it."""
    licences, metadata, packages = LicenseFactory(), linked.metadata(arch), linked.crates(arch)
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
        if part := linked.brought(package):
            brought[identity] = library(licences, part)
    std, within = linked.rust(arch)
    std, within = library(licences, std), [within_rust(licences, part) for part in within]
    below_own = [std, *(library(licences, part) for part in linked.libc(program))]
    bom = Bom(components=[*(crates[each] for each in crates if each != own), *brought.values(), *below_own, *within])
    bom.register_dependency(std, within)
    bom.metadata.component = crates[own]
    bom.metadata.timestamp = None
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in crates:
            below = [crates[dep["pkg"]] for dep in node["deps"] if dep["pkg"] in crates and is_linked(dep)]
            below += [brought[node["id"]]] if node["id"] in brought else []
            below += below_own if node["id"] == own else []
            bom.register_dependency(crates[node["id"]], below)
    if certificates:
        version = linked.installed("ca-certificates")
        purl = PackageURL("deb", "debian", "ca-certificates", version, {"arch": "all"})
        more = {"type": ComponentType.FILE, "hashes": sha256(certificates.read_bytes()), "purl": purl}
        bom.components.add(component(licences, "ca-certificates", version, "MPL-2.0", **more))
    return bom


def is_linked(dependency):
    """Whether it is more than a build's or a test's."""
    return any(kind["kind"] is None for kind in dependency["dep_kinds"])


def main():
    """Prints and checks it."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--arch", choices=linked.TRIPLES, required=True)
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
