"""What a fault round knows by itself: every content that ever stood at a source's path, and more.

Kept by the round, never asked of the engine. Imports nothing of it.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Content:
    """One whole content of a file, as it stood at its path."""

    size_bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Planted:
    """An object that stood at a destination before anything was harvested."""

    path: Path
    sha256: str
    inode: int
    mtime_ns: int
    adoptable: bool = False  # it has the content of the source file of its name


@dataclass
class SourceTruth:
    """What stood on one instrument, and where it can be looked at."""

    root: Path
    stood: dict[bytes, list[Content]] = field(default_factory=dict)
    final: dict[bytes, str] = field(default_factory=dict)
    # A server that lied the same way at each read, with the right size: one read cannot see it.
    lied: dict[bytes, set[str]] = field(default_factory=dict)

    def stands(self, path: bytes, content: Content) -> None:
        """Note that a content stands at a path from now on."""
        self.stood.setdefault(path, []).append(content)
        self.final[path] = content.sha256

    def is_gone(self, path: bytes) -> None:
        """Note that nothing stands there any more."""
        self.final.pop(path, None)

    def lies(self, path: bytes, sha256: str) -> None:
        """Note a content that the server may have sent instead of the one that stands there."""
        self.lied.setdefault(path, set()).add(sha256)


@dataclass
class Truth:
    """Everything that the checker judges a round by."""

    sources: dict[str, SourceTruth] = field(default_factory=dict)  # by the instrument's slug
    planted: list[Planted] = field(default_factory=list)
    # Where a storage that is behind a server keeps its files, by the location's path.
    folders: dict[str, Path] = field(default_factory=dict)
    # Catalogued codes that an attempt may end with, and those that a file may be left with.
    may_meet: set[str] = field(default_factory=set)
    may_stay: set[str] = field(default_factory=set)
    installation: str = "0123456789abcdef"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plant(path: Path, content: bytes, *, adoptable: bool = False) -> Planted:
    """Put an object at a destination, and remember it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = path.stat()
    digest = hashlib.sha256(content).hexdigest()
    return Planted(path, digest, found.st_ino, found.st_mtime_ns, adoptable)


def files_below(root: Path) -> Iterator[tuple[bytes, Path]]:
    """All regular files and links below a folder with their path's bytes."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            yield os.fsencode(path.relative_to(root)), path
