"""Why is my file not here, asked in a person's words: a path, a part of a name, an identifier.

The best match is explained; what else it could be stands beside it. All over the instruments that
the person may see.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import CATALOGUE
from app.harvest.quiet import is_quiet
from app.models import Instrument, ScanState, SourceFile, User
from app.services.access import only_readable
from app.services.explain_view import ExplanationView, explain_path
from app.services.file_filters import FileFilter, path_hash
from app.services.files import FileView, find_files, views_of
from app.services.pagination import PageRequest

_SHOWN = 10
_TAILS = 20
_ARK = re.compile(r"ark:/?([0-9b-df-hj-km-np-tv-z]+/[^\s?#]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """The explanation of the best match, and the files that it could be as well."""

    explanation: ExplanationView
    best: FileView | None = None
    candidates: Sequence[FileView] = field(default_factory=tuple)


async def explain_words(
    database: Database, user: User, text: str, instrument_id: uuid.UUID | None = None
) -> Answer:
    """Explain where the file is that a person means."""
    async with database.read() as session:
        found = await _matches(session, user, text.strip(), instrument_id)
        views = await views_of(session, found)
        if not views:
            return Answer(await _nowhere(session, user, instrument_id))
    best = views[0]
    path = best.file.path_bytes.decode("utf-8", "surrogateescape")
    explained = await explain_path(database, user, best.file.instrument_id, path)
    return Answer(explained, best, views[1:])


async def _matches(
    session: AsyncSession, user: User, text: str, instrument_id: uuid.UUID | None
) -> list[tuple[SourceFile, str]]:
    query = only_readable(
        select(SourceFile, Instrument.name).join(
            Instrument, Instrument.id == SourceFile.instrument_id
        ),
        user,
        SourceFile.instrument_id,
    )
    if instrument_id is not None:
        query = query.where(SourceFile.instrument_id == instrument_id)
    if (ark := _ARK.search(text)) is not None:
        # A version's identifier is its file's with a suffix.
        name = f"ark:{ark[1]}"
        names = {name, re.sub(r"\.v[0-9]+$", "", name)}
        rows = (await session.execute(query.where(SourceFile.ark.in_(names)))).all()
        return [(file, instrument) for file, instrument in rows]
    tails = _tails(text)
    every = select(Instrument.id)  # so that the index of instrument and path is the one
    rows = (
        await session.execute(
            query.where(
                SourceFile.instrument_id.in_(every),
                SourceFile.path_hash.in_([path_hash(tail) for tail in tails]),
            ).limit(_SHOWN)
        )
    ).all()
    if rows:
        # The longest path that fits is meant, and its newest incarnation.
        exact = sorted(rows, key=lambda row: (-len(row[0].path), -row[0].incarnation))
        return [(file, instrument) for file, instrument in exact]
    only = (instrument_id,) if instrument_id is not None else ()
    page = await find_files(
        session, user, PageRequest(_SHOWN), FileFilter(only, search=tails[-1] if tails else text)
    )
    return list(page.items)


def _tails(text: str) -> list[str]:
    """Return what a path may be below an instrument's root, whatever drive or share precedes it."""
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    return ["/".join(parts[start:]) for start in range(max(0, len(parts) - _TAILS), len(parts))]


async def _nowhere(
    session: AsyncSession, user: User, instrument_id: uuid.UUID | None
) -> ExplanationView:
    """Nothing fits: say on how many instruments, and which of them cannot be looked at."""
    query = only_readable(
        select(Instrument, ScanState).outerjoin(
            ScanState, ScanState.instrument_id == Instrument.id
        ),
        user,
        Instrument.id,
    )
    if instrument_id is not None:
        query = query.where(Instrument.id == instrument_id)
    rows = (await session.execute(query.order_by(Instrument.name).limit(500))).all()
    blind = {one.name: why for one, scan in rows if (why := _why_not_seen(one, scan))}
    looked = "1 instrument" if len(rows) == 1 else f"{len(rows)} instruments"
    sentence = f"No file of this name was seen on the {looked} that you may see."
    if blind:
        sentence += f" Not looked at now: {', '.join(list(blind)[:5])}."
    if not rows:
        sentence = "You may see no instrument yet."
    remedy = (
        CATALOGUE["not_found"].remedy
        if not rows
        else ("Check the spelling, or give less of the name; a new file comes by itself.")
    )
    facts = {"instruments": len(rows), "not_looked_at": blind}
    return ExplanationView("unknown", sentence, "source_file_missing", remedy, facts)


def _why_not_seen(instrument: Instrument, scan: ScanState | None) -> str | None:
    if instrument.paused:
        return "paused"
    if is_quiet(instrument.quiet_hours, utcnow()):
        return "instrument_quiet"
    if scan is None or (scan.last_scan_at is None and scan.last_error_code is None):
        return "never_scanned"
    return scan.last_error_code
