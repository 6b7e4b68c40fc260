"""The reconciler: makes Prefect look as the database says, and takes over what died.

Runs under a database lease in the API process. Each step asks the database what should be and
repairs what is not; killed anywhere, the next tick does the rest. Prefect away: the steps that
need it are skipped and come again.
"""

import hashlib
import json
import logging
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.config import Settings
from app.database import Database, lease_now
from app.errors import StreamWeaveError
from app.harvest.backfill import backfill
from app.harvest.store import instruments
from app.harvest.store.words import IN_FLIGHT, WAITING
from app.models import (
    Copy,
    Instrument,
    Run,
    RunKind,
    RunOutcome,
    RunState,
    ScanState,
    Schedule,
    ScheduleKind,
    Worker,
)
from app.services.audit import record
from app.services.prefect_api import PrefectApi

logger = logging.getLogger("streamweave.reconciler")
_TAG = "streamweave"
_NOT_STARTED_SECONDS = 90.0
_ENDED_STATES = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_DEPLOYMENTS_SECONDS = 15.0
_BACK_FILL_SECONDS = 1.0


class Reconciler:
    """One pass is `tick`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._prefect = PrefectApi(settings)
        self._deployments: dict[str, tuple[str, str]] = {}  # name -> (fingerprint, id)
        self._deployments_at = float("-inf")

    async def tick(self) -> None:
        """Repair once: rows first, then what Prefect must know of them."""
        lost = await self._database.run(self._end_lost_runs)
        await self._back_fill()
        await self._database.run(self._make_missing_runs)
        try:
            await self._tell_prefect(lost)
        except StreamWeaveError as error:
            if error.code != "orchestrator_unreachable":
                raise
            logger.info("Prefect is away: %s", error.detail)
            self._deployments.clear()  # its database may be another one when it is back

    async def _back_fill(self) -> None:
        """Queue copies for places that came later, as long as a tick may take."""
        until = monotonic() + _BACK_FILL_SECONDS
        while monotonic() < until:
            if await backfill(self._database) < 0:
                return

    async def close(self) -> None:
        """Close connections."""
        await self._prefect.close()

    # --- rows --------------------------------------------------------------------------------

    async def _end_lost_runs(self, session: AsyncSession) -> list[tuple[str, str]]:
        """End runs whose heartbeat stopped, or that were cancelled before they began."""
        dead = and_(Run.lease_owner.is_not(None), Run.lease_until_ms < lease_now(session))
        unwanted = and_(Run.lease_owner.is_(None), Run.cancel_requested.is_(True))
        rows = (
            await session.scalars(
                select(Run)
                .where(Run.state == RunState.LIVE, or_(dead, unwanted))
                .with_for_update(skip_locked=True)
            )
        ).all()
        told = []
        for run in rows:
            cancelled = run.lease_owner is None
            run.state = RunState.ENDED
            run.outcome = RunOutcome.CANCELLED if cancelled else RunOutcome.LOST
            run.ended_at = utcnow()
            if run.flow_run_id is not None:
                told.append((run.flow_run_id, "CANCELLED" if cancelled else "CRASHED"))
            await self._take_up_again(session, run)
            await record(
                session,
                actor="system",
                action="run.ended",
                subject=f"run:{run.id}",
                details={"outcome": run.outcome, "kind": run.kind},
                instrument_id=run.instrument_id,
            )
        return told

    async def _take_up_again(self, session: AsyncSession, run: Run) -> None:
        """A harvest that died is asked for again: nobody has to notice."""
        if run.kind == RunKind.HARVEST and run.outcome == RunOutcome.LOST:
            await session.execute(
                update(ScanState)
                .where(ScanState.instrument_id == run.instrument_id)
                .values(rescan_requested_at=utcnow())
            )

    async def _make_missing_runs(self, session: AsyncSession) -> None:
        for zone in await self._served_zones(session):
            await self._make_watch(session, zone)
            await self._make_drain(session, zone)
        await self._make_asked(session)

    async def _served_zones(self, session: AsyncSession) -> list[str]:
        found = await session.scalars(
            select(Worker.zone).where(Worker.until_ms > lease_now(session)).distinct()
        )
        return list(found)

    async def _make_watch(self, session: AsyncSession, zone: str) -> None:
        wanted = (
            select(Schedule.id)
            .join(Instrument, Instrument.id == Schedule.instrument_id)
            .where(
                Instrument.zone == zone,
                Schedule.kind == ScheduleKind.WATCH,
                Schedule.enabled.is_(True),
            )
        )
        if await session.scalar(select(exists(wanted))):
            await self._make_zone_run(session, zone, RunKind.WATCH)

    async def _make_drain(self, session: AsyncSession, zone: str) -> None:
        """Something is due, and no run of the zone has been alive for a while."""
        before = utcnow() - timedelta(seconds=self._settings.drain_after_seconds)
        reachable = await instruments.reachable(session, [zone], utcnow())
        locations = await instruments.open_locations(session, [zone])
        due = (
            select(Copy.id)
            .join(Instrument, Instrument.id == Copy.instrument_id)
            .where(
                Instrument.zone == zone,
                Instrument.paused.is_(False),
                or_(
                    and_(
                        WAITING,
                        Copy.due_at <= before,
                        Copy.instrument_id.in_(reachable),
                        Copy.storage_location_id.in_(locations),
                    ),
                    and_(IN_FLIGHT, Copy.lease_until_ms < lease_now(session)),
                ),
            )
        )
        alive = select(Run.id).where(
            Run.zone == zone, or_(Run.state == RunState.LIVE, Run.ended_at > before)
        )
        if not await session.scalar(select(exists(alive))) and await session.scalar(
            select(exists(due))
        ):
            await self._make_zone_run(session, zone, RunKind.DRAIN)

    async def _make_zone_run(self, session: AsyncSession, zone: str, kind: RunKind) -> None:
        live = select(Run.id).where(Run.zone == zone, Run.kind == kind, Run.state == RunState.LIVE)
        if await session.scalar(select(exists(live))):
            return
        session.add(
            Run(
                kind=kind,
                zone=zone,
                state=RunState.LIVE,
                trigger=kind.value,
                requested_at=utcnow(),
            )
        )
        await session.flush()

    async def _make_asked(self, session: AsyncSession) -> None:
        """Requests for a scan that no live run will see become harvest runs."""
        live = select(Run.id).where(
            Run.state == RunState.LIVE,
            or_(
                and_(Run.kind == RunKind.WATCH, Run.zone == Instrument.zone),
                and_(Run.kind == RunKind.HARVEST, Run.instrument_id == Instrument.id),
            ),
        )
        zones = await self._served_zones(session)
        awake = await instruments.reachable(session, zones, utcnow())
        rows = await session.execute(
            select(Instrument.id, Instrument.zone)
            .join(ScanState, ScanState.instrument_id == Instrument.id)
            .where(
                ScanState.rescan_requested_at.is_not(None),
                or_(
                    ScanState.scan_started_at.is_(None),
                    ScanState.rescan_requested_at > ScanState.scan_started_at,
                ),
                Instrument.id.in_(awake),
                ~exists(live),
            )
        )
        for instrument_id, zone in rows.all():
            session.add(
                Run(
                    kind=RunKind.HARVEST,
                    zone=zone,
                    instrument_id=instrument_id,
                    state=RunState.LIVE,
                    trigger="manual",
                    requested_at=utcnow(),
                )
            )
        await session.flush()

    # --- Prefect -----------------------------------------------------------------------------

    async def _tell_prefect(self, ended: list[tuple[str, str]]) -> None:
        for flow_run_id, kind in ended:
            await self._prefect.set_state(flow_run_id, kind, "StreamWeave ended the run.")
        if monotonic() - self._deployments_at > _DEPLOYMENTS_SECONDS or not self._deployments:
            await self._save_deployments()
            self._deployments_at = monotonic()
        await self._start_runs()

    async def _save_deployments(self) -> None:
        """Create and repair deployments: three flows a zone, one for each cron schedule."""
        async with self._database.read() as session:
            zones = await self._served_zones(session)
            schedules = (
                await session.execute(
                    select(Schedule, Instrument.slug, Instrument.zone)
                    .join(Instrument, Instrument.id == Schedule.instrument_id)
                    .where(Schedule.kind == ScheduleKind.CRON)
                )
            ).all()
        wanted = {}
        for zone in zones:
            await self._prefect.make_work_pool(f"streamweave-{zone}")
            for kind in RunKind:
                wanted[f"{kind.value}-{zone}"] = (kind.value, _deployment(kind.value, zone))
        for schedule, slug, zone in schedules:
            name = f"cron-{slug}-{str(schedule.id)[-12:]}"
            wanted[name] = ("harvest", _cron_deployment(name, schedule, zone))
        standing = await self._prefect.deployments(_TAG)
        for name, (flow, deployment) in wanted.items():
            mark = hashlib.sha256(json.dumps(deployment, sort_keys=True).encode()).hexdigest()
            if name in standing and self._deployments.get(name, ("", ""))[0] == mark:
                continue
            saved = await self._prefect.save_deployment(deployment, f"streamweave-{flow}")
            self._deployments[name] = (mark, saved)
        for name in set(standing) - set(wanted):
            if zones:  # without workers nothing is known to be unwanted
                await self._prefect.delete_deployment(standing[name])
                self._deployments.pop(name, None)

    async def _start_runs(self) -> None:
        """Give each live run that nobody has begun its flow run."""
        async with self._database.read() as session:
            rows = (
                await session.scalars(
                    select(Run)
                    .where(Run.state == RunState.LIVE, Run.lease_owner.is_(None))
                    .order_by(Run.id)
                    .limit(50)
                )
            ).all()
        for run in rows:
            if run.flow_run_id is not None and not await self._is_overdue(run):
                continue
            known = self._deployments.get(f"{run.kind}-{run.zone}")
            if known is None:
                continue  # no worker serves the zone yet
            parameters: dict[str, Any] = {"run_id": str(run.id), "zone": run.zone}
            if run.instrument_id is not None:
                parameters["instrument_id"] = str(run.instrument_id)
            # A minute's key: killed between start and save, the next tick gets the same flow run.
            key = f"{run.id}:{int(utcnow().timestamp() // 60)}"
            flow_run_id = await self._prefect.start_flow_run(known[1], parameters, key)
            if flow_run_id is None:
                self._deployments.clear()
                return
            await self._note_flow_run(run.id, flow_run_id)

    async def _is_overdue(self, run: Run) -> bool:
        """Return whether the flow run of a run that never began is gone, has ended, or hangs.

        One that was killed before it took the run's lease stays PENDING or RUNNING in Prefect; a
        second one is harmless, since only one can hold the run.
        """
        assert run.flow_run_id is not None
        state = await self._prefect.flow_run_state(run.flow_run_id)
        if state is None or state in _ENDED_STATES:
            return True
        late_at = (run.flow_run_at or run.requested_at) + timedelta(seconds=_NOT_STARTED_SECONDS)
        if state == "SCHEDULED" or late_at > utcnow():
            return False
        await self._prefect.set_state(run.flow_run_id, "CRASHED", "It never took its run.")
        return True

    async def _note_flow_run(self, run_id: uuid.UUID, flow_run_id: str) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(
                update(Run)
                .where(Run.id == run_id)
                .values(flow_run_id=flow_run_id, flow_run_at=utcnow())
            )

        await self._database.run(work)


def _deployment(kind: str, zone: str) -> dict[str, Any]:
    return {
        "name": f"{kind}-{zone}",
        "work_pool_name": f"streamweave-{zone}",
        "entrypoint": f"app.flows.runs.{kind}",
        "tags": [_TAG],
        "enforce_parameter_schema": False,
    }


def _cron_deployment(name: str, schedule: Schedule, zone: str) -> dict[str, Any]:
    return _deployment("harvest", zone) | {
        "name": name,
        "parameters": {
            "instrument_id": str(schedule.instrument_id),
            "zone": zone,
            "jitter_seconds": schedule.jitter_seconds,
        },
        "schedules": [
            {
                "active": schedule.enabled,
                "schedule": {"cron": schedule.cron, "timezone": schedule.time_zone},
            }
        ],
    }
