"""Scans and looks of one process: what may be planned, under whose lease, and how each ends.

Before anything is planned the journals of its destinations are read (`journal.py`). Whatever stops
a scan is written to its state.
"""

import asyncio
import contextlib
import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.errors import ErrorClass, StreamWeaveError
from app.harvest.journal import read_journals
from app.harvest.look import LookReport, look
from app.harvest.quiet import is_quiet
from app.harvest.scan import ScanLease, ScanReport, scan
from app.harvest.store import instruments, journals, scanning
from app.harvest.store.instruments import InstrumentFacts
from app.harvest.store.news import tell
from app.models import ScanState, StorageLocation, new_id

if TYPE_CHECKING:
    from app.harvest.engine import Engine

logger = logging.getLogger("streamweave.engine")


@dataclass(frozen=True)
class ScanResult:
    """What one scan and the look after it did."""

    scan: ScanReport
    look: LookReport


def _is_news(report: ScanReport, before: ScanState, error_code: object) -> bool:
    """Whether pages must hear of a scan: most find nothing, every few seconds."""
    asked, started = before.rescan_requested_at, before.scan_started_at
    was_asked = asked is not None and (started is None or asked > started)
    return report.found_something or was_asked or error_code != before.last_error_code


class Scanner:
    """The scans of an engine. They may run side by side; rows keep them apart."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._journals_read: set[uuid.UUID] = set()

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
            storage = await self._engine.storage(row)
            await storage.check_ready()
            await read_journals(self._engine.database, row.id, storage)
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
            row = await self._row(place)
            try:
                await self.read_journal(row)
                read += 1
            except StreamWeaveError as error:
                away = error
        if away is None or not read:
            return away
        is_older = await self._engine.database.ask(lambda s: journals.knows_more(s, facts.id))
        return away if is_older else None

    async def _row(self, place: uuid.UUID) -> StorageLocation:
        return await self._engine.database.ask(lambda s: instruments.storage_location(s, place))

    # --- scanning ----------------------------------------------------------------------------

    async def _facts(
        self, instrument_id: uuid.UUID
    ) -> tuple[InstrumentFacts | None, ScanState | None]:
        async def both(session: AsyncSession) -> tuple[InstrumentFacts | None, ScanState | None]:
            facts = await instruments.load(session, instrument_id)
            return facts, await scanning.state(session, instrument_id)

        return await self._engine.database.ask(both)

    async def scan(self, instrument_id: uuid.UUID) -> ScanResult | None:
        """Scan one instrument and plan what is complete; None when another worker scans it.

        Whatever stops the scan is written to its state with the next try, and shown there.
        """
        settings = self._engine.ports.settings
        facts, state = await self._facts(instrument_id)
        if facts is None or state is None or facts.paused or is_quiet(facts.quiet_hours, utcnow()):
            return None
        owner = f"{settings.worker}/{new_id()}"
        generation = await self._engine.database.run(
            lambda s: scanning.begin(s, instrument_id, owner, settings.lease_seconds)
        )
        if generation is None:
            return None
        lease = ScanLease(
            self._engine.database,
            facts,
            generation,
            settings.lease_seconds,
            first_scan=state.last_scan_at is None,
            believe_absence=state.breaker_confirmed,
            cannot_plan=await self._may_plan(facts),
            planned=self._engine.ring,
        )
        report, looked, error = ScanReport(), LookReport(), None
        keeper = asyncio.create_task(self._keep_scan(lease))
        try:
            async with self._engine.opened.hold(
                facts, patience_seconds=settings.lease_seconds
            ) as opened:
                if opened is None:
                    raise StreamWeaveError("instrument_busy")
                source = opened.source

                async def look_now() -> None:
                    looked.add(await look(lease, source, self._engine.ports))

                report = await scan(lease, source, look_now)
                await look_now()
        except StreamWeaveError as raised:
            error = raised
            await self._engine.opened.note_logon(instrument_id, raised)
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
        settings = self._engine.ports.settings
        facts, state = await self._facts(instrument_id)
        if facts is None or state is None or facts.paused or is_quiet(facts.quiet_hours, utcnow()):
            return None
        if state.next_try_at is not None and state.next_try_at > utcnow():
            return None  # the source is in trouble; a scan will find out when it is over
        quiet = facts.quiet_seconds
        if not await self._engine.database.ask(
            lambda s: scanning.candidates(s, instrument_id, quiet, 1)
        ):
            return LookReport()
        owner = f"{settings.worker}/{new_id()}"
        generation = await self._engine.database.run(
            lambda s: scanning.begin_look(s, instrument_id, owner, settings.lease_seconds)
        )
        if generation is None:
            return None
        lease = ScanLease(
            self._engine.database,
            facts,
            generation,
            settings.lease_seconds,
            state.last_scan_at is None,
            False,
            await self._may_plan(facts),
            self._engine.ring,
        )
        values: dict[str, object] = {}
        try:
            async with self._engine.opened.hold(facts) as opened:
                if opened is None:
                    return None
                return await look(lease, opened.source, self._engine.ports)
        except StreamWeaveError as error:
            await self._engine.opened.note_logon(instrument_id, error)
            delay = settings.retry.delay_seconds(state.failures + 1)
            values = {
                "failures": state.failures + 1,
                "next_try_at": utcnow() + timedelta(seconds=delay),
                "last_error_code": error.code,
                "last_error_detail": error.detail,
            }
            return None
        finally:
            await self._engine.database.run(
                lambda s: scanning.end(s, instrument_id, generation, values)
            )

    async def _keep_scan(self, lease: ScanLease) -> None:
        while True:
            await asyncio.sleep(lease.lease_seconds / 3)
            await self._engine.database.run(lease.fence)

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
            delay = self._engine.ports.settings.retry.delay_seconds(6 if waits else failures + 1)
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
                await self._engine.ports.record(
                    session,
                    actor=f"worker:{self._engine.ports.settings.worker}",
                    action="scan.stopped" if error else "breaker.tripped",
                    subject=f"instrument:{lease.instrument.id}",
                    details={
                        "code": error.code if error else "listing_shrunken",
                        "detail": error.detail if error else "; ".join(report.suspicions[:20]),
                    },
                    instrument_id=lease.instrument.id,
                )

        await self._engine.database.run(work)
