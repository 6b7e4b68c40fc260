"""How many files a filter has, in all and by status: exact to 10,000, then "at least".

One statement counts the newest 10,000 by status. Is there more, the rare statuses are counted from
where they are found (their copies, their own state), each up to the same bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, func, literal_column, select
from sqlalchemy import false as never
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import Copy, CopyState, FileState, SourceFile, User, Version
from app.services.access import only_readable
from app.services.file_filters import FileFilter, FileOrder
from app.services.file_status import (
    OWN_STATUS,
    SPEAKS_FIRST,
    STATUSES,
    copy_states,
    has_status,
    own_states,
    place_of,
)
from app.services.file_windows import LOOKED_AT, branches_of, window
from app.services.name_words import matches, terms_of, words_of
from app.services.search import Search, candidate_ids

EXACT_TO = 10_000
# Found by an index of their own; the others are counted in the newest files only.
_RARE = tuple(status for status in STATUSES if status != CopyState.AVAILABLE)


@dataclass(frozen=True)
class Count:
    """A number; `more` when it is only the least that it can be."""

    count: int
    more: bool = False


@dataclass(frozen=True)
class FileCounts:
    """Files of a filter; `statuses` leaves the filter's own statuses aside."""

    total: Count
    statuses: Mapping[str, Count]


async def count_files(database: Database, user: User, narrowed: FileFilter) -> FileCounts:
    """Count the files that a person may see."""
    async with database.read() as session:
        ids, ended = await _newest(session, user, narrowed)
        found = await _by_status(session, ids)
        if ended:
            statuses = {name: Count(found.get(name, 0)) for name in STATUSES}
        else:
            statuses = {name: Count(found.get(name, 0), more=True) for name in STATUSES}
            for name in _RARE:
                statuses[name] = await _rare(session, user, narrowed, name)
    return FileCounts(_total(narrowed, statuses, sum(found.values()), ended), statuses)


def _total(narrowed: FileFilter, statuses: Mapping[str, Count], counted: int, ended: bool) -> Count:
    if not narrowed.states:
        return Count(min(counted, EXACT_TO), not ended)
    parts = [statuses[name] for name in set(narrowed.states)]
    total = sum(part.count for part in parts)
    return Count(min(total, EXACT_TO), total > EXACT_TO or any(part.more for part in parts))


async def _newest(
    session: AsyncSession, user: User, narrowed: FileFilter
) -> tuple[Select[Any], bool]:
    """Return the ids of the newest files of a filter, and whether these are all."""
    query = narrowed.apply_facts(
        only_readable(select(SourceFile.id), user, SourceFile.instrument_id)
    )
    if narrowed.search:
        return await _searched(session, user, narrowed, query)
    if narrowed.path is not None:
        return query.limit(EXACT_TO), True
    order = FileOrder.PATH if narrowed.q else FileOrder.NEWEST
    branches = await branches_of(session, user, narrowed)
    keys = window(narrowed, order, branches, None, LOOKED_AT)
    inside = keys.subquery()
    ids = query.where(SourceFile.id.in_(select(list(inside.c)[-1]))).limit(EXACT_TO + 1)
    full = (await session.execute(keys.offset(LOOKED_AT - 1).limit(1))).first() is not None
    count = await _number(session, ids)
    return ids.limit(EXACT_TO), count <= EXACT_TO and not full


async def _searched(
    session: AsyncSession, user: User, narrowed: FileFilter, query: Select[Any]
) -> tuple[Select[Any], bool]:
    """The files whose names have all terms, of a bounded number of candidates."""
    terms = terms_of(narrowed.search or "")
    if not terms:
        return query.where(never()), True
    found, ended = await candidate_ids(
        session, user, Search(narrowed.search or "", narrowed.instruments), EXACT_TO
    )
    rows = await session.execute(query.add_columns(SourceFile.path).where(SourceFile.id.in_(found)))
    fitting = [row.id for row in rows if matches(words_of(row.path), terms)]
    return select(SourceFile.id).where(SourceFile.id.in_(fitting)), ended


async def _by_status(session: AsyncSession, ids: Select[Any]) -> dict[str, int]:
    chosen = ids.subquery()
    place = place_of(Copy.state)
    said = (
        select(
            SourceFile.state.label("state"),
            func.coalesce(
                func.min(case((Copy.required, place))),
                func.min(place),
                SPEAKS_FIRST.index(CopyState.QUEUED),
            ).label("place"),
        )
        .join(chosen, chosen.c.id == SourceFile.id)
        .outerjoin(
            Version,
            (Version.source_file_id == SourceFile.id)
            & (Version.number == SourceFile.latest_version),
        )
        .outerjoin(Copy, Copy.version_id == Version.id)
        .group_by(SourceFile.id, SourceFile.state)
        .subquery()
    )
    rows = await session.execute(
        select(said.c.state, said.c.place, func.count()).group_by(said.c.state, said.c.place)
    )
    found: dict[str, int] = {}
    for state, index, count in rows:
        planned = state == FileState.PLANNED
        name = SPEAKS_FIRST[index].value if planned else OWN_STATUS[FileState(state)]
        found[name] = found.get(name, 0) + count
    return found


async def _rare(session: AsyncSession, user: User, narrowed: FileFilter, status: str) -> Count:
    """Count the files of a status from where they are found, up to the bound."""
    query = narrowed.apply_facts(
        only_readable(select(SourceFile.id), user, SourceFile.instrument_id)
    )
    count, more = 0, False
    sources: list[Select[Any]] = [
        select(Copy.source_file_id).where(_is(Copy.state, state)) for state in copy_states([status])
    ]
    sources += [
        select(SourceFile.id).where(_is(SourceFile.state, state)) for state in own_states([status])
    ]
    for source in sources:
        bounded = source.limit(LOOKED_AT).subquery()
        candidates = select(bounded.c[0])
        fitting = query.where(SourceFile.id.in_(candidates), has_status([status]))
        count += await _number(session, fitting.limit(EXACT_TO + 1))
        more = more or await _number(session, source.limit(LOOKED_AT)) == LOOKED_AT
    return Count(min(count, EXACT_TO), more or count > EXACT_TO)


def _is(column: Any, state: str) -> ColumnElement[bool]:
    # Written out: a partial index is used only where the query has its own words.
    return column == literal_column(f"'{state}'", String)  # type: ignore[no-any-return]


async def _number(session: AsyncSession, query: Select[Any]) -> int:
    return int(
        (await session.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    )
