"""Lists of checksums as md5sum, BSD's tools, BagIt and instruments write them."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

Algorithm = Literal["md5", "sha1", "sha256", "sha512"]
_BY_LENGTH: dict[int, Algorithm] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX = r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}"
_GNU = re.compile(rf"(\\?)({_HEX})(?:[ \t]+\*?(.+))?$", re.DOTALL)
_BSD = re.compile(rf"(MD5|SHA-?1|SHA(?:2-)?-?256|SHA(?:2-)?-?512) ?\((.+)\) ?= ?({_HEX})$")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_BAG = re.compile(r"(tag)?manifest-[a-z0-9]+\.txt")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")
SUFFIXES = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True)
class Entry:
    """What a manifest says of a file; `name` is empty when the manifest's own name tells it."""

    name: str
    algorithm: Algorithm
    digest: str


def entries(content: bytes, path: str) -> Iterator[Entry]:
    """Yield what a manifest says; lines that say nothing of a checksum are passed over."""
    text = content.decode("utf-8-sig", "replace")
    is_bag = _BAG.fullmatch(posixpath.basename(path)) is not None
    for line in text.splitlines():
        if found := _BSD.match(line.strip()):
            yield Entry(found[2], _BY_LENGTH[len(found[3])], found[3].lower())
        elif found := _GNU.match(line.strip(" \t")):
            escaped, digest, name = found[1], found[2], found[3] or ""
            if escaped:
                name = re.sub(r"\\[\\nr]", lambda one: _ESCAPES[one[0]], name)
            elif is_bag:
                name = unquote(name)
            yield Entry(name, _BY_LENGTH[len(digest)], digest.lower())


def said_of(content: bytes, manifest: str, path: str) -> list[Entry]:
    """Return what the manifest at a path says of the file at another path, each once."""
    folder, own_name = posixpath.split(manifest)
    about_itself = posixpath.splitext(own_name)[0] == posixpath.basename(path)
    exact: list[Entry] = []
    elsewhere: list[Entry] = []
    for entry in entries(content, manifest):
        for name in {entry.name, entry.name.replace("\\", "/")}:
            if (not name and about_itself) or posixpath.normpath(
                posixpath.join(folder, name)
            ) == path:
                exact.append(entry)
            elif _ABSOLUTE.match(name) and posixpath.basename(name) == posixpath.basename(path):
                elsewhere.append(entry)
    # A path of the instrument's own disk is taken for the file when no other has the name.
    if not exact and len({entry.name for entry in elsewhere}) == 1:
        exact = elsewhere
    return list(dict.fromkeys(exact))
