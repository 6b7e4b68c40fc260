"""A flight check: one real file travels the whole way to a scratch name, by the engine's own steps.

Nothing of it is kept: no version, no copy, no journal line, and the scratch object is removed. What
a kill leaves, or a removal that failed, is one of two names made of the flight's id: the temporary
and the scratch object. The next flight of the instrument removes both.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from app.clock import monotonic, utcnow
from app.errors import StreamWeaveError
from app.harvest.prove import prove
from app.harvest.publish import publish
from app.harvest.transfer import receive
from app.harvest.work import ClaimedCopy, Failure, Proof
from app.transfers.base import FileFacts, Source, Storage, StorageBatch
from app.transfers.layout import FOLDER

_GONE_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_SCRATCH = FOLDER + b"/flight"


@dataclass(frozen=True, slots=True)
class Station:
    """One step of a flight: whether it was reached, in how many seconds, and what shows it."""

    name: str  # ready, received, proven, published, removed
    seconds: float
    evidence: dict[str, Any] = field(default_factory=dict)
    error: StreamWeaveError | None = None


def scratch_path(flight_id: uuid.UUID) -> bytes:
    """Return where the file of a flight goes at each destination."""
    return _SCRATCH + f"/{flight_id.hex}".encode()


def scratch_copy(flight_id: uuid.UUID, path: bytes, facts: FileFacts) -> ClaimedCopy:
    """Return a copy that exists nowhere else."""
    return ClaimedCopy(
        copy_id=flight_id,
        attempt=1,
        source_file_id=flight_id,
        version_id=flight_id,
        version_number=1,
        aim=1,
        sha256=None,
        expected=facts,
        path=path,
        incarnation=1,
        dest_path=scratch_path(flight_id),
        ark="",
        failures=0,
        started_at=utcnow(),
    )


Step = Callable[[], Awaitable[dict[str, Any]]]


async def fly(copy: ClaimedCopy, source: Source, storage: Storage) -> AsyncGenerator[Station, None]:
    """Take a file to one destination; after a station with an error only removal follows."""
    ready = await _reach("ready", lambda: _ready(storage))
    yield ready
    if ready.error is not None:
        return
    async with storage.batch() as destination:
        flight = _Flight(copy, source, storage, destination)
        for name, step in flight.steps:
            station = await _reach(name, step)
            yield station
            if station.error is not None:
                break
        yield await _reach("removed", flight.remove)


async def _reach(name: str, step: Step) -> Station:
    began = monotonic()
    try:
        evidence = await step()
    except StreamWeaveError as error:
        return Station(name, monotonic() - began, error=error)
    return Station(name, monotonic() - began, evidence)


async def _ready(storage: Storage) -> dict[str, Any]:
    await storage.check_ready()
    can = storage.capabilities
    return {"kind": can.kind, "overwriting": can.overwriting.value, "durable": can.durable}


class _Flight:
    """The steps of a flight, in the engine's order."""

    def __init__(
        self, copy: ClaimedCopy, source: Source, storage: Storage, destination: StorageBatch
    ) -> None:
        self._copy = copy
        self._source = source
        self._storage = storage
        self._destination = destination
        self._proofs: list[Proof] = []
        self.steps: tuple[tuple[str, Step], ...] = (
            ("received", self._receive),
            ("proven", self._prove),
            ("published", self._publish),
        )

    def _shown(self, *names: str) -> dict[str, Any]:
        facts = self._proofs[0].facts
        return {name: facts[name] for name in names if name in facts}

    def _go_on(self, proofs: list[Proof], failures: list[Failure]) -> None:
        if failures:
            raise failures[0].error
        self._proofs = proofs

    async def _receive(self) -> dict[str, Any]:
        proofs, failures, _ = await receive(
            (self._copy,), self._source, self._destination, concurrency=1
        )
        self._go_on(proofs, failures)
        return self._shown("adapter", "protocol", "received_bytes", "received_sha256")

    async def _prove(self) -> dict[str, Any]:
        proofs, failures = await prove(self._proofs, self._source, self._destination, None)
        self._go_on(proofs, failures)
        return self._shown("durable_at", "read_back_from", "read_back_sha256", "source_after")

    async def _publish(self) -> dict[str, Any]:
        proofs, failures = await publish(self._proofs, self._destination)
        self._go_on(proofs, failures)
        return self._shown("outcome", "published_at", "read_back_from", "read_back_sha256")

    async def remove(self) -> dict[str, Any]:
        """Take away whatever of it stands."""
        return await remove_scratch(self._copy, self._storage, self._destination)


async def remove_scratch(
    copy: ClaimedCopy, storage: Storage, destination: StorageBatch
) -> dict[str, Any]:
    """Remove a flight's temporary and its scratch object; what is not there is fine.

    A mount by a program may show a name, or make it again, for a moment after it was removed.
    """
    until = monotonic() + _GONE_SECONDS
    while True:
        await destination.remove_temporary(copy.target)
        if not await destination.withdraw(copy.target):
            await storage.remove(copy.dest_path)
        if await destination.look(copy.target) == (None, None):
            return {"nothing_left": True}
        if monotonic() > until:
            raise StreamWeaveError("storage_error", "The scratch object is still there.")
        await asyncio.sleep(_LOOK_SECONDS)
