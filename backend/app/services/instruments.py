"""Instruments: what makes data, how it is reached, where its files go.

Creating one makes its scan state and its slot rows; a new address of its account demands the
secret (services/secret_rules.py) and makes the workers build a new remote.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.instruments import let_go
from app.models import (
    Instrument,
    InstrumentStorage,
    ScanState,
    Slot,
    SourceFile,
    StorageLocation,
    User,
)
from app.services import audit
from app.services.access import only_readable, readable_instrument
from app.services.conditions import has_part
from app.services.credentials import Vault
from app.services.edits import (
    changes,
    find,
    guarded_update,
    old_and_new,
    plain,
    translated,
    user_actor,
)
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.services.policies import set_policy
from app.services.secret_rules import ADDRESS, confirm_address, note_use
from app.services.source_rules import REMOTE, check_source
from app.services.time_zones import check_time_zone
from app.services.zones import check_zone

_ORDER = Keyset((Instrument.name, Instrument.id))
_RULES = ("quiet_seconds", "start_from", "incarnation_policy")
_SOURCE = (*REMOTE, "zone")


@dataclass(frozen=True)
class PolicyView:
    """A place that an instrument's files are copied to."""

    storage_location_id: uuid.UUID
    storage_name: str
    required: bool
    template: str | None
    enough: list[str] | None
    backfill_pending: bool


@dataclass(frozen=True)
class InstrumentView:
    """An instrument with its storage policy and the state of its scan."""

    instrument: Instrument
    storage: list[PolicyView]
    scan: ScanState | None


@dataclass(frozen=True)
class Editor:
    """Who edits, and with what."""

    database: Database
    settings: Settings
    vault: Vault
    user_id: uuid.UUID

    @property
    def actor(self) -> str:
        """How the audit trail names the editor."""
        return user_actor(self.user_id)


async def _views(session: AsyncSession, found: Sequence[Instrument]) -> list[InstrumentView]:
    ids = [instrument.id for instrument in found]
    policies = await session.execute(
        select(
            InstrumentStorage.instrument_id,
            InstrumentStorage.storage_location_id,
            StorageLocation.name,
            InstrumentStorage.required,
            InstrumentStorage.template,
            InstrumentStorage.enough,
            InstrumentStorage.backfill_pending,
        )
        .join(StorageLocation, StorageLocation.id == InstrumentStorage.storage_location_id)
        .where(InstrumentStorage.instrument_id.in_(ids))
        .order_by(InstrumentStorage.storage_location_id)
    )
    storage: dict[uuid.UUID, list[PolicyView]] = {}
    for instrument_id, *policy in policies.all():
        storage.setdefault(instrument_id, []).append(PolicyView(*policy))
    states = await session.scalars(select(ScanState).where(ScanState.instrument_id.in_(ids)))
    scans = {state.instrument_id: state for state in states}
    return [InstrumentView(one, storage.get(one.id, []), scans.get(one.id)) for one in found]


class InstrumentState(StrEnum):
    """What a list of instruments can be narrowed by; one may be in several."""

    PAUSED = "paused"
    LISTING_HELD = "listing_held"  # the breaker waits for a person
    TROUBLE = "trouble"  # the last scan failed


@dataclass(frozen=True)
class InstrumentFilter:
    """What a list of instruments is narrowed by."""

    search: str | None = None
    state: InstrumentState | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query, narrowed."""
        if self.search:
            query = query.where(has_part(self.search, Instrument.name, Instrument.slug))
        if self.state is InstrumentState.PAUSED:
            return query.where(Instrument.paused.is_(True))
        if self.state is None:
            return query
        is_held = ScanState.breaker_tripped_at.is_not(None)
        has_failed = ScanState.last_error_code.is_not(None)
        is_it = is_held if self.state is InstrumentState.LISTING_HELD else has_failed
        return query.where(Instrument.id.in_(select(ScanState.instrument_id).where(is_it)))


async def list_instruments(
    database: Database, user: User, request: PageRequest, narrowed: InstrumentFilter
) -> Page[InstrumentView]:
    """Return a page of the instruments that a person may see, by name."""
    async with database.read() as session:
        query = narrowed.apply(only_readable(select(Instrument), user, Instrument.id))
        page = await fetch_page(session, query, request, _ORDER)
        return Page(await _views(session, page.items), page.next_cursor)


async def get_instrument(
    database: Database, user: User, instrument_id: uuid.UUID
) -> InstrumentView:
    """Return one instrument that a person may see."""
    async with database.read() as session:
        instrument = await readable_instrument(session, user, instrument_id)
        return (await _views(session, [instrument]))[0]


def _check_quiet_hours(values: Mapping[str, Any]) -> None:
    if quiet := values.get("quiet_hours"):
        check_time_zone(quiet["time_zone"], "/quiet_hours/time_zone")


async def _set_slots(session: AsyncSession, instrument_id: uuid.UUID, connections: int) -> None:
    await session.execute(
        delete(Slot).where(Slot.instrument_id == instrument_id, Slot.number > connections)
    )
    present = set(
        await session.scalars(select(Slot.number).where(Slot.instrument_id == instrument_id))
    )
    missing = [number for number in range(1, connections + 1) if number not in present]
    if missing:
        await session.execute(
            insert(Slot),
            [
                {"instrument_id": instrument_id, "number": number, "until_ms": 0}
                for number in missing
            ],
        )


async def create_instrument(
    editor: Editor,
    values: Mapping[str, Any],
    storage: Sequence[Mapping[str, Any]],
    secret: str | None = None,
) -> InstrumentView:
    """Store an instrument with its policy, scan state and slots."""
    check_source(values, editor.settings)
    _check_quiet_hours(values)
    now = utcnow()

    async def work(session: AsyncSession) -> InstrumentView:
        await check_zone(session, editor.settings, values["zone"])
        await _use_account(session, editor, values, secret)
        instrument = Instrument(**values, revision=1, created_at=now, updated_at=now)
        async with translated(session, "name_taken"):
            session.add(instrument)
        await set_policy(session, instrument.id, storage)
        session.add(ScanState(instrument_id=instrument.id))
        await session.flush()
        await _set_slots(session, instrument.id, instrument.connections)
        await audit.record(
            session,
            actor=editor.actor,
            action="instrument.created",
            subject=f"instrument:{instrument.id}",
            details={"new": plain({**values, "storage": list(storage)})},
            instrument_id=instrument.id,
        )
        return (await _views(session, [instrument]))[0]

    return await editor.database.run(work)


async def _use_account(
    session: AsyncSession, editor: Editor, source: Mapping[str, Any], secret: str | None
) -> None:
    account = await confirm_address(session, editor.vault, source, secret)
    if account is not None:
        await note_use(session, account.id)


async def _merge(
    session: AsyncSession,
    editor: Editor,
    instrument: Instrument,
    changed: dict[str, Any],
    secret: str | None,
) -> dict[str, Any]:
    """Return what is stored for a change: the values and the generations that they bump."""
    merged = {name: changed.get(name, getattr(instrument, name)) for name in _SOURCE}
    stored = dict(changed)
    if any(name in changed for name in REMOTE):
        check_source(merged, editor.settings)
        stored["source_generation"] = instrument.source_generation + 1
    if "zone" in changed:
        await check_zone(session, editor.settings, changed["zone"])
    _check_quiet_hours(changed)
    if any(name in changed for name in (*ADDRESS, "service_account_id")):
        await _use_account(session, editor, merged, secret)
    if any(name in changed for name in _RULES):
        stored["rules_generation"] = instrument.rules_generation + 1
    return stored


@dataclass(frozen=True)
class InstrumentChange:
    """What changes about which revision of an instrument; the secret proves the right to."""

    instrument_id: uuid.UUID
    revision: int
    values: Mapping[str, Any]
    storage: Sequence[Mapping[str, Any]] | None = None
    secret: str | None = field(default=None, repr=False)


async def change_instrument(editor: Editor, change: InstrumentChange) -> InstrumentView:
    """Change an instrument, its storage policy or both."""
    instrument_id, storage = change.instrument_id, change.storage

    async def work(session: AsyncSession) -> InstrumentView:
        instrument = await find(session, Instrument, instrument_id)
        before = (await _views(session, [instrument]))[0].storage
        changed = changes(instrument, change.values)
        details = old_and_new(instrument, changed)
        stored = await _merge(session, editor, instrument, changed, change.secret)
        await guarded_update(session, instrument, change.revision, stored)
        if storage is not None:
            details["old"]["storage"] = [str(policy.storage_location_id) for policy in before]
            details["new"]["storage"] = plain(list(storage))
            await set_policy(session, instrument_id, storage)
        if set(changed) - {"name", "slug", "description"}:
            await let_go(session, [instrument_id])
        if "connections" in changed:
            await _set_slots(session, instrument_id, instrument.connections)
        await audit.record(
            session,
            actor=editor.actor,
            action="instrument.changed",
            subject=f"instrument:{instrument_id}",
            details=details,
            instrument_id=instrument_id,
        )
        return (await _views(session, [instrument]))[0]

    return await editor.database.run(work)


async def set_paused(editor: Editor, instrument_id: uuid.UUID, paused: bool) -> InstrumentView:
    """Pause or resume an instrument; saying it twice changes nothing."""

    async def work(session: AsyncSession) -> InstrumentView:
        instrument = await find(session, Instrument, instrument_id)
        if instrument.paused != paused:
            await guarded_update(session, instrument, instrument.revision, {"paused": paused})
            await let_go(session, [instrument_id])
            await audit.record(
                session,
                actor=editor.actor,
                action="instrument.paused" if paused else "instrument.resumed",
                subject=f"instrument:{instrument_id}",
                instrument_id=instrument_id,
            )
        return (await _views(session, [instrument]))[0]

    return await editor.database.run(work)


async def confirm_listing(editor: Editor, instrument_id: uuid.UUID) -> InstrumentView:
    """Accept the next listing as it is, though it is empty or much smaller."""

    async def work(session: AsyncSession) -> InstrumentView:
        instrument = await find(session, Instrument, instrument_id)
        await session.execute(
            update(ScanState)
            .where(ScanState.instrument_id == instrument_id)
            .values(breaker_confirmed=True, breaker_tripped_at=None)
        )
        await audit.record(
            session,
            actor=editor.actor,
            action="instrument.listing_confirmed",
            subject=f"instrument:{instrument_id}",
            instrument_id=instrument_id,
        )
        return (await _views(session, [instrument]))[0]

    return await editor.database.run(work)


async def delete_instrument(editor: Editor, instrument_id: uuid.UUID, revision: int) -> None:
    """Delete an instrument that never had a file."""

    async def work(session: AsyncSession) -> None:
        instrument = await find(session, Instrument, instrument_id)
        await guarded_update(session, instrument, revision, {})
        files = select(SourceFile.id).where(SourceFile.instrument_id == instrument_id).limit(1)
        if await session.scalar(files):
            raise StreamWeaveError("in_use", "The instrument has files; pause it instead.")
        async with translated(session, "in_use"):
            await session.execute(delete(Instrument).where(Instrument.id == instrument_id))
        await audit.record(
            session,
            actor=editor.actor,
            action="instrument.deleted",
            subject=f"instrument:{instrument_id}",
            details={"old": {"name": instrument.name, "slug": instrument.slug}},
            instrument_id=instrument_id,
        )

    await editor.database.run(work)
