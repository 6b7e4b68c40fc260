"""What the engine reads of an instrument, its storage policy and its account."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.plan import Destination
from app.models import (
    Instrument,
    InstrumentStorage,
    ServiceAccount,
    StorageLocation,
)


@dataclass(frozen=True, slots=True)
class InstrumentFacts:
    """An instrument as the engine sees it."""

    id: uuid.UUID
    name: str
    protocol: str
    zone: str
    paused: bool
    quiet_seconds: float
    incarnation_policy: str
    start_from: datetime | None
    created_at: datetime
    rules_generation: int
    shrink_ratio: float
    connections: int
    bandwidth_bytes_per_second: int | None
    quiet_hours: dict[str, Any] | None
    destinations: tuple[Destination, ...]


async def load(session: AsyncSession, instrument_id: uuid.UUID) -> InstrumentFacts | None:
    """Return the instrument with its destinations, or None when it is gone."""
    row = await session.get(Instrument, instrument_id)
    if row is None:
        return None
    destinations = await session.execute(
        select(
            StorageLocation.id,
            InstrumentStorage.required,
            StorageLocation.case_insensitive,
            InstrumentStorage.prefix,
        )
        .join(InstrumentStorage, InstrumentStorage.storage_location_id == StorageLocation.id)
        .where(InstrumentStorage.instrument_id == instrument_id)
        .order_by(StorageLocation.id)
    )
    names = [name for name in InstrumentFacts.__slots__ if name != "destinations"]
    return InstrumentFacts(
        **{name: getattr(row, name) for name in names},
        destinations=tuple(
            Destination(
                d.id,
                d.required,
                d.case_insensitive,
                (row.slug if d.prefix is None else d.prefix).encode(),
            )
            for d in destinations
        ),
    )


async def served(session: AsyncSession, zones: Sequence[str]) -> list[uuid.UUID]:
    """Return the instruments of the zones that are not paused."""
    found = await session.scalars(
        select(Instrument.id)
        .where(Instrument.zone.in_(zones), Instrument.paused.is_(False))
        .order_by(Instrument.id)
    )
    return list(found)


async def storage_location(
    session: AsyncSession, storage_location_id: uuid.UUID
) -> StorageLocation:
    """Return a storage location."""
    return (
        await session.execute(
            select(StorageLocation).where(StorageLocation.id == storage_location_id)
        )
    ).scalar_one()


async def pause_storage(
    session: AsyncSession, storage_location_id: uuid.UUID, code: str | None, until: datetime | None
) -> None:
    """Hold a storage location back until a time, with the reason; None lets it go on."""
    await session.execute(
        update(StorageLocation)
        .where(StorageLocation.id == storage_location_id)
        .values(error_code=code, paused_until=until)
    )


async def open_locations(session: AsyncSession, zones: Sequence[str]) -> list[uuid.UUID]:
    """Return the storage locations of the zones that are not held back."""
    found = await session.scalars(
        select(StorageLocation.id)
        .where(
            StorageLocation.zone.in_(zones),
            or_(StorageLocation.paused_until.is_(None), StorageLocation.paused_until <= utcnow()),
        )
        .order_by(StorageLocation.id)
    )
    return list(found)


async def refuse_account(session: AsyncSession, instrument_id: uuid.UUID) -> None:
    """Remember that the server refused the present secret: nobody tries it again."""
    await session.execute(
        update(ServiceAccount)
        .where(
            ServiceAccount.id
            == select(Instrument.service_account_id)
            .where(Instrument.id == instrument_id)
            .scalar_subquery()
        )
        .values(refused_version=ServiceAccount.secret_version, refused_at=utcnow())
    )
