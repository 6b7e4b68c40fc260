"""Receive: read each file of a batch once, hash while reading, write it to a temporary name.

Promised: an error of one file is its own; an error of the instrument stops the batch at once, so
that a refused log-on is not repeated 200 times. Not promised: anything about what is on disk;
that is `prove`.
"""

import asyncio
import hashlib
from contextlib import aclosing
from typing import Any

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.retry import INSTRUMENT_LEVEL, STORAGE_LEVEL
from app.harvest.work import ClaimedCopy, Failure, Proof
from app.transfers.base import Source, StorageBatch

_FUSES = INSTRUMENT_LEVEL | STORAGE_LEVEL


async def receive(
    copies: tuple[ClaimedCopy, ...],
    source: Source,
    destination: StorageBatch,
    *,
    concurrency: int,
) -> tuple[list[Proof], list[Failure], list[ClaimedCopy]]:
    """Read all files of a batch; return what was received, what failed, and what was not tried."""
    receiver = _Receiver(source, destination)
    pending = list(reversed(copies))

    async def work() -> None:
        while pending:
            await receiver.take(pending.pop())

    await source.prepare([copy.path for copy in copies])
    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(copies))):
            group.create_task(work())
    return receiver.proofs, receiver.failures, receiver.untried


class _Receiver:
    """The files of one batch on their way in; a fuse blows on an error that concerns them all."""

    def __init__(self, source: Source, destination: StorageBatch) -> None:
        self._source = source
        self._destination = destination
        self._blown: StreamWeaveError | None = None
        self.proofs: list[Proof] = []
        self.failures: list[Failure] = []
        self.untried: list[ClaimedCopy] = []

    async def take(self, copy: ClaimedCopy) -> None:
        """Receive one file, or note why not."""
        if self._blown is not None:
            self.untried.append(copy)
            return
        try:
            self.proofs.append(await self._receive(copy))
        except StreamWeaveError as error:
            self.failures.append(Failure(copy, error))
            if error.code in _FUSES:
                self._blown = error

    async def _receive(self, copy: ClaimedCopy) -> Proof:
        digest, received = hashlib.sha256(), 0
        temporary = await self._destination.create(copy.target)
        try:
            async with aclosing(self._source.read(copy.path, copy.expected.size_bytes)) as chunks:
                async for chunk in chunks:
                    digest.update(chunk)
                    received += len(chunk)
                    await temporary.write(chunk)
        except BaseException:
            await temporary.abandon()
            raise
        written = await temporary.finish(copy.expected.mtime_ns)
        crash_point("after_file")
        return Proof(
            copy=copy,
            sha256=digest.digest(),
            bytes_received=received,
            object_id=written.object_id,
            facts=self._facts(copy, digest.hexdigest(), received),
        )

    def _facts(self, copy: ClaimedCopy, digest: str, received: int) -> dict[str, Any]:
        capabilities = self._source.capabilities
        return {
            "format": 1,
            "attempt": copy.attempt,
            "aim": copy.aim,
            "adapter": capabilities.mover,
            "protocol": capabilities.protocol,
            "source_before": {
                "size_bytes": copy.expected.size_bytes,
                "mtime_ns": copy.expected.mtime_ns,
            },
            "received_bytes": received,
            "received_sha256": digest,
            "received_at": utcnow().isoformat(),
            "double_read": "no",
        }
