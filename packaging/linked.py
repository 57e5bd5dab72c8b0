"""What is linked into the shipped program: crates, the C libraries that they bring, Rust's own library and the libc.

Asked by sbom.py and licences.py, so that the bill and the licence texts name the same things. The crates are those that cargo
links for the target, no proc macro, build script or test; the rest is read in the sources, the toolchain and the program. It
never guesses: what it does not know ends the run, and a version that nothing tells is None.
"""

import dataclasses
import functools
import json
import pathlib
import re
import subprocess
import sys

TRIPLES = {"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}

# What crates bring that is not Rust: the library, its licence, and the file and line that tell its version.
LIBRARIES = {
    "libsqlite3-sys": ("sqlite", "blessing", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([^"]+)"'),
    "aws-lc-sys": ("aws-lc", "ISC AND (Apache-2.0 OR ISC)", "aws-lc/include/openssl/base.h", r'#define AWSLC_VERSION_NUMBER_STRING "([^"]+)"'),
}
# Crates called -sys that bring no C: declarations of what the kernel or libc has.
DECLARATIONS = {"linux-raw-sys"}

# The archives beside Rust's std that a program is linked with, under the licences of their crates.
STD_CRATES = {
    "addr2line": "Apache-2.0 OR MIT",
    "adler2": "0BSD OR MIT OR Apache-2.0",
    "cfg-if": "MIT OR Apache-2.0",
    "gimli": "MIT OR Apache-2.0",
    "hashbrown": "MIT OR Apache-2.0",
    "libc": "MIT OR Apache-2.0",
    "memchr": "Unlicense OR MIT",
    "miniz_oxide": "MIT OR Zlib OR Apache-2.0",
    "object": "Apache-2.0 OR MIT",
    "rustc-demangle": "MIT OR Apache-2.0",
}
# Archives that are Rust's own source, and those that only tests, proc macros and profiles are linked with.
STD_OWN = {"alloc", "compiler_builtins", "core", "panic_abort", "panic_unwind", "std", "std_detect", "sysroot", "unwind"}
STD_UNUSED = {"getopts", "proc_macro", "profiler_builtins", "rustc_literal_escaper", "test"}


@dataclasses.dataclass
class Part:
    """A library that is no crate of Cargo.lock; `packed` is the version of the distribution's package, where it tells one."""

    name: str
    version: str | None
    licence: str
    distribution: str | None = None
    packed: str | None = None


def printed(*command):
    """What a command prints; its failure is ours."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def installed(package):
    """The version of a package of the machine that builds."""
    return printed("dpkg-query", "--show", "--showformat", "${Version}", package)


@functools.cache
def metadata(arch):
    """As cargo has it."""
    return json.loads(printed("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TRIPLES[arch]))


@functools.cache
def crates(arch):
    """The packages in the program, ours among them, by cargo's identity."""
    tree = ("cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--target", TRIPLES[arch], "--prefix", "none", "--format", "{p}")
    pairs = {tuple(line.split()[:2]) for line in printed(*tree).splitlines() if line.strip()}
    wanted = {(name, version.removeprefix("v")) for name, version in pairs}
    found = {each["id"]: each for each in metadata(arch)["packages"] if (each["name"], each["version"]) in wanted}
    if missing := wanted - {(each["name"], each["version"]) for each in found.values()}:
        sys.exit(f"cargo links what it does not know: {sorted(missing)}")
    return found


def folder(package):
    """Where its source lies."""
    return pathlib.Path(package["manifest_path"]).parent


def brought(package):
    """The library that a crate brings, or None."""
    name = package["name"]
    if name in LIBRARIES:
        library, licence, file, pattern = LIBRARIES[name]
        return Part(library, re.search(pattern, (folder(package) / file).read_text())[1], licence)
    if name.endswith("-sys") and name not in DECLARATIONS:
        sys.exit(f"{name} may bring a library that is not Rust: say in packaging/linked.py what it is")
    return None


def rust(arch):
    """Rust's own library, and the crates in it: the archives that come with the compiler tell names and, mostly, versions."""
    std = Part("rust-std", re.search(r"^release: (.*)$", printed("rustc", "-vV"), re.M)[1], "MIT OR Apache-2.0")
    archives = pathlib.Path(printed("rustc", "--print", "target-libdir", "--target", TRIPLES[arch]).strip())
    within = []
    for archive in sorted(archives.glob("*.rlib")):
        name = archive.name.removeprefix("lib").rsplit("-", 1)[0]
        if name in STD_OWN | STD_UNUSED or name.startswith("rustc_std_workspace"):
            continue
        known = next((each for each in STD_CRATES if each.replace("-", "_") == name), None)
        if known is None:
            sys.exit(f"Rust's library brings {name}: say in packaging/linked.py under which licence")
        told = re.search(rf"/rust/deps/{known}-(\d+\.\d+\.\d+)".encode(), archive.read_bytes())
        within.append(Part(known, told and told[1].decode(), STD_CRATES[known]))
    return std, within


def libc(program):
    """The C library and GCC's that are in the program, which says so itself."""
    content = program.read_bytes()
    said = re.search(rb"GNU C Library \(([^)]*)\) stable release version (\d+\.\d+)", content)
    if not said:
        sys.exit(f"{program} does not tell which glibc is in it: was it built by scripts/static?")
    glibc = Part("glibc", said[2].decode(), "LGPL-2.1-or-later")
    if packed := re.fullmatch(r"(Debian|Ubuntu) E?GLIBC (\S+)", said[1].decode()):
        glibc.distribution, glibc.packed = packed[1].lower(), packed[2]
    gcc = Part("libgcc", None, "GPL-3.0-or-later WITH GCC-exception-3.1")
    if said := re.search(rb"GCC: \((?:(Debian|Ubuntu) )?([^)]*)\) (\d+\.\d+\.\d+)", content):
        gcc.version = said[3].decode()
        if said[1]:
            gcc.distribution, gcc.packed = said[1].decode().lower(), said[2].decode()
    return glibc, gcc
