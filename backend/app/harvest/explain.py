"""Explain: "why is my file (not) here?", one sentence, one cause, one remedy, then the facts.

Reads only. The answer is looked for in the order in which things can go wrong: the instrument is
not looked at, the path was never seen, the file is not complete, its copies are not made.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.errors import CATALOGUE
from app.harvest.quiet import is_quiet
from app.harvest.scan import BY_HOOK
from app.models import (
    Copy,
    CopyState,
    Directory,
    FileState,
    Instrument,
    ScanState,
    SourceFile,
    StorageLocation,
    Version,
)
from app.transfers.paths import parent, path_hash


@dataclass(frozen=True)
class Explanation:
    """An answer. `status` is the file's status for people, or `unknown`."""

    status: str
    sentence: str
    cause_code: str | None = None
    remedy: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


async def explain(session: AsyncSession, instrument_id: uuid.UUID, path: str) -> Explanation:
    """Explain where a path of an instrument stands."""
    instrument = await session.get(Instrument, instrument_id)
    scan = await session.get(ScanState, instrument_id)
    if instrument is None or scan is None:
        return _because("unknown", "There is no such instrument.", "not_found")
    file = await session.scalar(
        select(SourceFile)
        .where(
            SourceFile.instrument_id == instrument_id,
            SourceFile.path_hash == path_hash(path.encode("utf-8", "surrogateescape")),
        )
        .order_by(SourceFile.incarnation.desc())
        .limit(1)
    )
    if file is None:
        return await _never_seen(session, instrument, scan, path)
    facts = {
        "path": file.path,
        "ark": file.ark,
        "first_seen_at": file.first_seen_at.isoformat(),
        "size_bytes": file.size_bytes,
        "versions": file.latest_version,
        "absent_since": file.absent_since.isoformat() if file.absent_since else None,
    }
    if file.state != FileState.PLANNED:
        return _not_planned(instrument, file, facts)
    copies = await _copies(session, file)
    return _planned(copies, facts)


def _because(
    status: str, sentence: str, code: str | None, facts: dict[str, Any] | None = None
) -> Explanation:
    remedy = CATALOGUE[code].remedy if code in CATALOGUE else None
    return Explanation(status, sentence, code, remedy, facts or {})


async def _never_seen(
    session: AsyncSession, instrument: Instrument, scan: ScanState, path: str
) -> Explanation:
    facts = {
        "last_scan_at": scan.last_scan_at.isoformat() if scan.last_scan_at else None,
        "last_error": scan.last_error_detail,
    }
    if instrument.paused:
        return _because("unknown", "The instrument is paused: nobody looks at it.", None, facts)
    if is_quiet(instrument.quiet_hours, utcnow()):
        return _because(
            "unknown", "The instrument is in its quiet hours.", "instrument_quiet", facts
        )
    if scan.last_error_code is not None:
        return _because(
            "unknown",
            f"The last look at the instrument failed: {scan.last_error_detail}",
            scan.last_error_code,
            facts,
        )
    if scan.last_scan_at is None:
        return _because("unknown", "The instrument was never scanned yet.", None, facts)
    directory = await session.get(
        Directory, (instrument.id, path_hash(parent(path.encode("utf-8", "surrogateescape"))))
    )
    if directory is None or directory.absent_since is not None:
        sentence = "Its folder was not on the instrument at the last look."
    else:
        sentence = "It was not in its folder at the last look."
    remedy = (
        "Check the spelling of the path, or look at the instrument; a new file comes by itself."
    )
    return Explanation("unknown", sentence, "source_file_missing", remedy, facts)


def _not_planned(instrument: Instrument, file: SourceFile, facts: dict[str, Any]) -> Explanation:
    if file.state == FileState.SETTLING:
        quiet_for = max(0, int((utcnow() - file.unchanged_since).total_seconds()))
        ready = file.unchanged_since + timedelta(seconds=instrument.quiet_seconds)
        facts |= {"unchanged_for_seconds": quiet_for, "complete_at": ready.isoformat()}
        if file.absent_since is not None:
            return _because(
                "settling",
                "It went away from the instrument before it was complete.",
                "source_file_missing",
                facts,
            )
        sentence = (
            f"Still being written: last change {quiet_for} s ago, complete after "
            f"{instrument.quiet_seconds:g} s without change."
        )
        return _because("settling", sentence, None, facts)
    if file.state == FileState.SKIPPED and file.reason_code == BY_HOOK:
        return _because("skipped", f"Left out by {file.reason or 'a hook.'}", None, facts)
    if file.state == FileState.SKIPPED:
        return _because(
            "skipped", f"Left out by rule '{file.reason_code}'. {file.reason or ''}", None, facts
        )
    status = "held" if file.state == FileState.HELD else "failed"
    entry = CATALOGUE.get(file.reason_code or "")
    title = entry.title if entry else "A setting cannot answer."
    return _because(status, f"{title} {file.reason or ''}".strip(), file.reason_code, facts)


async def _copies(
    session: AsyncSession, file: SourceFile
) -> Sequence[tuple[Copy, StorageLocation]]:
    rows = await session.execute(
        select(Copy, StorageLocation)
        .join(Version, Version.id == Copy.version_id)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .where(Copy.source_file_id == file.id, Version.number == file.latest_version)
        .order_by(Copy.required.desc(), Copy.id)
    )
    return [(copy, location) for copy, location in rows]


def _places(count: int) -> str:
    return "1 place" if count == 1 else f"{count} places"


def _planned(copies: Sequence[tuple[Copy, StorageLocation]], facts: dict[str, Any]) -> Explanation:
    facts["copies"] = [
        {
            "storage": location.name,
            "path": copy.dest_path,
            "state": copy.state,
            "since": copy.state_since.isoformat(),
            "error": copy.error_detail,
        }
        for copy, location in copies
    ]
    waiting = [(c, s) for c, s in copies if c.state != CopyState.AVAILABLE and c.required]
    # What only waits for another copy of its version has no reason of its own.
    waiting.sort(key=lambda one: one[0].follows is not None and one[0].due_at is None)
    if not waiting:
        places = sum(1 for copy, _ in copies if copy.state == CopyState.AVAILABLE)
        return _because("available", f"It is here: proven at {_places(places)}.", None, facts)
    copy, location = waiting[0]
    if location.error_code is not None and copy.state in (CopyState.QUEUED, CopyState.RETRY_WAIT):
        title = CATALOGUE[location.error_code].title
        return _because(copy.state, f"{location.name}: {title}", location.error_code, facts)
    return _because(copy.state, _SENTENCES[CopyState(copy.state)].format(
        place=location.name, detail=copy.error_detail or "", due=copy.due_at
    ).strip(), copy.error_code, facts)  # fmt: skip


_SENTENCES = {
    CopyState.QUEUED: "It waits for its turn to {place}.",
    CopyState.TRANSFERRING: "It is being copied to {place}.",
    CopyState.PROVING: "It was copied to {place} and is being read back.",
    CopyState.PUBLISHING: "It is proven and being put in place at {place}.",
    CopyState.RETRY_WAIT: "The last try to {place} failed, next try at {due:%H:%M:%S}. {detail}",
    CopyState.FAILED: "It could not be copied to {place}. {detail}",
    CopyState.CONFLICT: "Something else stands at its place at {place}. {detail}",
    CopyState.SUPERSEDED: "The source changed before this copy was made; a later version has it.",
    CopyState.REMOVED: "It was removed from {place}. {detail}",
    CopyState.DAMAGED: "Its copy at {place} is damaged. {detail}",
    CopyState.MISSING: "Its copy at {place} is gone. {detail}",
    CopyState.AVAILABLE: "It is here.",
}
