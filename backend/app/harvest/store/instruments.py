"""What the engine reads of an instrument, its storage policy and its account."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.plan import Destination
from app.harvest.quiet import is_quiet
from app.harvest.retry import INSTRUMENT_LEVEL
from app.harvest.store.news import tell
from app.models import (
    Copy,
    CopyState,
    Hook,
    HookKind,
    Instrument,
    InstrumentStorage,
    ScanState,
    ServiceAccount,
    StorageKind,
    StorageLocation,
    StorageState,
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
    hold_failures: int
    destinations: tuple[Destination, ...]
    has_hooks: bool = False

    def enough_at(self, storage_location_id: uuid.UUID) -> frozenset[str] | None:
        """Return where a read-back at a place must come from to be proof enough."""
        for one in self.destinations:
            if one.storage_location_id == storage_location_id:
                return one.enough
        return None  # it is not in the policy any more


_ELSEWHERE = ("destinations", "hold_failures", "has_hooks")
_OWN = tuple(name for name in InstrumentFacts.__slots__ if name not in _ELSEWHERE)
# In the question that is asked anyway: without hooks they cost nothing.
_HAS_HOOKS = exists().where(
    Hook.kind == HookKind.PRE_TRANSFER,
    Hook.enabled.is_(True),
    or_(Hook.instrument_id.is_(None), Hook.instrument_id == Instrument.id),
)
_FACTS = (
    select(
        Instrument.slug,
        ScanState.hold_failures,
        _HAS_HOOKS,
        *(getattr(Instrument, name) for name in _OWN),
    )
    .outerjoin(ScanState, ScanState.instrument_id == Instrument.id)
    .where(Instrument.id == bindparam("instrument"))
)
_DESTINATIONS = (
    select(
        StorageLocation.id,
        InstrumentStorage.required,
        StorageLocation.case_insensitive,
        InstrumentStorage.prefix,
        InstrumentStorage.template,
        InstrumentStorage.enough,
    )
    .join(InstrumentStorage, InstrumentStorage.storage_location_id == StorageLocation.id)
    .where(
        InstrumentStorage.instrument_id == bindparam("instrument"),
        StorageLocation.state == StorageState.ACTIVE,
    )
    # The first one is made from the source, the others from it: a near one is read quickest.
    .order_by(
        InstrumentStorage.required.desc(),
        StorageLocation.kind.in_([StorageKind.POSIX, StorageKind.NFS]).desc(),
        StorageLocation.id,
    )
)


async def load(session: AsyncSession, instrument_id: uuid.UUID) -> InstrumentFacts | None:
    """Return the instrument with its destinations, or None when it is gone."""
    which = {"instrument": instrument_id}
    row = (await session.execute(_FACTS, which)).first()
    if row is None:
        return None
    slug, hold_failures, has_hooks, *own = row
    return InstrumentFacts(
        **dict(zip(_OWN, own, strict=True)),
        hold_failures=hold_failures or 0,
        has_hooks=has_hooks,
        destinations=tuple(
            Destination(
                place,
                required,
                folds,
                (slug if prefix is None else prefix).encode(),
                slug,
                template,
                None if enough is None else frozenset(enough),
            )
            for place, required, folds, prefix, template, enough in await session.execute(
                _DESTINATIONS, which
            )
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


def may_be_served(zones: Any, now: Any) -> tuple[ColumnElement[bool], ...]:
    """Conditions on an instrument, its scan state and account: not refused, not held back."""
    refused = (ServiceAccount.refused_version > 0) & (
        ServiceAccount.refused_version == ServiceAccount.secret_version
    )
    return (
        Instrument.zone.in_(zones),
        Instrument.paused.is_(False),
        or_(ServiceAccount.id.is_(None), ~refused),
        or_(ScanState.held_until.is_(None), ScanState.held_until <= now),
    )


def may_be_written_to(zones: Any, now: Any) -> tuple[ColumnElement[bool], ...]:
    """Conditions on a storage location: it does not rest."""
    paused = StorageLocation.paused_until
    return StorageLocation.zone.in_(zones), or_(paused.is_(None), paused <= now)


async def reachable(session: AsyncSession, zones: Sequence[str], now: datetime) -> list[uuid.UUID]:
    """Return the served instruments of which copies may be claimed now.

    Left out: quiet hours, accounts that were refused, and instruments held back.
    """
    rows = await session.execute(
        select(Instrument.id, Instrument.quiet_hours)
        .join(ScanState, ScanState.instrument_id == Instrument.id)
        .outerjoin(ServiceAccount, ServiceAccount.id == Instrument.service_account_id)
        .where(*may_be_served(zones, now))
        .order_by(Instrument.id)
    )
    return [row.id for row in rows if not is_quiet(row.quiet_hours, now)]


async def hold(
    session: AsyncSession, instrument_id: uuid.UUID, delay_seconds: Callable[[int], float]
) -> None:
    """Hold an instrument back after its n-th trouble in a row."""
    state = await session.get(ScanState, instrument_id, with_for_update=True)
    if state is not None:
        state.hold_failures += 1
        state.held_until = utcnow() + timedelta(seconds=delay_seconds(state.hold_failures))
        await tell(session, "instrument.held", instrument_id)


async def let_go(session: AsyncSession, instrument_ids: Sequence[uuid.UUID]) -> None:
    """End the hold of instruments: their trouble is over, or somebody mended it."""
    await session.execute(
        update(ScanState)
        .where(ScanState.instrument_id.in_(instrument_ids))
        .values(held_until=None, hold_failures=0, next_try_at=None)
    )
    await session.execute(
        update(Copy)
        .where(
            Copy.instrument_id.in_(instrument_ids),
            Copy.state == CopyState.RETRY_WAIT,
            Copy.error_code.in_(INSTRUMENT_LEVEL),
        )
        .values(due_at=utcnow())
    )


async def let_account_go(session: AsyncSession, service_account_id: uuid.UUID) -> None:
    """End the hold of all instruments of an account: its secret is another one, or works."""
    ids = await session.scalars(
        select(Instrument.id).where(Instrument.service_account_id == service_account_id)
    )
    await let_go(session, list(ids))


async def hold_storage(
    session: AsyncSession,
    storage_location_id: uuid.UUID,
    code: str,
    delay_seconds: Callable[[int], float],
) -> None:
    """Hold a storage location back after its n-th trouble in a row, with the reason."""
    location = await session.get(StorageLocation, storage_location_id, with_for_update=True)
    if location is not None:
        location.hold_failures += 1
        location.error_code = code
        wait = delay_seconds(location.hold_failures)
        location.paused_until = utcnow() + timedelta(seconds=wait)
        await tell(session, "storage.held", storage_id=str(storage_location_id), code=code)


async def let_storage_go(session: AsyncSession, storage_location_id: uuid.UUID) -> None:
    """End the hold of a storage location."""
    await session.execute(
        update(StorageLocation)
        .where(StorageLocation.id == storage_location_id)
        .values(error_code=None, paused_until=None, hold_failures=0)
    )
    await tell(session, "storage.released", storage_id=str(storage_location_id))


async def open_locations(
    session: AsyncSession, zones: Sequence[str], *, resting: bool = False
) -> list[uuid.UUID]:
    """Return the storage locations of the zones that are not held back, or with those that are."""
    conditions = may_be_written_to(zones, utcnow())[: 1 if resting else None]
    query = select(StorageLocation.id).where(*conditions).order_by(StorageLocation.id)
    return list(await session.scalars(query))


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
    await tell(session, "instrument.refused", instrument_id)
