"""Runs in plain Python: harvest (one instrument), watch and drain (a zone).

A run is a row kept alive by a heartbeat; whoever loses it stops. While it lives, hands claim
whatever is due in its zones. Prefect starts these functions and shows them; it decides nothing.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.errors import StreamWeaveError
from app.harvest.engine import Engine
from app.harvest.shown import show_progress
from app.harvest.store import instruments, runs
from app.harvest.store.runs import WatchedInstrument
from app.harvest.sweep import sweep_when_due
from app.harvest.work import BATCHES_OF_ONE
from app.models import RunOutcome, StorageLocation, new_id

logger = logging.getLogger("streamweave.run")

_MOST_PATIENT = 32
_HANDS = BATCHES_OF_ONE + 1  # however much one instrument has, another one finds a hand free
_IDLE_SECONDS = 0.5
_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class RunSettings:
    """How a run lives; seconds."""

    heartbeat_seconds: float = 5.0
    lost_seconds: float = 60.0
    watch_seconds: float = 24 * 3600.0


class Run:
    """What all runs share: the row, its heartbeat, and hands that transfer."""

    def __init__(
        self, engine: Engine, run_id: uuid.UUID, zones: Sequence[str], settings: RunSettings
    ) -> None:
        self.engine = engine
        self.id = run_id
        self.zones = zones
        self.settings = settings
        self.counters: dict[str, Any] = {"scans": 0, "new_files": 0, "copies": 0}
        self.stopping = asyncio.Event()
        self.cancelled = False
        self.lost = False
        self._owner = f"{engine.ports.settings.worker}/{new_id()}"
        self._idle = 0
        self._shown = dict(self.counters)
        self._told: set[uuid.UUID] = set()

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[bool]:
        """Hold the run while the block works; yields False when it is not ours to do."""
        seconds = self.settings.lost_seconds
        mine = await self.engine.database.run(
            lambda s: runs.begin(s, self.id, self._owner, seconds)
        )
        if not mine:
            yield False
            return
        tasks = [asyncio.create_task(self._beat())]
        try:
            # The database may be another one since the last run.
            self.engine.scanner.forget_journals()
            await self._read_journals()
            tasks.append(asyncio.create_task(self._sweep()))
            tasks.append(asyncio.create_task(self._hands()))
            yield True
        finally:
            self.stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _locations(self) -> list[StorageLocation]:
        """Also those that rest: one may be full of what the sweep removes."""

        async def listed(session: AsyncSession) -> list[StorageLocation]:
            locations = await instruments.open_locations(session, self.zones, resting=True)
            return [await instruments.storage_location(session, one) for one in locations]

        return await self.engine.database.ask(listed)

    async def _read_journals(self) -> None:
        """Read what the storage locations know; one that is away is asked again before planning."""
        for row in await self._locations():
            try:
                await self.engine.scanner.read_journal(row)
            except StreamWeaveError as error:
                logger.warning("%s is not ready: %s", row.name, error)

    async def _sweep(self) -> None:
        """Remove what dead workers left, beside the work: a tree may be large."""
        for row in await self._locations():
            try:
                storage = await self.engine.storage(row)
                await sweep_when_due(self.engine.database, row, storage)
            except StreamWeaveError as error:
                logger.warning("the sweep of %s ended early: %s", row.name, error)
            except Exception:
                logger.exception("the sweep of %s ended unexpectedly", row.name)

    async def _beat(self) -> None:
        """Say that the run lives; without an answer until the lease is over, it does not."""
        lost_at = monotonic() + self.settings.lost_seconds
        while not self.stopping.is_set():
            before = monotonic()
            try:
                facts = await self._say_alive()
            except Exception:
                logger.exception("a heartbeat failed; it is tried again")
                self.lost = monotonic() > lost_at
                if self.lost:
                    self.stopping.set()
                await self.pause(min(1.0, self.settings.heartbeat_seconds))
                continue
            lost_at = before + self.settings.lost_seconds
            if facts is None or facts.cancel_requested:
                self.lost = facts is None
                self.cancelled = not self.lost
                self.stopping.set()
                return
            await self.pause(self.settings.heartbeat_seconds)

    async def _say_alive(self) -> runs.RunFacts | None:
        counters = dict(self.counters)
        facts = await self.engine.database.run(
            lambda s: runs.heartbeat(
                s,
                self.id,
                self._owner,
                self.settings.lost_seconds,
                counters,
                moved=counters != self._shown,
            )
        )
        self._shown = counters
        await self.engine.opened.keep()
        self._told = await show_progress(self.engine.database, self.engine.arriving, self._told)
        return facts

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the run lives."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    async def _hands(self) -> None:
        """Keep hands free beside those that wait for somebody else's work."""
        async with asyncio.TaskGroup() as hands:
            number = 0
            while not self.stopping.is_set():
                while number < _HANDS + min(self.engine.patient, _MOST_PATIENT):
                    hands.create_task(self._hand())
                    number += 1
                await self.engine.news(_IDLE_SECONDS)

    async def _hand(self) -> None:
        """Claim and make batches until the run ends; a strange error costs one batch, not all."""
        while not self.stopping.is_set():
            try:
                done = await self.engine.transfer(self.zones)
            except Exception:
                logger.exception("a batch ended in an unexpected error; its lease runs out")
                await self.pause(5.0)
                continue
            self.counters["copies"] += done
            self._idle = 0 if done else self._idle + 1
            if not done:
                await self.engine.news(_IDLE_SECONDS)

    @property
    def idle_rounds(self) -> int:
        """How often a hand found nothing due."""
        return self._idle

    async def end(self, outcome: RunOutcome, error: StreamWeaveError | None = None) -> bool:
        """Write the end; False when somebody asked for another scan meanwhile."""
        told = (error.code, error.detail) if error else None
        return await self.engine.database.run(
            lambda s: runs.end(
                s,
                self.id,
                outcome,
                self.counters,
                error=told,
                even_if_asked=outcome is not RunOutcome.COMPLETED,
            )
        )

    def count(self, new_files: int) -> None:
        """Add a scan to the counters."""
        self.counters["scans"] += 1
        self.counters["new_files"] += new_files


async def harvest(run: Run, instrument_id: uuid.UUID) -> RunOutcome:
    """Scan one instrument, plan, and stay until its copies are final or wait for a retry."""
    async with run.alive() as mine:
        if not mine:
            return RunOutcome.LOST
        while True:
            started = utcnow()
            await run.engine.database.run(lambda s, at=started: runs.note_scan(s, run.id, at))  # type: ignore[misc]
            result = await run.engine.scan(instrument_id)
            if result is not None:
                run.count(result.scan.new_files)
                if result.scan.error is not None:
                    await run.end(RunOutcome.FAILED, result.scan.error)
                    return RunOutcome.FAILED
            await _until_done(run, instrument_id, utcnow())
            if run.stopping.is_set():
                outcome = RunOutcome.CANCELLED if run.cancelled else RunOutcome.LOST
                if run.cancelled:
                    await run.end(outcome)
                return outcome
            if await run.end(RunOutcome.COMPLETED):
                return RunOutcome.COMPLETED


async def _until_done(run: Run, instrument_id: uuid.UUID, scanned_at: datetime) -> None:
    """Wait until what was quiet has settled and every copy is final or in retry_wait.

    A source or storage location that rests is not waited for: a drain run takes its copies up.
    """

    async def asked(
        session: AsyncSession,
    ) -> tuple[datetime | None, instruments.InstrumentFacts | None, bool, bool]:
        return (
            await runs.settling_since(session, instrument_id, scanned_at),
            await instruments.load(session, instrument_id),
            await runs.has_unfinished_copies(session, instrument_id),
            await runs.is_in_trouble(session, instrument_id),
        )

    while not run.stopping.is_set():
        waiting, facts, left, troubled = await run.engine.database.ask(asked)
        if waiting is not None and facts is not None and not facts.paused and not troubled:
            ready_at = waiting + timedelta(seconds=facts.quiet_seconds)
            if ready_at <= utcnow():
                await run.engine.look(instrument_id)
        elif not left:
            return
        await run.engine.news(_TICK_SECONDS)


async def drain(run: Run) -> RunOutcome:
    """Transfer until nothing is due in the zone."""
    async with run.alive() as mine:
        if not mine:
            return RunOutcome.LOST
        while not run.stopping.is_set() and (run.engine.batches or run.idle_rounds < _HANDS * 2):
            await run.pause(_TICK_SECONDS)
        outcome = RunOutcome.CANCELLED if run.cancelled else RunOutcome.COMPLETED
        if not run.lost:
            await run.end(outcome)
        return outcome


async def watch(run: Run, zone: str) -> RunOutcome:
    """Rescan the watched instruments of a zone when they are due, and drain meanwhile."""
    async with run.alive() as mine:
        if not mine:
            return RunOutcome.LOST
        until = monotonic() + run.settings.watch_seconds
        watcher = _Watcher(run, zone)
        try:
            while not run.stopping.is_set() and monotonic() < until:
                await watcher.tick()
                await run.pause(_TICK_SECONDS)
        finally:
            await watcher.close()
        if run.lost:
            return RunOutcome.LOST
        outcome = RunOutcome.CANCELLED if run.cancelled else RunOutcome.COMPLETED
        await run.end(outcome)
        return outcome


class _Watcher:
    """Starts scans and looks of a zone's instruments, one at a time for each."""

    def __init__(self, run: Run, zone: str) -> None:
        self._run = run
        self._zone = zone
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._look_at: dict[uuid.UUID, datetime] = {}

    async def tick(self) -> None:
        """Start what is due."""
        listed = await self._run.engine.database.ask(lambda s: runs.watched(s, self._zone))
        now = utcnow()
        for one in listed:
            task = self._tasks.get(one.instrument_id)
            if task is not None and not task.done():
                continue
            if _scan_is_due(one, now):
                self._start(one.instrument_id, self._scan(one.instrument_id))
            elif self._look_at.get(one.instrument_id, now) <= now:
                self._start(one.instrument_id, self._look(one.instrument_id))

    def _start(self, instrument_id: uuid.UUID, work: Any) -> None:
        self._tasks[instrument_id] = asyncio.create_task(work)

    async def _scan(self, instrument_id: uuid.UUID) -> None:
        try:
            result = await self._run.engine.scan(instrument_id)
        except Exception:
            logger.exception("a scan ended in an unexpected error")
            await self._run.pause(5.0)
            return
        if result is not None:
            self._run.count(result.scan.new_files)
        await self._next_look(instrument_id)

    async def _look(self, instrument_id: uuid.UUID) -> None:
        try:
            await self._run.engine.look(instrument_id)
        except Exception:
            logger.exception("a look ended in an unexpected error")
            await self._run.pause(5.0)
        await self._next_look(instrument_id)

    async def _next_look(self, instrument_id: uuid.UUID) -> None:
        """Set when the next settling file may be complete; far away when none is settling."""

        async def asked(
            session: AsyncSession,
        ) -> tuple[instruments.InstrumentFacts | None, datetime | None]:
            facts = await instruments.load(session, instrument_id)
            return facts, await runs.settling_since(session, instrument_id, utcnow())

        facts, since = await self._run.engine.database.ask(asked)
        far = utcnow() + timedelta(seconds=30)
        if facts is None or since is None:
            self._look_at[instrument_id] = far
            return
        ready = since + timedelta(seconds=facts.quiet_seconds)
        self._look_at[instrument_id] = max(ready, utcnow() + timedelta(seconds=1))

    async def close(self) -> None:
        """Stop what is running."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _scan_is_due(one: WatchedInstrument, now: datetime) -> bool:
    started = one.scan_started_at
    asked = one.rescan_requested_at
    if asked is not None and (started is None or asked > started):
        return True
    if one.rescan_seconds is None:
        return False
    if one.next_try_at is not None and one.next_try_at > now:
        return False
    return started is None or started + timedelta(seconds=one.rescan_seconds) <= now
