"""What would become of an instrument's files: its newest real ones, judged before it is saved."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import from_ns, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.plan import Destination, WhichVersion, plan_copy
from app.models import Instrument, InstrumentStorage, StorageLocation
from app.services.checks import ask_draft, ask_instrument
from app.services.edits import InvalidField, find
from app.services.instruments import Editor
from app.services.policies import check_template
from app.transfers.paths import display


@dataclass(frozen=True)
class Rules:
    """What decides about a file: the completeness policy."""

    slug: str
    quiet_seconds: float
    start_from: datetime | None


@dataclass(frozen=True)
class _Place:
    """A storage location, and how paths are made there."""

    location: StorageLocation
    destination: Destination


async def preview_draft(
    editor: Editor,
    values: Mapping[str, Any],
    secret: str | None,
    rules: Rules,
    templates: Mapping[uuid.UUID, str | None],
) -> dict[str, Any]:
    """Judge the newest files of a source that is not saved.

    Args:
        editor: who asks.
        values: the source.
        secret: the account's, when it is not stored.
        rules: what decides about a file.
        templates: the storage locations, and how paths are made at each.

    Raises:
        InvalidField: a template cannot be used, or a storage location is not known.
    """
    for number, template in enumerate(templates.values()):
        check_template(template, f"/storage/{number}/template")
    async with editor.database.read() as session:
        locations = await _locations(session, list(templates))
    if len(locations) != len(templates):
        raise InvalidField("/storage", "There is no such storage location.")
    found = await ask_draft(editor, values, secret, "sample")
    places = [_place(one, rules.slug, None, templates[one.id]) for one in locations]
    return _judged(found, rules, places)


async def preview_instrument(database: Database, instrument_id: uuid.UUID) -> dict[str, Any]:
    """Judge the newest files of a stored instrument."""
    async with database.read() as session:
        one = await find(session, Instrument, instrument_id)
        rows = await session.scalars(
            select(InstrumentStorage).where(InstrumentStorage.instrument_id == instrument_id)
        )
        policies = {policy.storage_location_id: policy for policy in rows}
        locations = await _locations(session, list(policies))
    rules = Rules(one.slug, one.quiet_seconds, one.start_from)
    found = await ask_instrument(database, instrument_id, "sample")
    places = [
        _place(location, one.slug, policy.prefix, policy.template)
        for location in locations
        if (policy := policies[location.id])
    ]
    return _judged(found, rules, places)


async def _locations(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[StorageLocation]:
    query = select(StorageLocation).where(StorageLocation.id.in_(ids))
    return list(await session.scalars(query.order_by(StorageLocation.name)))


def _place(
    location: StorageLocation, slug: str, prefix: str | None, template: str | None
) -> _Place:
    below = (slug if prefix is None else prefix).encode("utf-8", "surrogateescape")
    return _Place(
        location,
        Destination(location.id, True, location.case_insensitive, below, slug, template),
    )


def _judged(found: dict[str, Any], rules: Rules, places: Sequence[_Place]) -> dict[str, Any]:
    taken: dict[tuple[uuid.UUID, bytes], str] = {}
    files = [_judge(file, rules, places, taken) for file in found.get("files", ())]
    return {**found, "files": files, "entries": []}


def _judge(
    file: Mapping[str, Any],
    rules: Rules,
    places: Sequence[_Place],
    taken: dict[tuple[uuid.UUID, bytes], str],
) -> dict[str, Any]:
    verdict, reason, modified_at = judge(int(file["mtime_ns"]), rules, utcnow())
    goes = verdict != "skipped"
    return {
        "path": file["path"],
        "size_bytes": file["size_bytes"],
        "modified_at": modified_at,
        "verdict": verdict,
        "reason": reason,
        "destinations": [_aimed(file, place, taken) for place in places] if goes else [],
    }


def _aimed(
    file: Mapping[str, Any], place: _Place, taken: dict[tuple[uuid.UUID, bytes], str]
) -> dict[str, Any]:
    """Return where a file would go, and what is wrong with that: as planning finds it."""
    location = place.location
    raw = str(file["path"]).encode("utf-8", "surrogateescape")
    answer = {
        "storage_location_id": location.id,
        "storage_name": location.name,
        "path": None,
        "problem": None,
    }
    try:
        copy = plan_copy(place.destination, WhichVersion(raw, 1, 1, int(file["mtime_ns"])))
    except StreamWeaveError as error:
        return answer | {"problem": error.detail}
    except OverflowError:
        return answer | {"problem": "Its time is no date, and the template needs one."}
    other = taken.setdefault((location.id, copy.dest_key), str(file["path"]))
    if other != file["path"]:
        answer["problem"] = f"{other} would have the same name there: one of them is not copied."
    return answer | {"path": str(PurePosixPath(location.path) / display(copy.dest_path))}


def judge(mtime_ns: int, rules: Rules, now: datetime) -> tuple[str, str, datetime | None]:
    """Return what one look can say of a file: verdict, one sentence, its time.

    A harvest looks twice and by its own clock; here the instrument's clock has to do.
    """
    quiet = f"{rules.quiet_seconds:g} s without change"
    try:
        modified_at = from_ns(mtime_ns)
    except (OverflowError, ValueError, OSError):
        return "settling", "Its time is no date: it is watched until it rests.", None
    if rules.start_from is not None and modified_at < rules.start_from:
        return "skipped", f"Left out: older than {rules.start_from:%Y-%m-%d}.", modified_at
    age = now - modified_at
    if age < timedelta(0):
        sentence = "Its time is in the future: the instrument's clock is ahead."
        return "settling", sentence, modified_at
    last = f"last change {_ago(age)} ago"
    if age >= timedelta(seconds=rules.quiet_seconds):
        return "settled", f"Complete: {last}, more than {quiet}.", modified_at
    return "settling", f"Still being written: {last}, complete after {quiet}.", modified_at


def _ago(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
