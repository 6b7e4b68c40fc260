"""Where something is due: one question for all instruments and storage locations of the zones.

Asked before each claim, so the statement is made once; what waits costs it nothing, due or not.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ScalarSelect, Select, Table, bindparam, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_clock
from app.harvest.quiet import is_quiet
from app.harvest.store.claiming import C, Place
from app.harvest.store.instruments import may_be_served, may_be_written_to
from app.harvest.store.words import IN_FLIGHT, WAITING
from app.harvest.work import BATCHES_OF_ONE, BatchSize
from app.models import PRIORITIES, CopyState, Instrument, ScanState, ServiceAccount, StorageLocation
from app.models.base import UTCDateTime
from app.transfers.movers import mover_of

ON, AT, SCAN, ACCOUNT = (
    cast(Table, model.__table__)
    for model in (Instrument, StorageLocation, ScanState, ServiceAccount)
)
_PATIENT_AT_ONCE = 2  # one more is submitted while one is on its way
_NOW = bindparam("now", type_=UTCDateTime())
_ZONES: Any = bindparam("zones", expanding=True)


@dataclass(slots=True)
class Due:
    """The instruments that may be served now, and for which places each has a copy that is due."""

    served: list[uuid.UUID]
    places: dict[uuid.UUID, list[Place]]
    sizes: dict[uuid.UUID, BatchSize]


def _first_due(priority: int) -> ScalarSelect[Any]:
    # With its order only the index of waiting copies will do, whatever the statistics say.
    return (
        select(C.id)
        .where(C.instrument_id == ON.c.id, C.storage_location_id == AT.c.id)
        .where(C.priority == priority, WAITING, C.due_at <= _NOW)
        .order_by(C.due_at, C.id)
        .limit(1)
        .scalar_subquery()
    )


_PLACES: Select[Any] = (
    select(
        ON.c.id,
        ON.c.quiet_hours,
        ON.c.protocol,
        ON.c.mover,
        AT.c.id,
        *(_first_due(one) for one in PRIORITIES),
    )
    .join_from(ON, SCAN, SCAN.c.instrument_id == ON.c.id)
    .outerjoin(ACCOUNT, ACCOUNT.c.id == ON.c.service_account_id)
    .join(AT, true())
    .where(*may_be_served(_ZONES, _NOW), *may_be_written_to(_ZONES, _NOW))
    .order_by(ON.c.id, AT.c.id)
)


async def due_places(session: AsyncSession, zones: Sequence[str]) -> Due:
    """Return where copies may be claimed now, each instrument's places in order of priority."""
    now = utcnow()
    served: dict[uuid.UUID, None] = {}
    places: dict[uuid.UUID, list[Place]] = {}
    rows = await session.execute(_PLACES, {"now": now, "zones": list(zones)})
    sizes: dict[uuid.UUID, BatchSize] = {}
    for instrument_id, quiet_hours, protocol, mover, location_id, *first in rows:
        if is_quiet(quiet_hours, now):
            continue
        served[instrument_id] = None
        sizes[instrument_id] = _size(protocol, mover)
        for priority, found in zip(PRIORITIES, first, strict=True):
            if found is not None:
                places.setdefault(instrument_id, []).append((location_id, priority))
    for found_places in places.values():
        found_places.sort(key=lambda place: place[1])
    return Due(list(served), places, sizes)


@lru_cache(100)
def _size(protocol: str, chosen: str) -> BatchSize:
    """Return how much is claimed at once of an instrument with this mover."""
    mover = mover_of(protocol, chosen)
    at_once = _PATIENT_AT_ONCE if mover.is_patient else BATCHES_OF_ONE
    return BatchSize(mover.batch_files, mover.batch_bytes, at_once, mover.is_patient)


@lru_cache(2)
def _other_work(is_sqlite: bool) -> Select[Any]:
    clock = lease_clock("sqlite" if is_sqlite else "postgresql")
    # No plain state: without statistics SQLite would read all that waits by the states' index. Each
    # place is named: then the index of what follows is entered at what is due.
    waits = (C.state + "").in_([CopyState.QUEUED, CopyState.RETRY_WAIT])
    fill = select(C.id).where(C.follows.in_(select(AT.c.id)), waits, C.due_at <= _NOW)
    interrupted = select(C.id).where(
        IN_FLIGHT, C.state == CopyState.PUBLISHING, C.lease_until_ms < clock
    )
    return select(fill.exists(), interrupted.exists())


async def other_work(session: AsyncSession) -> tuple[bool, bool]:
    """Return whether a proven copy can fill one that waits, and whether there is a copy to look at.

    The latter's worker died, or was refused its storage, while publishing.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    may_fill, is_interrupted = (
        await session.execute(_other_work(is_sqlite), {"now": utcnow()})
    ).one()
    return bool(may_fill), bool(is_interrupted)
