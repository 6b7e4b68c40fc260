"""Receive: read each file of a batch once, hash while reading, write it to a temporary name.

Promised: an error of one file is its own; an error of the instrument stops the batch at once, so
that a refused log-on is not repeated 200 times. Not promised: anything about what is on disk;
that is `prove`.
"""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from app.clock import monotonic, utcnow
from app.errors import StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.retry import INSTRUMENT_LEVEL, STORAGE_LEVEL
from app.harvest.work import ClaimedCopy, Failure, Proof
from app.transfers.base import (
    ObjectFacts,
    ReadsAhead,
    Source,
    SourceCapabilities,
    StorageBatch,
    Temporary,
    Wanted,
    notes_of,
    read_many,
)

_FUSES = INSTRUMENT_LEVEL | STORAGE_LEVEL
_LARGE_BYTES = 256 << 10


async def receive(
    copies: tuple[ClaimedCopy, ...],
    source: Source | ReadsAhead,
    destination: StorageBatch,
    *,
    concurrency: int,
    arriving: dict[uuid.UUID, "Arriving"] | None = None,
) -> tuple[list[Proof], list[Failure], list[ClaimedCopy]]:
    """Read all files of a batch; return what was received, what failed, and what was not tried.

    What is on its way is in `arriving`, for whoever shows how far it is.
    """
    receiver = _Receiver(source, destination, {} if arriving is None else arriving)
    pending = list(reversed(copies))

    async def work() -> None:
        while pending and not receiver.is_blown:
            window = _next_window(pending, source.capabilities, lanes=concurrency)
            await receiver.take(window)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(copies))):
            group.create_task(work())
    return receiver.proofs, receiver.failures, [*receiver.untried, *pending]


def _next_window(
    pending: list[ClaimedCopy], source: SourceCapabilities, *, lanes: int
) -> list[ClaimedCopy]:
    """Take what one connection is asked for at once: a few small files, or one large one."""
    fair = -(-len(pending) // lanes) if source.splits else len(pending)
    most = min(source.window_files, fair)
    window = [pending.pop()]
    size = window[0].expected.size_bytes
    while pending and len(window) < most:
        size += pending[-1].expected.size_bytes
        if size > source.window_bytes:
            break
        window.append(pending.pop())
    return window


def _wanted(copy: ClaimedCopy) -> Wanted:
    if copy.origin is None:
        size_bytes, mtime_ns = copy.expected
        return Wanted(copy.path, size_bytes, mtime_ns=mtime_ns, previous=copy.previous)
    return Wanted(copy.origin.path, copy.expected.size_bytes, copy.origin.object_id)


class Arriving:
    """A file on its way in: hashed and written as it comes."""

    def __init__(self, copy: ClaimedCopy, temporary: Temporary) -> None:
        self.copy = copy
        self.digest = hashlib.sha256()
        self.received = 0
        self.began = monotonic()
        self._temporary = temporary
        self._is_open = True

    async def add(self, chunk: bytes) -> None:
        """Take a chunk; a large one is hashed while it is written, outside the event loop."""
        self.received += len(chunk)
        if len(chunk) < _LARGE_BYTES:
            self.digest.update(chunk)
            await self._temporary.write(chunk)
            return
        hashing = asyncio.get_running_loop().run_in_executor(None, self.digest.update, chunk)
        try:
            await self._temporary.write(chunk)
        finally:
            await hashing

    async def end(self) -> ObjectFacts:
        """Close the temporary."""
        self._is_open = False
        return await self._temporary.finish(self.copy.expected.mtime_ns)

    async def abandon(self) -> None:
        """Remove what came, unless it was closed: then the batch removes it."""
        if self._is_open:
            self._is_open = False
            # What stays is tried again by the batch, and swept later.
            with contextlib.suppress(StreamWeaveError):
                await self._temporary.abandon()


class _Receiver:
    """The files of one batch on their way in; a fuse blows on an error that concerns them all."""

    def __init__(
        self,
        source: Source | ReadsAhead,
        destination: StorageBatch,
        arriving: dict[uuid.UUID, Arriving],
    ) -> None:
        self._source = source
        self._notes = notes_of(source)
        self._destination = destination
        self._arriving = arriving
        self.is_blown = False
        self.proofs: list[Proof] = []
        self.failures: list[Failure] = []
        self.untried: list[ClaimedCopy] = []

    async def take(self, window: Sequence[ClaimedCopy]) -> None:
        """Receive some files over one connection, or note of each why not."""
        files = [_wanted(copy) for copy in window]
        arriving: Arriving | None = None
        over: set[int] = set()  # files that came or failed; a mover brings them in any order
        try:
            async with aclosing(read_many(self._source, files)) as pieces:
                async for number, piece in pieces:
                    if number in over:
                        continue  # the rest of a file that could not be written
                    is_last = False
                    try:
                        if isinstance(piece, StreamWeaveError):
                            raise piece
                        if arriving is None:
                            arriving = await self._begin(window[number])
                        if piece is not None:
                            await arriving.add(piece)
                            continue
                        self.proofs.append(await self._end(arriving))
                    except StreamWeaveError as error:
                        self._fail(window[number], error)
                        if arriving is not None:
                            await arriving.abandon()
                        is_last = len(over) + 1 == len(window)  # do not read the rest of it
                    self._arriving.pop(window[number].copy_id, None)
                    arriving = None
                    over.add(number)
                    if self.is_blown or is_last:
                        break
        finally:
            if arriving is not None:
                self._arriving.pop(arriving.copy.copy_id, None)
                await arriving.abandon()
        self.untried.extend(copy for at, copy in enumerate(window) if at not in over)

    def _fail(self, copy: ClaimedCopy, error: StreamWeaveError) -> None:
        self.failures.append(Failure(copy, error))
        self.is_blown = self.is_blown or error.code in _FUSES

    async def _begin(self, copy: ClaimedCopy) -> Arriving:
        arriving = Arriving(
            copy, await self._destination.create(copy.target, copy.expected.size_bytes)
        )
        self._arriving[copy.copy_id] = arriving
        return arriving

    async def _end(self, arriving: Arriving) -> Proof:
        written = await arriving.end()
        crash_point("after_file")
        return Proof(
            copy=arriving.copy,
            sha256=arriving.digest.digest(),
            bytes_received=arriving.received,
            object_id=written.object_id,
            facts=self._facts(arriving.copy, arriving.digest.hexdigest(), arriving.received),
        )

    def _facts(self, copy: ClaimedCopy, digest: str, received: int) -> dict[str, Any]:
        noted = self._notes.pop(copy.path, None)
        capabilities = self._source.capabilities
        size_bytes, mtime_ns = copy.expected
        read: dict[str, Any]
        if copy.origin is None:
            read = {"source_before": {"size_bytes": size_bytes, "mtime_ns": mtime_ns}}
        else:
            read = {"filled_from": str(copy.origin.copy_id)}
        return {
            "format": 1,
            "attempt": copy.attempt,
            "aim": copy.aim,
            "adapter": capabilities.mover,
            "protocol": capabilities.protocol,
            **read,
            "received_bytes": received,
            "received_sha256": digest,
            "received_at": utcnow().isoformat(),
            "double_read": "no",
            **({"mover_notes": dict(noted)} if noted else {}),
        }
