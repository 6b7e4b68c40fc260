"""One batch at a file server, and the files that are being written in it.

A small file is sent whole when it is finished; a larger one block by block, one block on its way
while the next one comes.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from app.errors import StreamWeaveError
from app.transfers.base import (
    ObjectFacts,
    Overwriting,
    ReadBack,
    ReadBackFrom,
    StorageCapabilities,
    Target,
)
from app.transfers.file_server import FileServer, Standing, Writing, must_stand
from app.transfers.layout import temporary_name
from app.transfers.paths import display, join, parent

if TYPE_CHECKING:
    from app.transfers.served import ServedStorage

T = TypeVar("T")
_BLOCK = 1 << 20
_LARGE_BYTES = 256 << 10  # hashed outside the event loop


async def in_folder(server: FileServer, path: bytes, write: Callable[[], Awaitable[T]]) -> T:
    """Write at a path; make its folders and write again where they are missing."""
    parts = parent(path).split(b"/") if parent(path) else []
    folders = [b"/".join(parts[: depth + 1]) for depth in range(len(parts))]
    try:
        return await write()
    except StreamWeaveError as error:
        if error.code == "storage_error":  # all that some servers say of a file in the way
            for folder in folders:
                await _refuse_file(server, folder, error)
        if error.code != "storage_object_missing":
            raise
    for folder in folders:
        try:
            await server.make_folder(folder)
        except StreamWeaveError as error:
            await _refuse_file(server, folder, error)
            raise
    try:
        return await write()
    except StreamWeaveError as error:
        if error.code != "storage_object_missing":
            raise
        # All that some servers say to who may not write.
        raise StreamWeaveError("storage_permission_denied", error.detail) from error


async def _refuse_file(server: FileServer, path: bytes, error: StreamWeaveError) -> None:
    """Say that a file stands where a folder is wanted, if that is why it failed."""
    found = await server.stat(path)
    if found is not None and not found.is_folder:
        raise StreamWeaveError(
            "destination_conflict", f"A file stands in the way: {display(path)}."
        ) from error


class ServedTemporary:
    """A file being written under its temporary name."""

    def __init__(self, batch: "ServedBatch", target: Target, size_bytes: int) -> None:
        self.target = target
        self._size_bytes = size_bytes
        self._batch = batch
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._writing: Writing | None = None
        self._sending: asyncio.Task[None] | None = None

    async def write(self, chunk: bytes) -> None:
        """Take a chunk; an error may be told at the next call."""
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes >= _BLOCK:
            await self._send()

    async def _send(self) -> None:
        await self._sent()
        if self._writing is None:
            self._writing = await self._batch.begin(self.target, self._size_bytes)
        block = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        self._sending = asyncio.ensure_future(self._writing.write(block))
        self._sending.add_done_callback(_look_at)  # nobody may be there any more to take its error

    async def _sent(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            await sending

    async def finish(self, mtime_ns: int) -> ObjectFacts:
        """Send what is left, set the time, flush and close."""
        if self._writing is None:
            content = b"".join(self._held)
            return await self._batch.put(self.target, content, mtime_ns)
        finished = False
        try:
            if self._held:
                await self._send()
            await self._sent()
            standing = await self._writing.finish(mtime_ns)
            finished = True
        finally:
            if not finished:
                await self._close()  # a handle that stays open may forbid the removal
        return self._batch.facts(standing)

    async def abandon(self) -> None:
        """Close and remove it."""
        await self._close()
        await self._batch.remove_temporary(self.target)

    async def _close(self) -> None:
        try:
            with contextlib.suppress(StreamWeaveError):  # what was written is not wanted any more
                await self._sent()
        finally:
            if self._writing is not None:
                with contextlib.suppress(StreamWeaveError):
                    await self._writing.abandon()


def _look_at(sending: "asyncio.Task[None]") -> None:
    if not sending.cancelled():
        sending.exception()


class ServedBatch:
    """The writing end for one batch."""

    def __init__(self, storage: "ServedStorage", server: FileServer, installation: str) -> None:
        self._storage = storage
        self._server = server
        self._installation = installation
        self._renamed: set[Target] = set()  # nothing stands under their temporary names
        self.facts = storage.facts

    def _temporary(self, target: Target) -> bytes:
        return join(parent(target.dest_path), temporary_name(self._installation, target))

    @property
    def capabilities(self) -> StorageCapabilities:
        """What the storage can do, as far as is known by now."""
        return self._storage.capabilities

    async def create(self, target: Target, size_bytes: int) -> ServedTemporary:
        """Begin a file. Nothing is sent before a block is full, or the file is finished."""
        self._server.check_path(target.dest_path)
        self._renamed.discard(target)
        return ServedTemporary(self, target, size_bytes)

    async def begin(self, target: Target, size_bytes: int) -> Writing:
        """Create the temporary, with its folders where they are missing."""
        path = self._temporary(target)
        return await in_folder(self._server, path, lambda: self._server.create(path, size_bytes))

    async def put(self, target: Target, content: bytes, mtime_ns: int) -> ObjectFacts:
        """Write a small temporary whole."""
        path = self._temporary(target)
        put = await in_folder(self._server, path, lambda: self._server.put(path, content, mtime_ns))
        return self.facts(put)

    async def make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        """Append the journal; each temporary was flushed by its own handle."""
        try:
            await self._storage.append_journal(journal)
        except StreamWeaveError as error:
            return dict.fromkeys(targets, error)
        return {}

    async def read_back(
        self, targets: Sequence[Target], *, final: bool = False
    ) -> list[ReadBack | StreamWeaveError]:
        """Read temporaries (or, flushed first, the final objects), each through a new opening."""
        answers: dict[int, ReadBack | StreamWeaveError] = {}
        pending = iter(enumerate(targets))

        async def work() -> None:
            for at, target in pending:
                path = target.dest_path if final else self._temporary(target)
                try:
                    if final:
                        await self._sync(path)
                    answers[at] = await self._read_back(path)
                except StreamWeaveError as error:
                    answers[at] = error

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._storage.capabilities.concurrency, len(targets))):
                group.create_task(work())
        return [answers[at] for at in range(len(targets))]

    async def _sync(self, path: bytes) -> None:
        """Flush what stands at a final name, whoever put it there."""
        found = must_stand(await self._server.stat(path), path)
        if found.is_folder:
            raise StreamWeaveError("destination_conflict", f"A folder: {display(path)}.")
        await self._server.sync(path)

    async def _read_back(self, path: bytes) -> ReadBack:
        digest, size = hashlib.sha256(), 0
        async with self._server.open(path) as reading:
            facts = self.facts(reading.standing)
            async with contextlib.aclosing(reading.chunks()) as chunks:
                hashing: asyncio.Future[None] | None = None
                async for chunk in chunks:
                    size += len(chunk)
                    if hashing is not None:
                        await hashing
                    hashing = None
                    if len(chunk) < _LARGE_BYTES:
                        digest.update(chunk)
                    else:
                        loop = asyncio.get_running_loop()
                        hashing = loop.run_in_executor(None, digest.update, chunk)
                if hashing is not None:
                    await hashing
        return ReadBack(digest.digest(), size, facts.object_id, ReadBackFrom.SERVER_CACHE)

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Rename the temporary; None when the final name exists (it stays untouched)."""
        final = target.dest_path
        refused = self._storage.capabilities.overwriting is Overwriting.REFUSED
        # All that can be done with a server that overwrites: nobody else may write there.
        if not refused and await self._server.stat(final) is not None:
            return None
        published = await self._server.rename_if_free(self._temporary(target), final)
        if published is None:
            return None
        self._renamed.add(target)
        return self.facts(published)

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """Flush the folders' names where the protocol can."""
        for folder in sorted({parent(target.dest_path) for target in targets}):
            await self._server.sync_names(folder)

    async def look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        """Return what stands at the final name and at the temporary name."""
        self._server.check_path(target.dest_path)
        final, temporary = await asyncio.gather(
            self._server.stat(target.dest_path), self._server.stat(self._temporary(target))
        )
        return self._facts(final), self._facts(temporary)

    def _facts(self, standing: Standing | None) -> ObjectFacts | None:
        return None if standing is None else self.facts(standing)

    async def remove_temporary(self, target: Target) -> None:
        """Remove the temporary name; none there is fine, and known after a rename."""
        if target not in self._renamed:
            await self._server.remove(self._temporary(target))

    async def withdraw(self, target: Target) -> bool:
        """Nothing is published by writing here."""
        return False
