"""The engine of one process: scan an instrument, transfer what is due.

`Engine.scan` and `Engine.transfer` are the two things that runs do. Work belongs to no run:
whoever has a free hand claims the next due batch of its zones, fair between instruments.
"""

import asyncio
import contextlib
import logging
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.batch import BatchWork
from app.harvest.bounds import unavailable
from app.harvest.evidence import reap
from app.harvest.look import LookReport
from app.harvest.opened import OpenInstruments
from app.harvest.ports import Ports
from app.harvest.room import Room
from app.harvest.scanner import Scanner, ScanResult
from app.harvest.store import claiming, instruments
from app.harvest.store.claiming import Lease, Place
from app.harvest.store.due import Due, due_places, other_work
from app.harvest.store.following import wake_followers_of_resting
from app.harvest.store.wall_clock import forget_future_times
from app.harvest.transfer import Arriving
from app.harvest.work import Batch, BatchSize
from app.models import StorageLocation, new_id
from app.transfers.base import Storage
from app.turns import turn_of

logger = logging.getLogger("streamweave.engine")
_REAP_SECONDS = 5.0
_SET_BACK_SECONDS = 30.0


@dataclass(frozen=True)
class _Work:
    """Where something may be claimed."""

    due: Due
    # Where interrupted copies may be looked at; none when there are none.
    known: Sequence[uuid.UUID] = ()
    locations: Sequence[uuid.UUID] = ()
    may_fill: bool = False  # some copy waits to be filled from a proven one


class Engine:
    """One process's engine. Its methods may run side by side; rows keep them apart."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self.database = database
        self.ports = ports
        self._order: deque[uuid.UUID] = deque()
        self._in_hand: Counter[uuid.UUID] = Counter()  # batches of each instrument
        self.opened = OpenInstruments(database, ports)
        self._bell = asyncio.Event()
        self.scanner = Scanner(self)
        self.batches = 0  # being worked on now
        self.patient = 0  # of these, those that wait for somebody else's work
        self.arriving: dict[uuid.UUID, Arriving] = {}
        self._reaped_at = float("-inf")
        self._wall_ahead = float("inf")  # of the monotonic clock, in seconds
        self.room = Room(database)

    # --- news inside this process ------------------------------------------------------------

    def ring(self) -> None:
        """Wake who waits for news: copies were queued, or a batch is done."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def news(self, seconds: float) -> None:
        """Wait for news of this process; other processes' news are found by looking again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()

    # --- scanning ----------------------------------------------------------------------------

    async def scan(self, instrument_id: uuid.UUID) -> ScanResult | None:
        """Scan one instrument and plan what is complete; None when another worker scans it."""
        with turn_of(instrument_id):
            return await self.scanner.scan(instrument_id)

    async def look(self, instrument_id: uuid.UUID) -> LookReport | None:
        """Open the settling files that have been quiet, without listing anything."""
        with turn_of(instrument_id):
            return await self.scanner.look(instrument_id)

    # --- transferring ------------------------------------------------------------------------

    async def transfer(self, zones: Sequence[str], *, only: uuid.UUID | None = None) -> int:
        """Claim and work on one batch; return how many copies it had (0: nothing is due)."""
        claimed_before = monotonic()
        lease = Lease(f"{self.ports.settings.worker}/{new_id()}", self.ports.settings.lease_seconds)
        try:
            batch = await self._claim(zones, only, lease)
            if batch is None:
                return 0
            self.batches += 1
            self.patient += batch.is_patient
            try:
                with turn_of(batch.instrument_id):
                    await BatchWork(self, batch, lease, claimed_before).run()
            finally:
                self.batches -= 1
                self.patient -= batch.is_patient
                self.put_down(batch)
            self.ring()
        except asyncio.CancelledError:
            await self.database.run(lambda s: claiming.release(s, lease.owner))
            raise
        return len(batch.copies)

    def put_down(self, batch: Batch) -> None:
        """Note that a claimed batch is not worked on any more."""
        self._in_hand[batch.instrument_id] -= 1

    async def _claim(
        self, zones: Sequence[str], only: uuid.UUID | None, lease: Lease
    ) -> Batch | None:
        if monotonic() - self._reaped_at > min(_REAP_SECONDS, lease.seconds):
            self._reaped_at = monotonic()
            await self._look_at_the_clock()
            await reap(self.database, self.ports)
            while await self.database.run(wake_followers_of_resting):
                pass
        found = await self.database.ask(lambda s: self._find_work(s, zones, only))
        if found.known:
            batch = await self.database.run(
                lambda s: claiming.claim_interrupted(s, found.known, found.locations, lease)
            )
            if batch is not None:
                self._in_hand[batch.instrument_id] += 1
                return batch
        for instrument_id in self._in_turn(found.due.served):
            for place in found.due.places.get(instrument_id, []):
                if self._in_hand[instrument_id] >= found.due.sizes[instrument_id].at_once:
                    break
                # Counted before the claim: other hands are at it, too.
                self._in_hand[instrument_id] += 1
                batch = None
                try:
                    size = found.due.sizes[instrument_id]
                    batch = await self._claim_for(instrument_id, place, lease, size)
                finally:
                    self._in_hand[instrument_id] -= batch is None
                if batch is not None:
                    return batch
        return await self._claim_fill(zones, found, lease) if only is None else None

    async def _claim_for(
        self, instrument_id: uuid.UUID, place: Place, lease: Lease, size: BatchSize
    ) -> Batch | None:
        """Claim what fits; a location that has no room for the next copy rests."""
        location = place[0]
        if self.room.is_stale(location):
            row = await self.database.ask(lambda s: instruments.storage_location(s, location))
            try:
                await self.room.look(row, await self.storage(row))
            except StreamWeaveError as error:
                await self.hold_storage_back(row, error)
                return None
        room = self.room.left(location)
        try:
            with turn_of(instrument_id):
                batch = await self.database.run(
                    lambda s: claiming.claim(s, instrument_id, place, lease, room, size)
                )
        except StreamWeaveError as error:
            if error.code != "storage_full":
                raise
            row = await self.database.ask(lambda s: instruments.storage_location(s, location))
            await self.hold_storage_back(row, error)
            return None
        if batch is not None:
            self.room.take(location, sum(copy.expected.size_bytes for copy in batch.copies))
        return batch

    async def _claim_fill(self, zones: Sequence[str], found: _Work, lease: Lease) -> Batch | None:
        """Claim what a proven copy can fill though its instrument rests, is paused or is gone."""
        if not found.may_fill:
            return None
        locations = await self.database.ask(lambda s: instruments.open_locations(s, zones))
        batch = await self.database.run(
            lambda s: claiming.claim_fill(s, found.due.served, locations, lease)
        )
        if batch is not None:
            self._in_hand[batch.instrument_id] += 1
        return batch

    async def _find_work(
        self, session: AsyncSession, zones: Sequence[str], only: uuid.UUID | None
    ) -> _Work:
        """Look where something may be claimed: reading disturbs no writer."""
        found = await due_places(session, zones)
        if only is not None:
            found.places = {k: places for k, places in found.places.items() if k == only}
        if found.places:
            for one in await unavailable(
                session, found.places, held=self.opened.ids, worker=self.ports.settings.worker
            ):
                found.places.pop(one, None)
        may_fill, is_interrupted = await other_work(session)
        if not is_interrupted:
            return _Work(found, may_fill=may_fill)
        known = await instruments.served(session, zones)
        locations = await instruments.open_locations(session, zones)
        return _Work(found, known, locations, may_fill)

    async def _look_at_the_clock(self) -> None:
        """At the start, and when the wall clock was set back: nothing waits for the far future."""
        ahead = utcnow().timestamp() - monotonic()
        was_set_back = self._wall_ahead - ahead > _SET_BACK_SECONDS
        self._wall_ahead = ahead
        if was_set_back:
            longest = timedelta(seconds=self.ports.settings.retry.longest_seconds)
            await self.database.run(lambda s: forget_future_times(s, utcnow(), longest))

    def _in_turn(self, served: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """Return the instruments beginning after the one that was served last."""
        known = set(self._order)
        self._order.extend(one for one in served if one not in known)
        self._order = deque(one for one in self._order if one in set(served))
        return list(self._order)

    def served_last(self, instrument_id: uuid.UUID) -> None:
        """Put an instrument at the end of the row: fair share between instruments."""
        if instrument_id in self._order:
            self._order.remove(instrument_id)
        self._order.append(instrument_id)

    async def storage(self, row: StorageLocation) -> Storage:
        """Return the adapter of a storage location."""
        return await self.ports.open_storage(row)

    async def hold_storage_back(self, row: StorageLocation, error: StreamWeaveError) -> None:
        """Let a storage location rest, longer each time, that has a trouble of its own."""
        await self.ports.open_storage.note(row, error)
        delay = self.ports.settings.retry.hold_delay_seconds
        await self.database.run(lambda s: instruments.hold_storage(s, row.id, error.code, delay))
        await self.database.run(wake_followers_of_resting)

    async def hold_instrument_back(self, instrument_id: uuid.UUID) -> None:
        """Claim no copies of an instrument for a while, longer each time."""
        delay = self.ports.settings.retry.hold_delay_seconds
        await self.database.run(lambda s: instruments.hold(s, instrument_id, delay))
