"""Configured hooks: checked when saved, in a process of their own; each change lets files be asked.

A configuration is checked against the hook's own model. What it names must be there: in a hook
before a transfer, a field called `storage` names a storage location.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.hooks.describe import check, describe
from app.models import (
    Hook,
    HookKind,
    Instrument,
    InstrumentStorage,
    StorageLocation,
    StorageState,
    User,
)
from app.services import audit
from app.services.access import readable_instrument
from app.services.edits import (
    InvalidField,
    InvalidFields,
    changes,
    find,
    guarded_update,
    old_and_new,
    plain,
    translated,
)
from app.services.hook_secrets import addresses, kept, left_over, opened, sealed
from app.services.instruments import Editor
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_ORDER = Keyset((Hook.position, Hook.id))
_STEP = 10  # between positions: room for one that comes later
_NOT_SHOWN = ("secrets", "stopped_at")


@dataclass(frozen=True)
class CheckedHook:
    """A configuration that fits: what it is of, and how it is stored."""

    kind: str
    version: str
    config: dict[str, Any]
    secrets: dict[str, str]


async def hook_types(editor: Editor) -> dict[str, Any]:
    """Return the kinds of hooks of this installation, and what could not be loaded."""
    return await describe(editor.settings.hooks_folder)


async def checked(
    editor: Editor,
    hook: str,
    config: Mapping[str, Any],
    stored: Hook | None = None,
) -> CheckedHook:
    """Check a configuration against the hook's model; placeholders stand for `stored`'s secrets.

    Raises:
        StreamWeaveError: `hook_unknown`, `hook_config_invalid` with fields and reasons,
            `secret_required` when an address changed beside a placeholder, `hook_timed_out`,
            `hook_crashed`.
    """
    if stored is not None and stored.hook != hook:
        stored = None  # another kind of hook may do anything with a secret
    secrets_before = stored.secrets if stored else {}
    whole = dict(opened(config, secrets_before, editor.vault))
    told = await check(editor.settings.hooks_folder, hook, whole)
    if "errors" in told:
        fields = [(_pointer(one["loc"]), str(one["msg"])) for one in told["errors"]]
        raise InvalidFields("hook_config_invalid", fields)
    if (where := left_over(told["secrets"])) is not None:
        detail = "The secret is needed: none is stored here."
        raise InvalidField(f"/config{where}", detail, "hook_config_invalid")
    where = kept(config, secrets_before)
    if stored and where and addresses(told["config"]) != addresses(stored.config):
        detail = "It would be sent to an address that nobody confirmed yet."
        raise InvalidField(f"/config{where}", detail, "secret_required")
    shown, secrets = sealed(told["config"], told["secrets"], editor.vault)
    return CheckedHook(told["kind"], told["version"], shown, secrets)


def _pointer(location: list[int | str]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "/config" + "".join(f"/{part}" for part in parts)


async def list_hooks(
    database: Database, request: PageRequest, instrument_id: uuid.UUID | None
) -> Page[Hook]:
    """Return a page of hooks in their order; those of one instrument with those of all."""
    query = select(Hook)
    if instrument_id is not None:
        query = query.where(_holds_for(instrument_id))
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def hooks_for(database: Database, user: User, instrument_id: uuid.UUID) -> list[Hook]:
    """Return the hooks that hold for an instrument that the person may see."""
    async with database.read() as session:
        await readable_instrument(session, user, instrument_id)
        query = select(Hook).where(_holds_for(instrument_id)).order_by(Hook.position, Hook.id)
        return list(await session.scalars(query))


def _holds_for(instrument_id: uuid.UUID) -> Any:
    return or_(Hook.instrument_id.is_(None), Hook.instrument_id == instrument_id)


async def get_hook(database: Database, hook_id: uuid.UUID) -> Hook:
    """Return one hook."""
    async with database.read() as session:
        return await find(session, Hook, hook_id)


async def create_hook(editor: Editor, values: Mapping[str, Any]) -> Hook:
    """Store a hook; files that wait are asked about by the next harvest.

    Raises:
        StreamWeaveError: see `checked`; `hook_storage_unknown`, `name_taken`.
    """
    fits = await checked(editor, values["hook"], values["config"])
    now = utcnow()

    async def work(session: AsyncSession) -> Hook:
        if values["instrument_id"] is not None:
            await _check_instrument(session, values["instrument_id"])
        await _check_places(session, fits, values["instrument_id"])
        stored = {**values, "kind": fits.kind, "config": fits.config, "secrets": fits.secrets}
        if stored["position"] is None:
            last = await session.scalar(select(func.max(Hook.position)))
            stored["position"] = min((last or 0) + _STEP, 1_000_000)
        hook = Hook(**stored, revision=1, created_at=now, updated_at=now)
        async with translated(session, "name_taken"):
            session.add(hook)
        await _ask_again(session, hook.kind, {hook.instrument_id})
        await _record(session, editor, "hook.created", hook, {"new": _audited(stored)})
        return hook

    return await editor.database.run(work)


async def change_hook(
    editor: Editor, hook_id: uuid.UUID, revision: int, values: Mapping[str, Any]
) -> Hook:
    """Change a hook; a changed configuration is checked again.

    Raises:
        StreamWeaveError: see `create_hook`; `edit_conflict`.
    """
    async with editor.database.read() as session:
        before = await find(session, Hook, hook_id)
    fits = None
    if "config" in values:
        fits = await checked(editor, before.hook, values["config"], before)

    async def work(session: AsyncSession) -> Hook:
        hook = await find(session, Hook, hook_id)
        given = dict(values)
        if fits is not None:
            given |= {"config": fits.config, "secrets": _kept(hook, fits, editor)}
        if fits is not None or given.get("enabled"):
            given |= {"stopped_reason": None, "stopped_at": None}  # a person has looked
        changed = changes(hook, given)
        merged = {name: changed.get(name, getattr(hook, name)) for name in ("instrument_id",)}
        if changed.get("instrument_id") is not None:
            await _check_instrument(session, changed["instrument_id"])
        now_fits = fits or CheckedHook(hook.kind, "", hook.config, hook.secrets)
        await _check_places(session, now_fits, merged["instrument_id"])
        details = old_and_new(hook, {k: v for k, v in changed.items() if k not in _NOT_SHOWN})
        if "secrets" in changed:
            details["new"]["secrets"] = "changed"
        scopes = {hook.instrument_id, merged["instrument_id"]}
        await guarded_update(session, hook, revision, changed)
        await _ask_again(session, hook.kind, scopes)
        await _record(session, editor, "hook.changed", hook, details)
        return hook

    return await editor.database.run(work)


def _kept(hook: Hook, fits: CheckedHook, editor: Editor) -> dict[str, str]:
    """Return the tokens of a checked configuration; a secret that stayed keeps its own."""
    return {
        where: hook.secrets[where]
        if where in hook.secrets
        and editor.vault.decrypt(hook.secrets[where]) == editor.vault.decrypt(token)
        else token
        for where, token in fits.secrets.items()
    }


async def delete_hook(editor: Editor, hook_id: uuid.UUID, revision: int) -> None:
    """Forget a hook; what it said stays in the log."""

    async def work(session: AsyncSession) -> None:
        hook = await find(session, Hook, hook_id)
        await guarded_update(session, hook, revision, {})
        await session.execute(delete(Hook).where(Hook.id == hook_id))
        await _ask_again(session, hook.kind, {hook.instrument_id})
        old = {"name": hook.name, "hook": hook.hook}
        await _record(session, editor, "hook.deleted", hook, {"old": old})

    await editor.database.run(work)


async def _check_instrument(session: AsyncSession, instrument_id: uuid.UUID) -> None:
    if await session.get(Instrument, instrument_id) is None:
        raise InvalidField("/instrument_id", "There is no such instrument.")


async def _check_places(
    session: AsyncSession, fits: CheckedHook, instrument_id: uuid.UUID | None
) -> None:
    """Refuse a storage location that is not there, or not in the instrument's policy."""
    named = dict(_places_in(fits.config, "/config")) if fits.kind == HookKind.PRE_TRANSFER else {}
    if not named:
        return
    query = select(StorageLocation.name).where(
        StorageLocation.name.in_(named.values()), StorageLocation.state == StorageState.ACTIVE
    )
    if instrument_id is not None:
        of_instrument = select(InstrumentStorage.storage_location_id).where(
            InstrumentStorage.instrument_id == instrument_id
        )
        query = query.where(StorageLocation.id.in_(of_instrument))
    known = set(await session.scalars(query))
    for where, name in named.items():
        if name not in known:
            whose = "of the instrument" if instrument_id else "here"
            detail = f"'{name}' is no active storage location {whose}."
            raise InvalidField(where, detail, "hook_storage_unknown")


def _places_in(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key == "storage" and isinstance(part, str):
                yield f"{where}/storage", part
            else:
                yield from _places_in(part, f"{where}/{key}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _places_in(part, f"{where}/{number}")


async def _ask_again(session: AsyncSession, kind: str, scopes: set[uuid.UUID | None]) -> None:
    """Let the files that a hook left out be asked about again: the rules are others."""
    if kind != HookKind.PRE_TRANSFER:
        return
    statement = update(Instrument).values(rules_generation=Instrument.rules_generation + 1)
    if None not in scopes:
        statement = statement.where(Instrument.id.in_(scopes))
    await session.execute(statement.execution_options(synchronize_session=False))


def _audited(values: Mapping[str, Any]) -> Any:
    return plain({key: value for key, value in values.items() if key not in _NOT_SHOWN})


async def _record(
    session: AsyncSession, editor: Editor, action: str, hook: Hook, details: Mapping[str, Any]
) -> None:
    await audit.record(
        session,
        actor=editor.actor,
        action=action,
        subject=f"hook:{hook.id}",
        details=details,
        instrument_id=hook.instrument_id,
    )
