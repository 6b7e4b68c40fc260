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
from app.harvest.plan import destination_path
from app.models import Instrument, InstrumentStorage, StorageLocation
from app.services.checks import ask_draft, ask_instrument
from app.services.edits import InvalidField, find
from app.services.instruments import Editor
from app.transfers.paths import display, join


@dataclass(frozen=True)
class Rules:
    """What decides about a file: the completeness policy, and where it goes."""

    slug: str
    quiet_seconds: float
    start_from: datetime | None
    storage_ids: tuple[uuid.UUID, ...]


async def preview_draft(
    editor: Editor, values: Mapping[str, Any], secret: str | None, rules: Rules
) -> dict[str, Any]:
    """Judge the newest files of a source that is not saved."""
    async with editor.database.read() as session:
        places = await _places(session, rules.storage_ids)
    if len(places) != len(set(rules.storage_ids)):
        raise InvalidField("/storage", "There is no such storage location.")
    found = await ask_draft(editor, values, secret, "sample")
    return _judged(found, rules, [(place, rules.slug) for place in places])


async def preview_instrument(database: Database, instrument_id: uuid.UUID) -> dict[str, Any]:
    """Judge the newest files of a stored instrument."""
    async with database.read() as session:
        one = await find(session, Instrument, instrument_id)
        policies = (
            await session.scalars(
                select(InstrumentStorage).where(InstrumentStorage.instrument_id == instrument_id)
            )
        ).all()
        prefixes = {policy.storage_location_id: policy.prefix for policy in policies}
        places = await _places(session, list(prefixes))
    rules = Rules(one.slug, one.quiet_seconds, one.start_from, tuple(prefixes))
    found = await ask_instrument(database, instrument_id, "sample")
    below = [
        (place, one.slug if (prefix := prefixes[place.id]) is None else prefix) for place in places
    ]
    return _judged(found, rules, below)


async def _places(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[StorageLocation]:
    query = select(StorageLocation).where(StorageLocation.id.in_(ids))
    return list(await session.scalars(query.order_by(StorageLocation.name)))


def _judged(
    found: dict[str, Any], rules: Rules, places: Sequence[tuple[StorageLocation, str]]
) -> dict[str, Any]:
    files = [_judge(file, rules, places) for file in found.get("files", ())]
    return {**found, "files": files, "entries": []}


def _judge(
    file: Mapping[str, Any], rules: Rules, places: Sequence[tuple[StorageLocation, str]]
) -> dict[str, Any]:
    verdict, reason, modified_at = judge(int(file["mtime_ns"]), rules, utcnow())
    raw = str(file["path"]).encode("utf-8", "surrogateescape")
    path = destination_path(raw, incarnation=1, number=1)
    destinations = [
        {
            "storage_location_id": place.id,
            "storage_name": place.name,
            "path": str(
                PurePosixPath(place.path)
                / display(join(prefix.encode("utf-8", "surrogateescape"), path))
            ),
        }
        for place, prefix in places
    ]
    return {
        "path": file["path"],
        "size_bytes": file["size_bytes"],
        "modified_at": modified_at,
        "verdict": verdict,
        "reason": reason,
        "destinations": destinations if verdict != "skipped" else [],
    }


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
