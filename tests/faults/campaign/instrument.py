"""The instrument of a round: writes, changes and removes its files, and notes each in the truth."""

import hashlib
import os
import random
from pathlib import Path

from tests.faults.truth import Content, SourceTruth

_FIRST_MTIME_S = 1_700_000_000
_CHUNK = 1 << 20
FOLDERS = (b"", b"run 1", b"run 1/raw", b"\xc3\xbcbung")
# Any name's bytes work on a local source; protocols carry less.
ODD_NAMES = (b"\xff\xfe.raw", b"-rf", b" leading", b"new\nline.raw", b"quote'\".raw", b"100%41.raw")


class Files:
    """The files of one instrument. Sizes and times never come twice, nor do contents."""

    def __init__(self, root: Path, rng: random.Random, *, any_name: bool) -> None:
        self.truth = SourceTruth(root)
        self._root = root
        self._rng = rng
        self._any_name = any_name
        self._mtime_s = _FIRST_MTIME_S
        self._number = 0

    def path(self, name: bytes) -> Path:
        """Where a file stands."""
        return self._root / os.fsdecode(name)

    def _size(self) -> int:
        if self._rng.random() < 0.06:
            return _CHUNK + self._rng.randrange(2 * _CHUNK)  # more than one chunk
        return self._rng.choice((0, 1, self._rng.randrange(2000), self._rng.randrange(40_000)))

    def add(self, count: int) -> list[bytes]:
        """Write new files, as complete as an instrument that renames into place makes them."""
        added = []
        for _ in range(count):
            self._number += 1
            folder = self._rng.choice(FOLDERS)
            name = b"file %d.raw" % self._number
            if self._any_name and self._rng.random() < 0.15:
                name = b"%d" % self._number + self._rng.choice(ODD_NAMES)
            added.append(folder + b"/" + name if folder else name)
            self.put(added[-1], self._rng.randbytes(self._size()))
        return added

    def add_large(self, size_bytes: int) -> bytes:
        """Write one file of a given size."""
        self._number += 1
        name = b"large %d.raw" % self._number
        self.put(name, self._rng.randbytes(size_bytes))
        return name

    def put(self, name: bytes, content: bytes) -> None:
        """Put a whole content at a name, by one rename."""
        being_written = self._root.parent / f"{self._root.name}.being-written"
        being_written.write_bytes(content)
        mtime_ns = self._next_mtime_ns()
        os.utime(being_written, ns=(mtime_ns, mtime_ns))
        place = self.path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        being_written.replace(place)
        self._note(name, content, mtime_ns)

    def _next_mtime_ns(self) -> int:
        self._mtime_s += 10
        return self._mtime_s * 10**9

    def _note(self, name: bytes, content: bytes, mtime_ns: int) -> None:
        digest = hashlib.sha256(content).hexdigest()
        self.truth.stands(name, Content(len(content), mtime_ns, digest))

    def some(self, count: int) -> list[bytes]:
        """Some of the files that are there."""
        there = sorted(self.truth.final)
        return self._rng.sample(there, min(count, len(there)))

    # --- changes, each of a file that may be open for reading ---------------------------------

    def _in_place(self, name: bytes, content: bytes) -> None:
        place = self.path(name)
        with place.open("r+b") as file:
            file.write(content)
            file.truncate()
        mtime_ns = self._next_mtime_ns()
        os.utime(place, ns=(mtime_ns, mtime_ns))
        self._note(name, content, mtime_ns)

    def grow(self, name: bytes) -> None:
        """Append to it."""
        more = self._rng.randbytes(1 + self._rng.randrange(5000))
        self._in_place(name, self.path(name).read_bytes() + more)

    def truncate(self, name: bytes) -> None:
        """Cut its end off."""
        content = self.path(name).read_bytes()
        self._in_place(name, content[: self._rng.randrange(max(1, len(content)))])

    def rewrite(self, name: bytes) -> None:
        """Write other bytes of the same size over it."""
        self._in_place(name, self._rng.randbytes(self.path(name).stat().st_size))

    def replace(self, name: bytes) -> None:
        """Rename another file over it."""
        self.put(name, self._rng.randbytes(self._size()))

    def rename(self, name: bytes) -> None:
        """Give it another name in its folder."""
        self._number += 1
        folder = name.rpartition(b"/")[0]
        new = b"renamed %d.raw" % self._number
        new = folder + b"/" + new if folder else new
        self.path(name).rename(self.path(new))
        before = self.truth.stood[name][-1]
        self.truth.is_gone(name)
        self.truth.stands(new, before)

    def delete(self, name: bytes) -> None:
        """Delete it."""
        self.path(name).unlink()
        self.truth.is_gone(name)

    def may_lose(self, name: bytes) -> bool:
        """Whether its folder has enough other files for its loss to be believed."""
        folder = name.rpartition(b"/")[0]
        return sum(one.rpartition(b"/")[0] == folder for one in self.truth.final) > 5
