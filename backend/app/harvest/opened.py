"""The instruments that this process holds slots of, with their sources, shared by its work."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.clock import monotonic
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.bounds import BoundedSource, free_slots, renew_slots, take_slots
from app.harvest.ports import Ports
from app.harvest.store import instruments
from app.harvest.store.instruments import InstrumentFacts
from app.models import new_id
from app.transfers.base import Source
from app.transfers.throttle import ThrottledSource, TokenBucket

_SLOT_POLL_SECONDS = 0.2


@dataclass
class Opened:
    """An instrument that this process holds slots of."""

    source: Source
    concurrency: int
    owner: str
    users: int = 0


class OpenInstruments:
    """Opened by the first who needs an instrument, closed by the last."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self._database = database
        self._ports = ports
        self._open: dict[uuid.UUID, Opened] = {}
        self._opening = asyncio.Lock()

    @property
    def ids(self) -> set[uuid.UUID]:
        """The instruments that are open now."""
        return set(self._open)

    @contextlib.asynccontextmanager
    async def hold(
        self, facts: InstrumentFacts, *, patience_seconds: float = 0.0
    ) -> AsyncIterator[Opened | None]:
        """Hold slots and a source of an instrument; None while others hold all its slots."""
        until = monotonic() + patience_seconds
        # Other processes free the slots, so there is no event to wait for.
        while (opened := await self._enter(facts)) is None and monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_SLOT_POLL_SECONDS)
        if opened is None:
            yield None
            return
        try:
            yield opened
        finally:
            opened.users -= 1
            if not opened.users:
                del self._open[facts.id]
                await opened.source.close()
                await self._free(opened.owner)

    async def _enter(self, facts: InstrumentFacts) -> Opened | None:
        async with self._opening:
            opened = self._open.get(facts.id) or await self._open_new(facts)
            if opened is not None:
                self._open[facts.id] = opened
                opened.users += 1
            return opened

    async def _open_new(self, facts: InstrumentFacts) -> Opened | None:
        settings = self._ports.settings
        owner = f"{settings.worker}/{new_id()}"
        try:
            taken = await self._database.run(
                lambda s: take_slots(s, facts.id, owner, facts.connections, settings.lease_seconds)
            )
            if not taken:
                return None
            source = await self._ports.open_source(facts.id, concurrency=len(taken))
        except StreamWeaveError as error:
            await self.note_logon(facts.id, error)
            await self._free(owner)
            raise
        except asyncio.CancelledError:
            await self._free(owner)  # or nobody would have them until their lease is over
            raise
        if facts.bandwidth_bytes_per_second and not source.capabilities.limits_bandwidth:
            share = facts.bandwidth_bytes_per_second * len(taken) / facts.connections
            source = ThrottledSource(source, TokenBucket(share))
        return Opened(BoundedSource(source, len(taken)), len(taken), owner)

    async def _free(self, owner: str) -> None:
        await self._database.run(lambda s: free_slots(s, owner))

    async def keep(self) -> None:
        """Renew the slots of all open instruments; call it every third of a lease."""
        for opened in list(self._open.values()):
            owner, seconds = opened.owner, self._ports.settings.lease_seconds
            await self._database.run(lambda s, o=owner, n=seconds: renew_slots(s, o, n))  # type: ignore[misc]

    async def note_logon(self, instrument_id: uuid.UUID, error: StreamWeaveError) -> None:
        """One failed log-on stops the trying, for every worker (accounts get locked out)."""
        if error.code == "source_logon_failed":
            await self._database.run(lambda s: instruments.refuse_account(s, instrument_id))
