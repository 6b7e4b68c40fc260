"""POSIX storage: temporary name, one sync a batch, read-back past the page cache, link.

Order and what a crash leaves: temporary written (sweeper removes it), synced with the journal
line (the same), linked (both names, the next claimant compares), temporary unlinked (done).
`link(2)` fails when the name exists; where a file system has no links, `renameat2` with
RENAME_NOREPLACE does the same. Nothing here ever replaces a name.
"""

import asyncio
import contextlib
import errno
import os
import re
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.transfers.anchor import Anchor, anchored
from app.transfers.base import (
    ObjectFacts,
    Overwriting,
    ReadBack,
    Space,
    StorageCapabilities,
    Target,
)
from app.transfers.calls import STALL_SECONDS, SYNC_SECONDS, Calls, calls_of, progress
from app.transfers.paths import display, join, parent
from app.transfers.posix_errors import storage_error
from app.transfers.posix_files import (
    CHUNK,
    READ_FLAGS,
    begin_writeback,
    facts_of,
    fsync_name,
    read_back,
    rename_noreplace,
    stat_name,
    syncfs,
    write_all,
)
from app.transfers.sentinel import require_sentinel, sentinel_bytes, sentinel_in

T = TypeVar("T")
SENTINEL = Path(".streamweave") / "sentinel.json"
# A write of this size or more may block on the disk, so it leaves the event loop.
_INLINE_BYTES = 128 << 10
_READERS = 4
_SURELY_SHORT = 100
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_TEMPORARY = re.compile(rb"^\.streamweave-([0-9a-f]{8})-([0-9a-f]{32})-([0-9]+)\.part$")


class PosixStorage:
    """A directory tree on this machine (local disk, or a mounted file system)."""

    def __init__(
        self,
        root: Path,
        *,
        installation: str,
        sentinel: uuid.UUID,
        worker: str,
        case_insensitive: bool = False,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._root = root
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
        """Raise `storage_unreachable` unless this storage's sentinel is there."""
        await self._calls.run(self._check_ready)

    def _check_ready(self) -> None:
        require_sentinel(self._read_sentinel(), self._sentinel, str(self._root))

    def _read_sentinel(self) -> uuid.UUID | None:
        try:
            return sentinel_in((self._root / SENTINEL).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, "looking for the sentinel") from error

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        return await self._calls.run(self._read_sentinel)

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        await self._calls.run(self._place_sentinel)

    def _place_sentinel(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with anchored(self._root) as anchor:
                folder = anchor.directory(b".streamweave", make=True)
                descriptor = os.open(SENTINEL.name, flags, 0o644, dir_fd=folder)
                try:
                    write_all(descriptor, sentinel_bytes(self._sentinel))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise storage_error(error, "placing the sentinel") from error

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator["PosixBatch"]:
        """Open one batch."""
        await self.check_ready()
        calls = self._calls
        anchor = await calls.run(self._anchor, calls)
        try:
            yield PosixBatch(anchor, calls, self._installation, self._worker, self.capabilities)
        finally:
            calls.afterwards(anchor.close)

    def _anchor(self, calls: Calls) -> Anchor:
        calls.look()
        try:
            return Anchor(self._root)
        except OSError as error:
            raise storage_error(error, "opening") from error

    @property
    def _journal_folder(self) -> Path:
        return self._root / ".streamweave" / "journal" / self._installation

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal files here: name to size in bytes."""
        return await self._calls.run(self._journals)

    def _journals(self) -> dict[str, int]:
        try:
            return {path.name: path.stat().st_size for path in self._journal_folder.iterdir()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise storage_error(error, "looking for journals") from error

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal file from a position."""

        def read() -> bytes:
            with (self._journal_folder / name).open("rb") as file:
                file.seek(position)
                return file.read(size_bytes)

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
            with anchored(self._root) as anchor, os.scandir(anchor.directory(directory)) as entries:
                for entry in entries:
                    progress()
                    name = os.fsencode(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(join(directory, name))
                    elif (match := _TEMPORARY.match(name)) and match[1] == self._tag:
                        found.append((name, uuid.UUID(match[2].decode()), int(match[3])))
        except OSError as error:
            raise storage_error(error, "listing for the sweep") from error
        return folders, found

    @property
    def _tag(self) -> bytes:
        return self._installation[:8].encode()

    async def remove(self, path: bytes) -> None:
        """Remove one temporary that `temporaries` named."""
        await self._calls.run(self._remove, path)

    def _remove(self, path: bytes) -> None:
        try:
            with anchored(self._root) as anchor, contextlib.suppress(FileNotFoundError):
                os.unlink(path.rpartition(b"/")[2], dir_fd=anchor.directory(parent(path)))
        except OSError as error:
            raise storage_error(error, "removing") from error

    async def space(self) -> Space | None:
        """Return the space of the file system for an unprivileged user."""
        return await self._calls.run(self._space)

    def _space(self) -> Space:
        try:
            found = os.statvfs(self._root)
        except OSError as error:
            raise storage_error(error, "asking for the free space") from error
        usable = found.f_blocks - found.f_bfree + found.f_bavail
        return Space(found.f_frsize * usable, found.f_frsize * found.f_bavail)

    async def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a published file, or `size_bytes` of it from `offset`."""
        calls = self._calls
        descriptor = await calls.run(self._opened, path)
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

    def _opened(self, path: bytes) -> int:
        try:
            with anchored(self._root) as anchor:
                directory = anchor.directory(parent(path))
                return os.open(path.rpartition(b"/")[2], READ_FLAGS, dir_fd=directory)
        except FileNotFoundError as error:
            raise StreamWeaveError("storage_object_missing", display(path)) from error
        except OSError as error:
            raise storage_error(error, "opening") from error

    async def close(self) -> None:
        """Nothing is kept open."""


class PosixTemporary:
    """A file being written under its temporary name."""

    def __init__(self, batch: "PosixBatch", target: Target, descriptor: int) -> None:
        self.target = target
        self._batch = batch
        self._calls = batch.calls
        self._descriptor = descriptor
        self._written = 0

    async def write(self, chunk: bytes) -> None:
        """Append a chunk; a large one is written outside the event loop."""
        if len(chunk) < _INLINE_BYTES:
            await self._calls.brief(self._write, chunk)
        else:
            await self._calls.run(self._write, chunk)

    def _write(self, chunk: bytes) -> None:
        try:
            write_all(self._descriptor, chunk)
        except OSError as error:
            raise storage_error(error, "writing") from error
        if len(chunk) >= _INLINE_BYTES:
            begin_writeback(self._descriptor, self._written, len(chunk))
        self._written += len(chunk)

    async def finish(self, mtime_ns: int) -> ObjectFacts:
        """Set the modification time and close; nothing is durable yet."""
        return await self._calls.brief(self._finish, mtime_ns)

    def _finish(self, mtime_ns: int) -> ObjectFacts:
        try:
            try:
                os.utime(self._descriptor, ns=(mtime_ns, mtime_ns))
                facts = facts_of(os.fstat(self._descriptor))
            finally:
                os.close(self._descriptor)  # where a network file system tells that it is full
        except OSError as error:
            raise storage_error(error, "finishing") from error
        return facts

    async def abandon(self) -> None:
        """Close and remove it."""
        try:
            await self._calls.brief(self._close)
        except StreamWeaveError:
            self._calls.afterwards(self._close)  # a stuck call may be using it
            raise
        await self._batch.remove_temporary(self.target)

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # what was written is not wanted any more
            os.close(self._descriptor)


class PosixBatch:
    """The writing end for one batch; its calls come from one task group at a time."""

    def __init__(
        self,
        anchor: Anchor,
        calls: Calls,
        installation: str,
        worker: str,
        capabilities: StorageCapabilities,
    ) -> None:
        self._anchor = anchor
        self.calls = calls
        self.capabilities = capabilities
        self._installation = installation
        self._worker = worker

    def _temporary_name(self, target: Target) -> bytes:
        tag = self._installation[:8]
        return f".streamweave-{tag}-{target.copy_id.hex}-{target.attempt}.part".encode()

    def _place(self, target: Target, *, make: bool = False) -> tuple[int, bytes]:
        directory = self._anchor.directory(parent(target.dest_path), make=make)
        return directory, target.dest_path.rpartition(b"/")[2]

    async def create(self, target: Target, size_bytes: int) -> PosixTemporary:
        """Make the directories and an empty temporary file next to the final name."""
        return await self.calls.brief(self._create, target)

    def _create(self, target: Target) -> PosixTemporary:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            directory, name = self._place(target, make=True)
            # The temporary's name is shorter; below this all file systems take it.
            if len(name) > _SURELY_SHORT and len(name) > os.fpathconf(directory, "PC_NAME_MAX"):
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            descriptor = os.open(self._temporary_name(target), flags, 0o644, dir_fd=directory)
        except OSError as error:
            raise storage_error(error, "creating") from error
        return PosixTemporary(self, target, descriptor)

    async def make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        """Append the journal and sync: all at once, each alone when that fails."""
        return await self.calls.run(self._make_durable, targets, journal, seconds=SYNC_SECONDS)

    def _make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        try:
            journal_descriptor = self._append_journal(journal)
        except OSError as error:
            failure = storage_error(error, "writing the journal")
            return dict.fromkeys(targets, failure)
        try:
            device = os.fstat(self._anchor.root).st_dev
            # A mount point below the root is another file system: syncfs does not reach it.
            foreign = [t for t in targets if os.fstat(self._place(t)[0]).st_dev != device]
            try:
                syncfs(self._anchor.root)
            except OSError:
                foreign = list(targets)
                os.fsync(journal_descriptor)
            return self._sync_each(foreign)
        except OSError as error:
            return dict.fromkeys(targets, storage_error(error, "syncing"))
        finally:
            os.close(journal_descriptor)

    def _sync_each(self, targets: Sequence[Target]) -> dict[Target, StreamWeaveError]:
        failed = {}
        for target in targets:
            progress()
            try:
                directory, _ = self._place(target)
                fsync_name(directory, self._temporary_name(target))
                os.fsync(directory)
            except OSError as error:
                failed[target] = storage_error(error, "syncing")
        return failed

    def _append_journal(self, lines: bytes) -> int:
        folder = b".streamweave/journal/" + self._installation.encode()
        directory = self._anchor.directory(folder, make=True)
        name = f"{self._worker}-{utcnow():%Y%m%d}.jsonl"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o644, dir_fd=directory)
        try:
            # A full disk or a kill may have cut the last line off; it must not swallow this one.
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            write_all(descriptor, lines)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    async def read_back(
        self, targets: Sequence[Target], *, final: bool = False
    ) -> list[ReadBack | StreamWeaveError]:
        """Read temporaries (or, synced first, the final objects), each through a new opening."""
        lanes = max(1, min(_READERS, len(targets)))  # a device answers several at once
        found = await asyncio.gather(
            *(self.calls.run(self._read_back, targets[lane::lanes], final) for lane in range(lanes))
        )
        return [found[at % lanes][at // lanes] for at in range(len(targets))]

    def _read_back(
        self, targets: Sequence[Target], final: bool
    ) -> list[ReadBack | StreamWeaveError]:
        answers: list[ReadBack | StreamWeaveError] = []
        for target in targets:
            try:
                directory, name = self._place(target)
                name = name if final else self._temporary_name(target)
                answers.append(read_back(directory, name, sync=final))
            except OSError as error:
                answers.append(storage_error(error, "reading back"))
        return answers

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Give the temporary its final name; None when that name exists (it stays untouched)."""
        return await self.calls.brief(self._guarded, lambda: self._publish(target), "publishing")

    def _publish(self, target: Target) -> ObjectFacts | None:
        directory, name = self._place(target)
        temporary = self._temporary_name(target)
        try:
            os.link(
                temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False
            )
        except FileExistsError:
            return None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not rename_noreplace(directory, temporary, name):
                return None
        return facts_of(os.stat(name, dir_fd=directory, follow_symlinks=False))

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """Make the published names durable: one fsync a directory."""

        def sync() -> None:
            for directory in {self._place(target)[0] for target in targets}:
                os.fsync(directory)

        await self.calls.run(self._guarded, sync, "syncing the directory", seconds=SYNC_SECONDS)

    async def look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        """Return what stands at the final name and at the temporary name."""
        return await self.calls.brief(self._look, target)

    def _look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        try:
            directory, name = self._place(target)
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise storage_error(error, "looking") from error
        return (
            self._guarded(lambda: stat_name(directory, name), "looking"),
            self._guarded(lambda: stat_name(directory, self._temporary_name(target)), "looking"),
        )

    async def remove_temporary(self, target: Target) -> None:
        """Remove the temporary name; none there is fine."""

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                directory, _ = self._place(target)
                os.unlink(self._temporary_name(target), dir_fd=directory)

        await self.calls.brief(self._guarded, remove, "removing the temporary")

    async def withdraw(self, target: Target) -> bool:
        """Nothing is published by writing here."""
        return False

    @staticmethod
    def _guarded(work: Callable[[], T], step: str) -> T:
        try:
            return work()
        except OSError as error:
            raise storage_error(error, step) from error
