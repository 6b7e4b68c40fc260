"""Asking for runs. The row is the request; the reconciler carries it to Prefect.

So a request is never lost: with Prefect away it waits in its row.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database, lease_now
from app.errors import StreamWeaveError
from app.harvest.store.instruments import let_go
from app.models import Instrument, Run, RunKind, RunState, ScanState
from app.services.audit import record
from app.services.prefect_api import PrefectApi


@dataclass(frozen=True)
class HarvestTicket:
    """What a request for a harvest led to: `joined` when a live run takes it up."""

    run_id: uuid.UUID
    joined: bool
    requested_at: datetime


async def request_harvest(
    database: Database,
    instrument_id: uuid.UUID,
    *,
    actor: str,
    user_id: uuid.UUID | None = None,
    trigger: str = "manual",
) -> HarvestTicket:
    """Ask for a harvest of one instrument.

    A live run of it, or the zone's watch run, scans again within seconds; otherwise a run row is
    made, which the reconciler starts.

    Raises:
        StreamWeaveError: `not_found`.
    """

    async def work(session: AsyncSession) -> HarvestTicket:
        instrument = await session.get(Instrument, instrument_id)
        if instrument is None:
            raise StreamWeaveError("not_found")
        await let_go(session, [instrument_id])  # a person says: now
        ticket = await _join(session, instrument) or await _make(
            session, instrument, user_id, trigger
        )
        await record(
            session,
            actor=actor,
            action="harvest.requested",
            subject=f"instrument:{instrument_id}",
            details={"run": str(ticket.run_id), "joined": ticket.joined, "trigger": trigger},
            instrument_id=instrument_id,
        )
        return ticket

    try:
        return await database.run(work)
    except IntegrityError:
        # Somebody else made the live run between our look and our insert: join that one.
        return await database.run(work)


async def _join(session: AsyncSession, instrument: Instrument) -> HarvestTicket | None:
    now = utcnow()
    live = await session.execute(
        update(Run)
        .where(
            Run.kind == RunKind.HARVEST,
            Run.instrument_id == instrument.id,
            Run.state == RunState.LIVE,
        )
        .values(rescan_requested_at=now)
        .returning(Run.id)
    )
    if (run_id := live.scalar_one_or_none()) is not None:
        return HarvestTicket(run_id, True, now)
    watching = await session.scalar(
        select(Run.id).where(
            Run.kind == RunKind.WATCH,
            Run.zone == instrument.zone,
            Run.state == RunState.LIVE,
            Run.lease_until_ms > lease_now(session),
        )
    )
    if watching is None:
        return None
    # Should the watch run end before it looks, the reconciler finds the request here.
    await session.execute(
        update(ScanState)
        .where(ScanState.instrument_id == instrument.id)
        .values(rescan_requested_at=now, next_try_at=None)
    )
    return HarvestTicket(watching, True, now)


async def _make(
    session: AsyncSession, instrument: Instrument, user_id: uuid.UUID | None, trigger: str
) -> HarvestTicket:
    run = Run(
        kind=RunKind.HARVEST,
        zone=instrument.zone,
        instrument_id=instrument.id,
        state=RunState.LIVE,
        trigger=trigger,
        requested_by=user_id,
        requested_at=utcnow(),
    )
    session.add(run)
    await session.flush()
    return HarvestTicket(run.id, False, run.requested_at)


async def prefect_health(settings: Settings) -> dict[str, Any]:
    """Return whether Prefect's server answers, and at which address."""
    api = PrefectApi(settings)
    try:
        return {"reachable": await api.is_healthy(), "url": settings.prefect_url}
    except StreamWeaveError as error:
        return {"reachable": False, "url": settings.prefect_url, "detail": error.detail}
    finally:
        await api.close()
