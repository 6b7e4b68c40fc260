"""How many files a filter has, in all and by status: exact to 10,000, then "at least".

One statement counts the newest 10,000 by status. Is there more, the rare statuses are counted from
where they are found (their copies, their own state), each up to the same bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy import false as never
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.harvest.store.words import IN_FLIGHT, TROUBLED, UNSETTLED, WAITING
from app.models import Copy, CopyState, FileState, SourceFile, User, Version
from app.services.access import granted_files, only_readable, only_readable_files
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
from app.services.file_windows import (
    LOOKED_AT,
    Branches,
    branches_of,
    holds_all,
    is_inside,
    readable_list,
    single_files,
    window,
    word_window,
)
from app.services.name_words import matches, terms_of, words_of
from app.services.search import Search, candidate_ids

EXACT_TO = 10_000
# Found by an index of their own; the others are counted in the newest files only.
_RARE = tuple(status for status in STATUSES if status != CopyState.AVAILABLE)


# A partial index is used only where the query has its own words.
WORDS_OF_INDEX: Mapping[CopyState, Any] = {
    **dict.fromkeys((CopyState.QUEUED, CopyState.RETRY_WAIT), WAITING),
    **dict.fromkeys((CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING), IN_FLIGHT),
    **dict.fromkeys(
        (CopyState.FAILED, CopyState.CONFLICT, CopyState.DAMAGED, CopyState.MISSING), TROUBLED
    ),
}


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
        branches = await branches_of(session, user, narrowed)
        if branches is None or branches.grantee is None:
            return await _counted(session, user, narrowed, branches)
        counts = await _counted(session, user, narrowed, replace(branches, grantee=None))
        if narrowed.is_by_words or narrowed.q or narrowed.path or narrowed.search:
            return counts  # read by an index of all files, single ones among them
        return _together(counts, await _singles(session, narrowed, branches))


def _together(one: FileCounts, other: FileCounts) -> FileCounts:
    def added(first: Count, second: Count) -> Count:
        count = first.count + second.count
        return Count(min(count, EXACT_TO), first.more or second.more or count > EXACT_TO)

    statuses = {name: added(one.statuses[name], other.statuses[name]) for name in one.statuses}
    return FileCounts(added(one.total, other.total), statuses)


async def _singles(session: AsyncSession, narrowed: FileFilter, branches: Branches) -> FileCounts:
    """Count single files that hooks let a person see, of instruments that the person may not."""
    assert branches.grantee is not None
    keys = single_files(narrowed, branches.grantee).limit(LOOKED_AT)
    query = select(SourceFile.id).where(SourceFile.instrument_id.not_in(branches.instruments))
    ids = narrowed.apply_facts(query).where(is_inside(keys)).limit(EXACT_TO + 1)
    found = await _by_status(session, ids)
    ended = sum(found.values()) <= EXACT_TO and await _number(session, keys) < LOOKED_AT
    statuses = {name: Count(found.get(name, 0), not ended) for name in STATUSES}
    return FileCounts(_total(narrowed, statuses, sum(found.values()), ended), statuses)


async def _counted(
    session: AsyncSession, user: User, narrowed: FileFilter, branches: Branches | None
) -> FileCounts:
    ids, ended = await _newest(session, user, narrowed, branches)
    found = await _by_status(session, ids) if ended else {}
    if ended and sum(found.values()) <= EXACT_TO:
        statuses = {name: Count(found.get(name, 0)) for name in STATUSES}
        return FileCounts(_total(narrowed, statuses, sum(found.values()), True), statuses)
    statuses = await _rare(session, user, narrowed, branches)
    known = await _number(session, ids)
    # What is in no rare state is available: at least so many of those that were counted.
    least = max(0, known - sum(one.count for one in statuses.values()))
    statuses[CopyState.AVAILABLE.value] = Count(least, more=True)
    return FileCounts(_total(narrowed, statuses, known, False), statuses)


def _total(narrowed: FileFilter, statuses: Mapping[str, Count], counted: int, ended: bool) -> Count:
    if not narrowed.states:
        return Count(min(counted, EXACT_TO), not ended)
    parts = [statuses[name] for name in set(narrowed.states)]
    total = sum(part.count for part in parts)
    return Count(min(total, EXACT_TO), total > EXACT_TO or any(part.more for part in parts))


async def _newest(
    session: AsyncSession,
    user: User,
    narrowed: FileFilter,
    branches: Branches | None,
) -> tuple[Select[Any], bool]:
    """Return the ids of files of a filter, and whether these are all; in no order."""
    query = narrowed.apply_facts(only_readable_files(select(SourceFile.id), user))
    if narrowed.shared:
        query = query.where(SourceFile.id.in_(granted_files(user)))
    terms = terms_of(narrowed.search or "")
    if narrowed.path is not None or (narrowed.is_by_words and not terms):
        return query.limit(EXACT_TO + 1), True
    if narrowed.search and not terms:
        return query.where(never()), True
    if len(terms) > 1:
        return await _searched(session, user, narrowed, query)
    order = FileOrder.PATH if narrowed.q else FileOrder.NEWEST
    whole = holds_all(user, narrowed, order, branches) and not terms
    size = EXACT_TO + 1 if whole else LOOKED_AT
    if terms:
        keys = word_window(await readable_list(session, user, narrowed), terms[0], size)
    else:
        keys = window(narrowed, order, branches, None, size, ordered=False)
    ids = query.where(is_inside(keys)).limit(EXACT_TO + 1)
    return ids, await _number(session, keys) < size


async def _searched(
    session: AsyncSession, user: User, narrowed: FileFilter, query: Select[Any]
) -> tuple[Select[Any], bool]:
    """The files whose names have all terms, of a bounded number of candidates."""
    search = Search(narrowed.search or "", narrowed.instruments)
    found, ended = await candidate_ids(session, user, search, EXACT_TO)
    rows = await session.execute(query.add_columns(SourceFile.path).where(SourceFile.id.in_(found)))
    terms = terms_of(search.text)
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


async def _rare(
    session: AsyncSession,
    user: User,
    narrowed: FileFilter,
    branches: Branches | None,
) -> dict[str, Count]:
    """Count the files of rare statuses from where they are found, each up to the bound."""
    query = narrowed.apply_facts(
        only_readable(select(SourceFile.id), user, SourceFile.instrument_id)
    )
    parts = [
        _rare_part(query, name, source)
        for name in _RARE
        for source in _sources(name, narrowed, branches)
    ]
    counts, more = dict.fromkeys(_RARE, 0), set()
    for name, count, candidates in await session.execute(union_all(*parts)):
        counts[name] += count
        if candidates == LOOKED_AT or counts[name] > EXACT_TO:
            more.add(name)
    return {name: Count(min(n, EXACT_TO), name in more) for name, n in counts.items()}


def _sources(status: str, narrowed: FileFilter, branches: Branches | None) -> list[Select[Any]]:
    """Where the files of a status are found; only of the instruments that are asked for."""
    wanted = list(narrowed.instruments) or None
    found: list[Select[Any]] = []
    if branches is not None:
        wanted = list(branches.instruments)
    for state in copy_states([status]):
        query = select(Copy.source_file_id).where(_is(Copy.state, state))
        if state in WORDS_OF_INDEX:
            query = query.where(WORDS_OF_INDEX[state])
        found.append(query if wanted is None else query.where(Copy.instrument_id.in_(wanted)))
    for own in own_states([status]):
        query = select(SourceFile.id).where(_is(SourceFile.state, own))
        if own in (FileState.SETTLING, FileState.HELD):
            query = query.where(UNSETTLED)
        found.append(query if wanted is None else query.where(SourceFile.instrument_id.in_(wanted)))
    return found


def _rare_part(query: Select[Any], status: str, source: Select[Any]) -> Select[Any]:
    bounded = source.limit(LOOKED_AT)
    fitting = query.where(
        SourceFile.id.in_(select(bounded.subquery().c[0])), has_status([status])
    ).limit(EXACT_TO + 1)

    def number(of: Select[Any]) -> Any:
        return select(func.count()).select_from(of.subquery()).scalar_subquery()

    return select(literal_column(f"'{status}'", String), number(fitting), number(bounded))


def _is(column: Any, state: str) -> ColumnElement[bool]:
    # Written out: a partial index is used only where the query has its own words.
    return column == literal_column(f"'{state}'", String)  # type: ignore[no-any-return]


async def _number(session: AsyncSession, query: Select[Any]) -> int:
    return int(
        (await session.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    )
