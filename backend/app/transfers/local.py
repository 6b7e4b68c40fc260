"""A local path (or a mounted share) as a source, read by ourselves: any name's bytes work."""

import os
import stat as stat_module
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.anchor import Anchor, anchored
from app.transfers.base import Entry, FileFacts, SourceCapabilities
from app.transfers.calls import STALL_SECONDS, Calls, calls_of, progress
from app.transfers.paths import name_problem, parent
from app.transfers.posix_errors import source_error

_CHUNK = 1 << 20
# O_NOATIME would spare the instrument a write, but only the owner may use it.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


_NO_FACTS = FileFacts(0, 0)


class LocalSource:
    """Files below a local root. Links and special files are not followed and not listed."""

    def __init__(self, root: Path, *, stall_seconds: float = STALL_SECONDS) -> None:
        self._root = root
        self._stall_seconds = stall_seconds
        self.capabilities = SourceCapabilities(
            mover="local",
            protocol="local",
            mtime_precision_ns=1,
            stat_opens=True,
            carries_any_name=True,
        )

    @property
    def _calls(self) -> Calls:
        return calls_of(self._root, "source_unreachable", self._stall_seconds)

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        return await self._calls.run(self._list, directory)

    def _list(self, directory: bytes) -> list[Entry]:
        entries = []
        try:
            with anchored(self._root) as anchor, os.scandir(anchor.directory(directory)) as found:
                for item in found:
                    progress()
                    if (entry := _entry(item)) is not None:
                        entries.append(entry)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StreamWeaveError("source_folder_missing", str(error.strerror)) from error
        except OSError as error:
            raise source_error(error, "listing") from error
        return entries

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Return each file's facts, by opening it."""
        calls = self._calls
        return await calls.run(self._stat, paths, calls)

    def _stat(self, paths: Sequence[bytes], calls: Calls) -> list[FileFacts | StreamWeaveError]:
        found: list[FileFacts | StreamWeaveError] = []
        calls.look()
        try:
            with anchored(self._root) as anchor:
                for path in paths:
                    progress()
                    found.append(_stat_one(anchor, path))
        except OSError as error:
            raise StreamWeaveError("source_folder_missing", str(error.strerror)) from error
        return found

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes."""
        calls = self._calls
        descriptor = await calls.opened(self._opened, path)
        received = 0
        try:
            while True:
                small = size_bytes - received < _CHUNK // 8
                make = calls.brief if small else calls.run
                chunk = await make(os.read, descriptor, _CHUNK)
                if not chunk:
                    break
                received += len(chunk)
                yield chunk
        except OSError as error:
            raise source_error(error, "reading") from error
        finally:
            calls.afterwards(lambda: os.close(descriptor))
        if received != size_bytes:
            raise StreamWeaveError(
                "source_file_changed", f"{received} bytes came, {size_bytes} were expected."
            )

    def _opened(self, path: bytes) -> int:
        try:
            with anchored(self._root) as anchor:
                return _open(anchor, path)
        except OSError as error:
            raise source_error(error, "opening") from error

    async def close(self) -> None:
        """Nothing is kept open."""


def _open(anchor: Anchor, path: bytes) -> int:
    anchor.trim()
    directory = anchor.directory(parent(path))
    return os.open(path.rpartition(b"/")[2], _READ, dir_fd=directory)


def _stat_one(anchor: Anchor, path: bytes) -> FileFacts | StreamWeaveError:
    try:
        descriptor = _open(anchor, path)
    except OSError as error:
        return source_error(error, "asking for size and time")
    try:
        found = os.fstat(descriptor)
        if not stat_module.S_ISREG(found.st_mode):
            return StreamWeaveError("source_file_missing", "What stands there is no regular file.")
        return _file_facts(found)
    finally:
        os.close(descriptor)


def _file_facts(found: os.stat_result) -> FileFacts:
    return FileFacts(found.st_size, found.st_mtime_ns)


def _entry(item: "os.DirEntry[str]") -> Entry | None:
    name = os.fsencode(item.name)
    problem = name_problem(name)
    try:
        found = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # it went away between the listing and the look
    if stat_module.S_ISDIR(found.st_mode):
        return Entry(name, True, _NO_FACTS, problem)
    if not stat_module.S_ISREG(found.st_mode):
        return None
    return Entry(name, False, _file_facts(found), problem)
