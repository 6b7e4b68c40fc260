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
from app.errors import ErrorClass, StreamWeaveError
from app.harvest.batch import BatchWork
from app.harvest.bounds import unavailable
from app.harvest.evidence import reap
from app.harvest.journal import read_journals
from app.harvest.look import LookReport, look
from app.harvest.opened import OpenInstruments
from app.harvest.ports import Ports
from app.harvest.quiet import is_quiet
from app.harvest.room import Room
from app.harvest.scan import ScanLease, ScanReport, scan
from app.harvest.store import claiming, instruments, journals, scanning
from app.harvest.store.claiming import Lease, Place
from app.harvest.store.due import Due, due_places, is_any_fill_due, is_any_interrupted
from app.harvest.store.following import wake_followers_of_resting
from app.harvest.store.instruments import InstrumentFacts
from app.harvest.store.news import tell
from app.harvest.store.wall_clock import forget_future_times
from app.harvest.transfer import Arriving
from app.harvest.work import Batch, BatchSize
from app.models import ScanState, StorageLocation, new_id
from app.transfers.base import Storage
from app.turns import turn_of

logger = logging.getLogger("streamweave.engine")
_REAP_SECONDS = 5.0
_SET_BACK_SECONDS = 30.0


@dataclass(frozen=True)
class ScanResult:
    """What one scan and the look after it did."""

    scan: ScanReport
    look: LookReport


@dataclass(frozen=True)
class _Work:
    """Where something may be claimed."""

    due: Due
    # Where interrupted copies may be looked at; none when there are none.
    known: Sequence[uuid.UUID] = ()
    locations: Sequence[uuid.UUID] = ()
    may_fill: bool = False  # some copy waits to be filled from a proven one


def _is_news(report: ScanReport, before: ScanState, error_code: object) -> bool:
    """Whether pages must hear of a scan: most find nothing, every few seconds."""
    asked, started = before.rescan_requested_at, before.scan_started_at
    was_asked = asked is not None and (started is None or asked > started)
    return report.found_something or was_asked or error_code != before.last_error_code


class Engine:
    """One process's engine. Its methods may run side by side; rows keep them apart."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self.database = database
        self.ports = ports
        self._order: deque[uuid.UUID] = deque()
        self._in_hand: Counter[uuid.UUID] = Counter()  # batches of each instrument
        self.opened = OpenInstruments(database, ports)
        self._bell = asyncio.Event()
        self.batches = 0  # being worked on now
        self.patient = 0  # of these, those that wait for somebody else's work
        self.arriving: dict[uuid.UUID, Arriving] = {}
        self._reaped_at = float("-inf")
        self._wall_ahead = float("inf")  # of the monotonic clock, in seconds
        self._journals_read: set[uuid.UUID] = set()
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

    # --- journals ----------------------------------------------------------------------------

    def forget_journals(self) -> None:
        """Read the journals again before the next planning."""
        self._journals_read.clear()

    async def read_journal(self, row: StorageLocation) -> None:
        """Read a storage location's journals once in this process.

        Raises:
            StreamWeaveError: when the storage location is away.
        """
        if row.id not in self._journals_read:
            storage = await self.storage(row)
            await storage.check_ready()
            await read_journals(self.database, row.id, storage)
            self._journals_read.add(row.id)

    async def _may_plan(self, facts: InstrumentFacts) -> StreamWeaveError | None:
        """Without the journals of its destinations an ARK could be minted twice.

        When one of several is away, the others' journals tell whether this is an older database:
        as long as they know nothing that it does not know, it is not.
        """
        read, away = 0, None
        for destination in facts.destinations:
            place = destination.storage_location_id
            if place in self._journals_read:
                read += 1
                continue
            row = await self.database.ask(lambda s, id=place: instruments.storage_location(s, id))  # type: ignore[misc]
            try:
                await self.read_journal(row)
                read += 1
            except StreamWeaveError as error:
                away = error
        if away is None or not read:
            return away
        is_older = await self.database.ask(lambda s: journals.knows_more(s, facts.id))
        return away if is_older else None

    # --- scanning ----------------------------------------------------------------------------

    async def scan(self, instrument_id: uuid.UUID) -> ScanResult | None:
        """Scan one instrument and plan what is complete; None when another worker scans it.

        Whatever stops the scan is written to its state with the next try, and shown there.
        """
        with turn_of(instrument_id):
            return await self._scan(instrument_id)

    async def _facts(
        self, instrument_id: uuid.UUID
    ) -> tuple[InstrumentFacts | None, ScanState | None]:
        async def both(session: AsyncSession) -> tuple[InstrumentFacts | None, ScanState | None]:
            facts = await instruments.load(session, instrument_id)
            return facts, await scanning.state(session, instrument_id)

        return await self.database.ask(both)

    async def _scan(self, instrument_id: uuid.UUID) -> ScanResult | None:
        settings = self.ports.settings
        facts, state = await self._facts(instrument_id)
        if facts is None or state is None or facts.paused or is_quiet(facts.quiet_hours, utcnow()):
            return None
        owner = f"{settings.worker}/{new_id()}"
        generation = await self.database.run(
            lambda s: scanning.begin(s, instrument_id, owner, settings.lease_seconds)
        )
        if generation is None:
            return None
        lease = ScanLease(
            self.database,
            facts,
            generation,
            settings.lease_seconds,
            first_scan=state.last_scan_at is None,
            believe_absence=state.breaker_confirmed,
            cannot_plan=await self._may_plan(facts),
            planned=self.ring,
        )
        report, looked, error = ScanReport(), LookReport(), None
        keeper = asyncio.create_task(self._keep_scan(lease))
        try:
            async with self.opened.hold(facts, patience_seconds=settings.lease_seconds) as opened:
                if opened is None:
                    raise StreamWeaveError("instrument_busy")
                source = opened.source

                async def look_now() -> None:
                    looked.add(await look(lease, source, self.ports))

                report = await scan(lease, source, look_now)
                await look_now()
        except StreamWeaveError as raised:
            error = raised
            await self.opened.note_logon(instrument_id, raised)
        except Exception as raised:
            logger.exception("a scan ended in an unexpected error")
            error = StreamWeaveError("internal_error", f"{type(raised).__name__} in the scan.")
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        report.error = error
        await self._end_scan(lease, report, state)
        return ScanResult(report, looked)

    async def look(self, instrument_id: uuid.UUID) -> LookReport | None:
        """Open the settling files that have been quiet, without listing anything."""
        with turn_of(instrument_id):
            return await self._look(instrument_id)

    async def _look(self, instrument_id: uuid.UUID) -> LookReport | None:
        settings = self.ports.settings
        facts, state = await self._facts(instrument_id)
        if facts is None or state is None or facts.paused or is_quiet(facts.quiet_hours, utcnow()):
            return None
        if state.next_try_at is not None and state.next_try_at > utcnow():
            return None  # the source is in trouble; a scan will find out when it is over
        quiet = facts.quiet_seconds
        if not await self.database.ask(lambda s: scanning.candidates(s, instrument_id, quiet, 1)):
            return LookReport()
        owner = f"{settings.worker}/{new_id()}"
        generation = await self.database.run(
            lambda s: scanning.begin_look(s, instrument_id, owner, settings.lease_seconds)
        )
        if generation is None:
            return None
        lease = ScanLease(
            self.database,
            facts,
            generation,
            settings.lease_seconds,
            state.last_scan_at is None,
            False,
            await self._may_plan(facts),
            self.ring,
        )
        values: dict[str, object] = {}
        try:
            async with self.opened.hold(facts) as opened:
                if opened is None:
                    return None
                return await look(lease, opened.source, self.ports)
        except StreamWeaveError as error:
            await self.opened.note_logon(instrument_id, error)
            delay = settings.retry.delay_seconds(state.failures + 1)
            values = {
                "failures": state.failures + 1,
                "next_try_at": utcnow() + timedelta(seconds=delay),
                "last_error_code": error.code,
                "last_error_detail": error.detail,
            }
            return None
        finally:
            await self.database.run(lambda s: scanning.end(s, instrument_id, generation, values))

    async def _keep_scan(self, lease: ScanLease) -> None:
        while True:
            await asyncio.sleep(lease.lease_seconds / 3)
            await self.database.run(lease.fence)

    async def _end_scan(self, lease: ScanLease, report: ScanReport, before: ScanState) -> None:
        now, error, failures = utcnow(), report.error, before.failures
        values: dict[str, object]
        if error is None:
            values = {
                "last_scan_at": now,
                "last_scan_started_at": ScanState.scan_started_at,
                "files": report.files,
                "bytes": report.bytes,
                "failures": 0,
                "held_until": None,
                "hold_failures": 0,
                "next_try_at": None,
                "last_error_code": "listing_shrunken" if report.suspicions else None,
                "last_error_detail": "; ".join(report.suspicions[:20]) or None,
                "breaker_tripped_at": now if report.suspicions else None,
                "breaker_detail": "; ".join(report.suspicions[:20]) or None,
                "breaker_confirmed": False,
            }
            if report.directory_errors and not report.suspicions:
                values["last_error_code"] = report.directory_errors[0].rpartition(": ")[2]
                values["last_error_detail"] = "; ".join(report.directory_errors[:20])
        else:
            waits = error.error_class is ErrorClass.CONFIGURATION
            delay = self.ports.settings.retry.delay_seconds(6 if waits else failures + 1)
            values = {
                "failures": failures + 1,
                "next_try_at": now + timedelta(seconds=delay),
                "last_error_code": error.code,
                "last_error_detail": error.detail,
            }

        async def work(session: AsyncSession) -> None:
            await scanning.end(session, lease.instrument.id, lease.generation, values)
            if _is_news(report, before, values["last_error_code"]):
                await tell(session, "scan.finished", lease.instrument.id, count=report.files)
            if report.suspicions or error is not None:
                await self.ports.record(
                    session,
                    actor=f"worker:{self.ports.settings.worker}",
                    action="scan.stopped" if error else "breaker.tripped",
                    subject=f"instrument:{lease.instrument.id}",
                    details={
                        "code": error.code if error else "listing_shrunken",
                        "detail": error.detail if error else "; ".join(report.suspicions[:20]),
                    },
                    instrument_id=lease.instrument.id,
                )

        await self.database.run(work)

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
        may_fill = await is_any_fill_due(session)
        if not await is_any_interrupted(session):
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
