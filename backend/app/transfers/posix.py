"""POSIX storage: a local disk, or a file system that somebody mounted (NFS, CIFS, FUSE).

Opened beneath its root only (`anchor`); what is mounted there is asked of the opened root itself,
before every batch and whatever else is done, so that nothing goes into the empty folder that an
unmounted file system leaves. How a batch is written stands in `posix_batch`.
"""

import contextlib
import os
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.anchor import Anchor
from app.transfers.base import Overwriting, Space, StorageCapabilities, Target
from app.transfers.calls import STALL_SECONDS, Calls, calls_of, progress
from app.transfers.layout import (
    FOLDER,
    JOURNAL_SUFFIX,
    journal_folder,
    temporary_name,
    temporary_of,
)
from app.transfers.mounts import MountRule, mount_of
from app.transfers.ownership import Ownership
from app.transfers.paths import display, join, parent
from app.transfers.posix_batch import PosixBatch, Ways
from app.transfers.posix_errors import storage_error
from app.transfers.posix_files import (
    CANNOT_REFUSE,
    CHUNK,
    READ_FLAGS,
    Lasting,
    give_name,
    write_all,
)
from app.transfers.sentinel import (
    SENTINEL_PATH,
    require_sentinel,
    sentinel_bytes,
    sentinel_in,
)

SENTINEL = Path(SENTINEL_PATH.decode())
_NETWORK_CONCURRENCY = 8
_SENTINEL_BYTES = 64 << 10


class PosixStorage:
    """A directory tree on this machine (local disk, or a mounted file system)."""

    def __init__(  # noqa: PLR0913  # what may differ between two storages, by name
        self,
        root: Path,
        *,
        installation: str,
        sentinel: uuid.UUID,
        worker: str,
        case_insensitive: bool = False,
        stall_seconds: float = STALL_SECONDS,
        mount: MountRule | None = None,
        ownership: Ownership | None = None,
    ) -> None:
        self._root = root
        self._mount = mount
        self._ways = Ways(ownership=ownership or Ownership())
        self._stall_seconds = stall_seconds
        self._installation = installation
        self._sentinel = sentinel
        self._worker = worker
        self.capabilities = StorageCapabilities(
            kind="posix",
            overwriting=Overwriting.REFUSED,
            durable=True,
            case_insensitive=case_insensitive,
        )

    @property
    def _calls(self) -> Calls:
        return calls_of(self._root, "storage_stalled", self._stall_seconds)

    async def check_ready(self) -> None:
        """Look what is mounted, and for this storage's sentinel.

        Raises:
            StreamWeaveError: `storage_not_mounted`, `storage_unreachable` without the sentinel.
        """
        await self._calls.run(self._check_ready)

    def _check_ready(self) -> None:
        try:
            with self._anchored() as anchor:
                self._learn(anchor)
                require_sentinel(_sentinel(anchor), self._sentinel, str(self._root))
                if self._ways.is_network:
                    self._probe(anchor)
        except OSError as error:
            raise StreamWeaveError(
                "storage_unreachable", f"{self._root / SENTINEL}: {error.strerror or error}."
            ) from error

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        return await self._calls.run(self._find_sentinel)

    def _find_sentinel(self) -> uuid.UUID | None:
        try:
            with self._anchored() as anchor:
                return _sentinel(anchor)
        except OSError as error:
            raise storage_error(error, "looking for the sentinel") from error

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        await self._calls.run(self._place_sentinel)

    def _place_sentinel(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with self._anchored() as anchor:
                folder = anchor.directory(FOLDER, make=True)
                descriptor = os.open(SENTINEL.name, flags, 0o644, dir_fd=folder)
                try:
                    write_all(descriptor, sentinel_bytes(self._sentinel))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise storage_error(error, "placing the sentinel") from error

    def _learn(self, anchor: Anchor) -> None:
        """Find out how things are done on the file system that is there now."""
        self._ways.ownership.check()
        mount = mount_of(anchor.root)
        is_network = mount is not None and mount.is_network
        lasting = Lasting.DEVICE_AND_NUMBER
        if mount is not None and mount.is_network:
            lasting = Lasting.NUMBER if mount.keeps_numbers else Lasting.NEITHER
        self._ways = replace(self._ways, lasting=lasting)
        self.capabilities = replace(
            self.capabilities,
            durable=mount is None or not mount.may_forget,
            concurrency=_NETWORK_CONCURRENCY if is_network else 1,
        )

    def _probe(self, anchor: Anchor) -> None:
        """Find out whether a mount can refuse a name that exists: not every protocol below can."""
        directory = anchor.directory(FOLDER)
        names = [temporary_name(self._installation, Target(b"", uuid.uuid4(), 0)) for _ in range(2)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            os.close(os.open(names[0], flags, 0o644, dir_fd=directory))
            can_refuse = give_name(directory, *names)
        except OSError as error:
            if error.errno not in CANNOT_REFUSE:
                raise storage_error(error, "trying to write") from error
            can_refuse = False
        finally:
            for name in names:
                with contextlib.suppress(OSError):  # what stays is swept
                    os.unlink(name, dir_fd=directory)
        self._ways = replace(self._ways, can_refuse=can_refuse)
        refused, looked = Overwriting.REFUSED, Overwriting.EXCLUSIVE_WRITER_ONLY
        self.capabilities = replace(
            self.capabilities, overwriting=refused if can_refuse else looked
        )

    @contextlib.contextmanager
    def _anchored(self) -> Iterator[Anchor]:
        anchor = self._anchor()
        try:
            yield anchor
        finally:
            anchor.close()

    def _anchor(self) -> Anchor:
        """Open the root, and look that it lies where it must."""
        try:
            anchor = Anchor(self._root, made=self._ways.ownership.of_folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._mount is None:
                raise
            raise StreamWeaveError("storage_not_mounted", f"{self._root} is missing.") from error
        if self._mount is not None:
            try:
                self._mount.check(mount_of(anchor.root), self._root)
            except StreamWeaveError:
                anchor.close()
                raise
        return anchor

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[PosixBatch]:
        """Open one batch."""
        await self.check_ready()
        calls = self._calls
        anchor = await calls.run(self._batch_anchor, calls)
        try:
            yield PosixBatch(
                anchor, calls, (self._installation, self._worker), self._ways, self.capabilities
            )
        finally:
            calls.afterwards(anchor.close)

    def _batch_anchor(self, calls: Calls) -> Anchor:
        calls.look()
        try:
            return self._anchor()
        except OSError as error:
            raise storage_error(error, "opening") from error

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal files here: name to size in bytes."""
        return await self._calls.run(self._journals)

    def _journals(self) -> dict[str, int]:
        try:
            with self._anchored() as anchor:
                directory = anchor.directory(journal_folder(self._installation))
                with os.scandir(directory) as entries:
                    kept = [entry for entry in entries if entry.name.endswith(JOURNAL_SUFFIX)]
                    return {entry.name: entry.stat().st_size for entry in kept}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise storage_error(error, "looking for journals") from error

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal file from a position."""

        def read() -> bytes:
            with self._anchored() as anchor:
                directory = anchor.directory(journal_folder(self._installation))
                descriptor = os.open(name, READ_FLAGS, dir_fd=directory)
                try:
                    return os.pread(descriptor, size_bytes, position)
                finally:
                    os.close(descriptor)

        try:
            return await self._calls.run(read)
        except OSError as error:
            raise storage_error(error, "reading a journal") from error

    async def temporaries(self) -> AsyncIterator[tuple[bytes, uuid.UUID, int]]:
        """Walk this installation's temporaries: path, copy, attempt."""
        pending = [b""]
        while pending:
            directory = pending.pop()
            folders, found = await self._calls.run(self._scan, directory)
            pending.extend(folders)
            for name, copy_id, attempt in found:
                yield join(directory, name), copy_id, attempt

    def _scan(self, directory: bytes) -> tuple[list[bytes], list[tuple[bytes, uuid.UUID, int]]]:
        folders, found = [], []
        try:
            with self._anchored() as anchor, os.scandir(anchor.directory(directory)) as entries:
                for entry in entries:
                    progress()
                    name = os.fsencode(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(join(directory, name))
                    elif (ours := temporary_of(name, self._installation)) is not None:
                        found.append((name, *ours))
        except OSError as error:
            raise storage_error(error, "listing for the sweep") from error
        return folders, found

    async def remove(self, path: bytes) -> None:
        """Remove one temporary that `temporaries` named."""
        await self._calls.run(self._remove, path)

    def _remove(self, path: bytes) -> None:
        try:
            with self._anchored() as anchor, contextlib.suppress(FileNotFoundError):
                os.unlink(path.rpartition(b"/")[2], dir_fd=anchor.directory(parent(path)))
        except OSError as error:
            raise storage_error(error, "removing") from error

    async def space(self) -> Space | None:
        """Return the space of the file system for an unprivileged user."""
        return await self._calls.run(self._space)

    def _space(self) -> Space:
        try:
            with self._anchored() as anchor:
                found = os.fstatvfs(anchor.root)
        except OSError as error:
            raise storage_error(error, "asking for the free space") from error
        usable = found.f_blocks - found.f_bfree + found.f_bavail
        return Space(found.f_frsize * usable, found.f_frsize * found.f_bavail)

    async def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a published file, or `size_bytes` of it from `offset`."""
        calls = self._calls
        descriptor = await calls.opened(self._opened, path)
        left = sys.maxsize if size_bytes is None else size_bytes
        try:
            while left and (
                chunk := await calls.run(os.pread, descriptor, min(CHUNK, left), offset)
            ):
                offset += len(chunk)
                left -= len(chunk)
                yield chunk
        except OSError as error:
            raise storage_error(error, "reading") from error
        finally:
            calls.afterwards(lambda: os.close(descriptor))

    async def local_path(self, path: bytes) -> Path | None:
        """Return where a published file lies, for who reads it by itself; None without it."""
        try:
            descriptor = await self._calls.run(self._opened, path)
        except StreamWeaveError:
            return None  # whoever needs the file itself will hear why
        self._calls.afterwards(lambda: os.close(descriptor))
        return self._root / os.fsdecode(path)

    def _opened(self, path: bytes) -> int:
        try:
            with self._anchored() as anchor:
                directory = anchor.directory(parent(path))
                return os.open(path.rpartition(b"/")[2], READ_FLAGS, dir_fd=directory)
        except FileNotFoundError as error:
            raise StreamWeaveError("storage_object_missing", display(path)) from error
        except OSError as error:
            raise storage_error(error, "opening") from error

    async def close(self) -> None:
        """Nothing is kept open."""


def _sentinel(anchor: Anchor) -> uuid.UUID | None:
    try:
        directory = anchor.directory(parent(SENTINEL_PATH))
        descriptor = os.open(SENTINEL.name, READ_FLAGS, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        return sentinel_in(os.read(descriptor, _SENTINEL_BYTES))
    finally:
        os.close(descriptor)
