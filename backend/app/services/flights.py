"""Flight checks: asked for here, flown by a worker (worker/flights.py), and followed."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database, lease_now
from app.errors import StreamWeaveError
from app.models import Check, Instrument, Worker, new_id
from app.services import audit
from app.services.edits import find
from app.services.zones import zone_is_served

_KIND = "flight"


@dataclass(frozen=True)
class Flight:
    """A flight check as far as it is known."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    state: str  # waiting | flying | over | lost
    ok: bool | None
    created_at: datetime
    done_at: datetime | None
    stations: list[dict[str, Any]]


async def start_flight(database: Database, instrument_id: uuid.UUID, actor: str) -> Flight:
    """Ask for a flight of an instrument; one that is under way is joined.

    Raises:
        StreamWeaveError: `not_found`, `zone_not_served`.
    """

    async def work(session: AsyncSession) -> Flight:
        instrument = await find(session, Instrument, instrument_id)
        if not await zone_is_served(session, instrument.zone):
            detail = f"No worker of the zone '{instrument.zone}' is alive."
            raise StreamWeaveError("zone_not_served", detail)
        for known in await _flights(session, instrument_id):
            if known.state in ("waiting", "flying"):
                return known
        check = Check(
            id=new_id(),
            zone=instrument.zone,
            kind=_KIND,
            request={"instrument_id": str(instrument_id)},
            created_at=utcnow(),
        )
        session.add(check)
        await audit.record(
            session,
            actor=actor,
            action="instrument.flight_checked",
            subject=f"instrument:{instrument_id}",
            details={"flight": str(check.id)},
            instrument_id=instrument_id,
        )
        return _flight(check, is_worked_on=True)

    return await database.run(work)


async def read_flight(database: Database, instrument_id: uuid.UUID, flight_id: uuid.UUID) -> Flight:
    """Return a flight.

    Raises:
        StreamWeaveError: `not_found`.
    """
    async with database.read() as session:
        for flight in await _flights(session, instrument_id, flight_id):
            return flight
    raise StreamWeaveError("not_found", "There is no such flight of this instrument.")


async def last_flight(database: Database, instrument_id: uuid.UUID) -> Flight | None:
    """Return the instrument's last flight."""
    async with database.read() as session:
        await find(session, Instrument, instrument_id)
        found = await _flights(session, instrument_id)
    return found[0] if found else None


async def _flights(
    session: AsyncSession, instrument_id: uuid.UUID, flight_id: uuid.UUID | None = None
) -> list[Flight]:
    """Return the newest flights of an instrument, newest first."""
    query = select(Check).where(
        Check.kind == _KIND,
        Check.request["instrument_id"].as_string() == str(instrument_id),
    )
    if flight_id is not None:
        query = query.where(Check.id == flight_id)
    checks = (await session.scalars(query.order_by(Check.id.desc()).limit(10))).all()
    alive = set(
        await session.scalars(select(Worker.name).where(Worker.until_ms > lease_now(session)))
    )
    return [
        _flight(check, is_worked_on=check.claimed_by is None or check.claimed_by in alive)
        for check in checks
    ]


def _flight(check: Check, *, is_worked_on: bool) -> Flight:
    result = check.result or {}
    if check.done_at is not None:
        state = "over"
    elif check.claimed_by is None:
        state = "waiting"
    else:
        state = "flying" if is_worked_on else "lost"
    return Flight(
        id=check.id,
        instrument_id=uuid.UUID(str(check.request["instrument_id"])),
        state=state,
        ok=result.get("ok"),
        created_at=check.created_at,
        done_at=check.done_at,
        stations=list(result.get("stations") or []),
    )
