"""How full storage locations are, and when they will be: a straight line through hourly samples."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.models import InstrumentStorage, StorageLocation, StorageSample, User
from app.services.access import readable_instruments

_DAYS = 14
_LEAST_SPAN = timedelta(hours=24)
_LEAST_SAMPLES = 6
_FAR = timedelta(days=3650)
NEARLY_FULL = 0.05  # of the whole is left
SOON = timedelta(days=7)


@dataclass(frozen=True)
class Sample:
    """A measurement."""

    at: datetime
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Fill:
    """A storage location's fill. `forecast_reason` says why there is no forecast."""

    id: uuid.UUID
    name: str
    error_code: str | None
    measured_at: datetime | None
    total_bytes: int | None
    free_bytes: int | None
    forecast_full_at: datetime | None
    forecast_reason: str | None

    @property
    def used_bytes(self) -> int | None:
        """What is not free."""
        if self.total_bytes is None or self.free_bytes is None:
            return None
        return self.total_bytes - self.free_bytes

    @property
    def is_nearly_full(self) -> bool:
        """Whether somebody should make room now."""
        if self.forecast_full_at is not None and self.forecast_full_at < utcnow() + SOON:
            return True
        total, free = self.total_bytes, self.free_bytes
        return total is not None and free is not None and free < total * NEARLY_FULL


def readable_storage(user: User) -> Any:
    """Return the storage locations that a person's instruments go to; an admin sees all."""
    query = select(StorageLocation)
    if user.is_superuser:
        return query
    mine = select(InstrumentStorage.storage_location_id).where(
        InstrumentStorage.instrument_id.in_(readable_instruments(user))
    )
    return query.where(StorageLocation.id.in_(mine))


async def read_fill(session: AsyncSession, user: User) -> list[Fill]:
    """Return how full the storage locations are that a person's files go to."""
    query = readable_storage(user).order_by(StorageLocation.name).limit(200)
    locations = (await session.scalars(query)).all()
    rows = await session.execute(
        select(
            StorageSample.storage_location_id,
            StorageSample.hour,
            StorageSample.total_bytes,
            StorageSample.free_bytes,
        )
        .where(
            StorageSample.storage_location_id.in_([one.id for one in locations]),
            StorageSample.hour >= utcnow() - timedelta(days=_DAYS),
        )
        .order_by(StorageSample.hour)
    )
    samples: dict[uuid.UUID, list[Sample]] = {}
    for location_id, *values in rows:
        samples.setdefault(location_id, []).append(Sample(*values))
    return [_fill(one, samples.get(one.id, [])) for one in locations]


def _fill(location: StorageLocation, samples: Sequence[Sample]) -> Fill:
    last = samples[-1] if samples else None
    full_at, reason = forecast(samples)
    return Fill(
        location.id,
        location.name,
        location.error_code,
        last.at if last else None,
        last.total_bytes if last else None,
        last.free_bytes if last else None,
        full_at,
        reason,
    )


def forecast(samples: Sequence[Sample]) -> tuple[datetime | None, str | None]:
    """Return when a place is full at its present growth, or why nobody can tell."""
    if not samples:
        return None, "not_measured"
    # After the place was enlarged only its new size counts.
    same = [one for one in samples if one.total_bytes == samples[-1].total_bytes]
    if len(same) < _LEAST_SAMPLES or same[-1].at - same[0].at < _LEAST_SPAN:
        return None, "too_few_measurements"
    seconds = [(one.at - same[0].at).total_seconds() for one in same]
    used = [float(one.total_bytes - one.free_bytes) for one in same]
    middle, mean = sum(seconds) / len(seconds), sum(used) / len(used)
    spread = sum((at - middle) ** 2 for at in seconds)
    growth = sum((at - middle) * (u - mean) for at, u in zip(seconds, used, strict=True)) / spread
    if growth <= 0 or same[-1].free_bytes / growth > _FAR.total_seconds():
        return None, "not_growing"
    return same[-1].at + timedelta(seconds=same[-1].free_bytes / growth), None
