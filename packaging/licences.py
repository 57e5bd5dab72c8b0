"""Prints the notices and licence texts of everything that is linked into the shipped program; run by scripts/licences.

A text that several have stands once. What comes without a text is named with its licence's identifier and where it comes from.
The same program and sources give the same bytes, without a path of the machine. It does not judge whether a licence is
acceptable: deny.toml does.
"""

import argparse
import html.parser
import pathlib
import re
import sys

import linked

# The names that crates give to such files; a folder LICENSES holds nothing else.
NAMED = re.compile(r"(licen[cs]e|unlicense|copying|copyright|notice)s?([-_.].*)?", re.I)
CODE = {".c", ".h", ".html", ".json", ".py", ".rs", ".sh", ".toml", ".yaml", ".yml"}
COMMON = pathlib.Path("/usr/share/common-licenses/LGPL-2.1")
HEAD = """\
presignd {version} for {arch} is passed on under MIT or Apache-2.0 (LICENSE-MIT, LICENSE-APACHE). What others wrote is linked into it:
first each library with its licence and the numbers of its texts, then the texts.

The GNU C Library (glibc) is linked in statically, under the LGPL, version 2.1 or later. You may change it and link presignd with what
you changed: install yours where your C compiler looks, and run scripts/static in presignd's source of this version, which
Cargo.lock pins to the same crates. {source}
Nothing in presignd's licence forbids to take it apart for that.

"""


class Notices(html.parser.HTMLParser):
    """The texts of each crate in what Rust's makers say of their library: a heading NAME-VERSION, then what stands in `pre`."""

    def __init__(self):
        """Nothing yet."""
        super().__init__()
        self.texts, self.crate, self.within = {}, None, None

    def handle_starttag(self, tag, attrs):
        """A heading, or a text begins."""
        self.within = tag if tag in ("h3", "pre") else self.within
        if tag == "pre" and self.crate:
            self.texts[self.crate].append("")

    def handle_endtag(self, tag):
        """And ends."""
        self.within = None if tag == self.within else self.within

    def handle_data(self, data):
        """A piece of it."""
        if self.within == "h3":
            self.crate = data.split()[-1]
            self.texts[self.crate] = []
        elif self.within == "pre" and self.crate:
            self.texts[self.crate][-1] += data


def texts_of(folder):
    """What licence files say, in the order of their names."""
    found = []
    for path in sorted(folder.rglob("*")):
        named = NAMED.fullmatch(path.name) or NAMED.fullmatch(path.parent.name) and path.parent != folder
        if named and path.is_file() and path.suffix.lower() not in CODE:
            found.append(path.read_text(errors="replace"))
    return found


def needed(path, package):
    """A text of the distribution's."""
    if not path.is_file():
        sys.exit(f"there is no {path}, whose text has to go along with the program: install {package}, and run this again")
    return path.read_text(errors="replace")


def collected(arch, program, certificates):
    """Names, licences, origins and texts of all that is in the program, and of the certificates beside it."""
    own = linked.metadata(arch)["resolve"]["root"]
    for identity, package in linked.crates(arch).items():
        if identity == own:
            continue
        origin = package["repository"] or f"https://crates.io/crates/{package['name']}"
        yield package["name"], package["version"], package["license"] or "its own", origin, texts_of(linked.folder(package))
        if part := linked.brought(package):
            yield part.name, part.version, part.licence, origin, library_texts(part.name, linked.folder(package))
    std, within = linked.rust(arch)
    doc = pathlib.Path(linked.printed("rustc", "--print", "sysroot").strip()) / "share/doc/rust"
    notices = Notices()
    if (doc / "COPYRIGHT-library.html").is_file():
        notices.feed((doc / "COPYRIGHT-library.html").read_text())
    yield std.name, std.version, std.licence, "https://www.rust-lang.org", rust_texts()
    for part in within:
        texts = notices.texts.get(f"{part.name}-{part.version}", [])
        yield part.name, part.version, part.licence, f"https://crates.io/crates/{part.name}, in Rust's library", texts
    glibc, gcc = linked.libc(program)
    package = "libc6-dev" if glibc.packed is None or "cross" not in glibc.packed else f"libc6-dev-{arch}-cross"
    notice = needed(pathlib.Path("/usr/share/doc", package, "copyright"), package)
    yield "glibc", glibc.packed or glibc.version, glibc.licence, "https://sourceware.org/glibc", [notice, needed(COMMON, "base-files")]
    if certificates:
        notice = needed(pathlib.Path("/usr/share/doc/ca-certificates/copyright"), "ca-certificates")
        yield "ca-certificates", linked.installed("ca-certificates"), "MPL-2.0", "https://packages.debian.org/ca-certificates", [notice]
    # Whose exception lets what an unchanged GCC compiles be passed on under any terms.
    yield "libgcc", gcc.packed or gcc.version, gcc.licence, "https://gcc.gnu.org", []


def library_texts(name, folder):
    """Of a C library, whose crate has its own: aws-lc's files are among the crate's, SQLite's word opens its header."""
    if name == "sqlite":
        return [re.match(r"/\*\n(.*?)\n\*{10}", (folder / "sqlite3/sqlite3.h").read_text(), re.S)[1]]
    return texts_of(folder / name)


def rust_texts():
    """Rust's authors, under the same two licences as presignd, whose texts are at hand."""
    permission = re.sub(r"^Copyright.*\n", "", pathlib.Path("LICENSE-MIT").read_text(), flags=re.M)
    return ["Copyright (c) The Rust Project Contributors\n\n" + permission.lstrip(), pathlib.Path("LICENSE-APACHE").read_text()]


def main():
    """Prints it."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--arch", choices=linked.TRIPLES, required=True)
    arguments.add_argument("--program", type=pathlib.Path, required=True)
    arguments.add_argument("--certificates", action="store_true", help="Debian's certificates go along too")
    given = arguments.parse_args()
    numbers, texts, lines = {}, [], []
    for name, version, licence, origin, found in sorted(collected(given.arch, given.program, given.certificates), key=lambda it: (it[0], it[1] or "")):
        marks = []
        for text in found:
            text = "\n".join(line.rstrip() for line in text.expandtabs().splitlines()).strip("\n")
            key = " ".join(text.split())
            if key and key not in numbers:
                numbers[key] = len(numbers) + 1
                texts.append((text, []))
            if key and numbers[key] not in marks:
                marks.append(numbers[key])
                texts[numbers[key] - 1][1].append(f"{name} {version or ''}".strip())
        where = " ".join(f"[{each}]" for each in marks) or f"(comes without a text) {origin}"
        lines.append(f"{name} {version or '(version unknown)'}: {licence.replace('/', ' OR ')} {where}")
    glibc, _ = linked.libc(given.program)
    source = f"Its source is Debian's package glibc {glibc.packed}, kept at https://snapshot.debian.org." if glibc.distribution == "debian" else ""
    own = linked.crates(given.arch)[linked.metadata(given.arch)["resolve"]["root"]]
    print(HEAD.format(version=own["version"], arch=given.arch, source=source) + "\n".join(lines))
    for number, (text, whose) in enumerate(texts, 1):
        print(f"\n{'=' * 100}\n[{number}] {', '.join(whose)}\n{'-' * 100}\n{text}")


main()
