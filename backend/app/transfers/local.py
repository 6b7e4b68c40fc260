"""A local path (or a mounted share) as a source, read by ourselves: any name's bytes work."""

import asyncio
import os
import stat as stat_module
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.anchor import Anchor, anchored
from app.transfers.base import Entry, FileFacts, SourceCapabilities
from app.transfers.paths import name_problem, parent
from app.transfers.posix_errors import source_error

_CHUNK = 1 << 20
# O_NOATIME would spare the instrument a write, but only the owner may use it.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


_NO_FACTS = FileFacts(0, 0)


class LocalSource:
    """Files below a local root. Links and special files are not followed and not listed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.capabilities = SourceCapabilities(
            mover="local",
            protocol="local",
            mtime_precision_ns=1,
            stat_opens=True,
            carries_any_name=True,
        )

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        return await asyncio.to_thread(self._list, directory)

    def _list(self, directory: bytes) -> list[Entry]:
        entries = []
        try:
            with anchored(self._root) as anchor, os.scandir(anchor.directory(directory)) as found:
                for item in found:
                    if (entry := _entry(item)) is not None:
                        entries.append(entry)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StreamWeaveError("source_folder_missing", str(error.strerror)) from error
        except OSError as error:
            raise source_error(error, "listing") from error
        return entries

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Return each file's facts, by opening it."""
        return await asyncio.to_thread(self._stat, paths)

    def _stat(self, paths: Sequence[bytes]) -> list[FileFacts | StreamWeaveError]:
        found: list[FileFacts | StreamWeaveError] = []
        try:
            with anchored(self._root) as anchor:
                for path in paths:
                    found.append(_stat_one(anchor, path))
        except OSError as error:
            raise StreamWeaveError("source_folder_missing", str(error.strerror)) from error
        return found

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes."""
        try:
            with anchored(self._root) as anchor:
                descriptor = _open(anchor, path)
        except OSError as error:
            raise source_error(error, "opening") from error
        received = 0
        try:
            while True:
                small = size_bytes - received < _CHUNK // 8
                chunk = (
                    os.read(descriptor, _CHUNK)
                    if small
                    else await asyncio.to_thread(os.read, descriptor, _CHUNK)
                )
                if not chunk:
                    break
                received += len(chunk)
                yield chunk
        except OSError as error:
            raise source_error(error, "reading") from error
        finally:
            os.close(descriptor)
        if received != size_bytes:
            raise StreamWeaveError(
                "source_file_changed", f"{received} bytes came, {size_bytes} were expected."
            )

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
        return _file_facts(os.fstat(descriptor))
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
