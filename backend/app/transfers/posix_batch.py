"""One batch on a POSIX file system, and the files that are being written in it.

Order and what a crash leaves: temporary written (sweeper removes it), synced with the journal
line (the same), linked (both names, the next claimant compares), temporary unlinked (done). On a
network file system each file is synced by its own handle before it is closed, and every error of
closing counts: there a server says that it is full.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.transfers.anchor import Anchor
from app.transfers.base import ObjectFacts, ReadBack, StorageCapabilities, Target
from app.transfers.calls import SYNC_SECONDS, Calls, progress
from app.transfers.layout import journal_folder, journal_name, temporary_name
from app.transfers.ownership import Ownership
from app.transfers.paths import parent
from app.transfers.posix_errors import storage_error
from app.transfers.posix_files import (
    Lasting,
    begin_writeback,
    facts_of,
    fsync_name,
    give_name,
    read_back,
    rename_if_unseen,
    stat_name,
    syncfs,
    write_all,
)

T = TypeVar("T")
# A write of this size or more may block on the disk, so it leaves the event loop.
_INLINE_BYTES = 128 << 10
_READERS = 4
_SURELY_SHORT = 100
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(frozen=True, slots=True)
class Ways:
    """How things are done on this file system."""

    lasting: Lasting = Lasting.DEVICE_AND_NUMBER
    can_refuse: bool = True  # a name that exists, in one step
    ownership: Ownership = field(default_factory=Ownership)

    @property
    def is_network(self) -> bool:
        """Whether the files are another machine's, or another program's."""
        return self.lasting is not Lasting.DEVICE_AND_NUMBER


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
        """Set owner, mode and time and close; durable yet only on a network file system."""
        if self._batch.ways.is_network:
            return await self._calls.run(self._finish, mtime_ns, seconds=SYNC_SECONDS)
        return await self._calls.brief(self._finish, mtime_ns)

    def _finish(self, mtime_ns: int) -> ObjectFacts:
        ways = self._batch.ways
        try:
            try:
                ways.ownership.of_file(self._descriptor)
                os.utime(self._descriptor, ns=(mtime_ns, mtime_ns))
                if ways.is_network:
                    os.fsync(self._descriptor)
                facts = facts_of(os.fstat(self._descriptor), ways.lasting)
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
        writer: tuple[str, str],
        ways: Ways,
        capabilities: StorageCapabilities,
    ) -> None:
        self._anchor = anchor
        self.ways = ways
        self.calls = calls
        self.capabilities = capabilities
        self._installation, self._worker = writer

    def _temporary_name(self, target: Target) -> bytes:
        return temporary_name(self._installation, target)

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
            if self.ways.is_network:
                os.fsync(journal_descriptor)
                return self._sync_folders(targets)
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

    def _sync_folders(self, targets: Sequence[Target]) -> dict[Target, StreamWeaveError]:
        """Sync the directories of temporaries that were synced by their own handles."""
        failed = {}
        for target in targets:
            progress()
            try:
                self._sync_folder(self._place(target)[0])
            except OSError as error:
                failed[target] = storage_error(error, "syncing")
        return failed

    def _sync_folder(self, directory: int) -> None:
        try:
            os.fsync(directory)
        except OSError as error:
            # Some network file systems have no such call: their names are the server's affair.
            if not self.ways.is_network or error.errno not in _NO_FOLDER_SYNC:
                raise

    def _append_journal(self, lines: bytes) -> int:
        directory = self._anchor.directory(journal_folder(self._installation), make=True)
        name = journal_name(self._worker, utcnow())
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
                answers.append(read_back(directory, name, sync=final, lasting=self.ways.lasting))
            except OSError as error:
                answers.append(storage_error(error, "reading back"))
        return answers

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Give the temporary its final name; None when that name exists (it stays untouched)."""
        return await self.calls.brief(self._guarded, lambda: self._publish(target), "publishing")

    def _publish(self, target: Target) -> ObjectFacts | None:
        directory, name = self._place(target)
        temporary = self._temporary_name(target)
        give = give_name if self.ways.can_refuse else rename_if_unseen
        if not give(directory, temporary, name):
            return None
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        return facts_of(found, self.ways.lasting)

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """Make the published names durable: one fsync a directory."""

        def sync() -> None:
            for directory in {self._place(target)[0] for target in targets}:
                self._sync_folder(directory)

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
        names, lasting = (name, self._temporary_name(target)), self.ways.lasting
        final, temporary = (
            self._guarded(lambda n=n: stat_name(directory, n, lasting), "looking")  # type: ignore[misc]
            for n in names
        )
        return final, temporary

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
