"""Windows: a bounded number of files in a list's order, of which the rest is asked.

A page asks its window in one statement. When the window is full and the page is not, the page ends
where the window does, and its cursor goes on from there.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import FileGrant, NameWord, SourceFile, User
from app.services.access import granted_files, readable_instruments
from app.services.file_filters import FileFilter, FileOrder
from app.services.pagination import Keyset, Page, PageRequest, decode_cursor, encode_cursor

LOOKED_AT = 20_000  # files a page at most
_FIRST, _GROWTH = 400, 4
_BRANCHES = 100  # instruments that are read side by side; more are asked row by row
_BY_WORD = Keyset((NameWord.source_file_id,), descending=True)


@dataclass(frozen=True)
class Branches:
    """What is read side by side: instruments, and the single files that hooks let a person see."""

    instruments: Sequence[uuid.UUID]
    grantee: uuid.UUID | None = None  # of whom there are such files


async def branches_of(session: AsyncSession, user: User, narrowed: FileFilter) -> Branches | None:
    """Return what to read side by side, or None for all files in one walk."""
    if user.is_superuser and not narrowed.instruments and not narrowed.types:
        return None
    wanted = await readable_list(session, user, narrowed)
    if len(wanted) > _BRANCHES:
        return None
    is_any = not user.is_superuser and await session.scalar(
        select(granted_files(user).limit(1).exists())
    )
    return Branches(wanted, user.id if is_any else None)


def single_files(narrowed: FileFilter, grantee: uuid.UUID) -> Select[Any]:
    """Return the single files of a filter's instruments and times that hooks let a person see."""
    query = (
        select(FileGrant.source_file_id)
        .distinct()
        .join(SourceFile, SourceFile.id == FileGrant.source_file_id)
        .where(FileGrant.user_id == grantee, *narrowed.time_conditions())
    )
    if narrowed.instruments:
        query = query.where(SourceFile.instrument_id.in_(narrowed.instruments))
    return query


async def readable_list(session: AsyncSession, user: User, narrowed: FileFilter) -> list[uuid.UUID]:
    """Return the instruments of a filter that a person may see."""
    readable = list(await session.scalars(readable_instruments(user)))
    return [one for one in readable if not narrowed.instruments or one in narrowed.instruments]


def word_window(instruments: Sequence[uuid.UUID], term: str, size: int) -> Select[Any]:
    """Return files with a word that begins with a term, in no order."""
    word = NameWord.word
    return (
        select(NameWord.source_file_id)
        .where(NameWord.instrument_id.in_(instruments), word >= term, word < term + "\U0010ffff")
        .limit(size)
    )


def window(
    narrowed: FileFilter,
    order: FileOrder,
    branches: Branches | None,
    after: list[Any] | None,
    size: int,
    *,
    ordered: bool = True,
) -> Select[Any]:
    """Return the keys of the next files in an order, of one index each; or of any files."""
    if order.is_by_path or branches is None:
        return _walk(narrowed, order.keyset, after, size)
    found = [
        part for one in branches.instruments for part in _parts(narrowed, order.keyset, one, after)
    ]
    if branches.grantee is not None:
        singles = Keyset((FileGrant.source_file_id,), order.keyset.descending)
        found.append(_ordered(single_files(narrowed, branches.grantee), singles, after))
    if not found:
        return _walk(narrowed, order.keyset, after, 0)
    parts = [(part if ordered else part.order_by(None)).limit(size).subquery() for part in found]
    rows = union_all(*(select(part) for part in parts)).subquery()
    if not ordered:
        return select(rows.c[0]).limit(size)
    # The words of two types may name one file, and a single one be of a readable instrument.
    key = rows.c[0].desc() if order.keyset.descending else rows.c[0].asc()
    return select(rows.c[0]).distinct().order_by(key).limit(size)


def _walk(narrowed: FileFilter, keyset: Keyset, after: list[Any] | None, size: int) -> Select[Any]:
    query = select(*keyset.columns).where(*narrowed.path_conditions(), *narrowed.time_conditions())
    return _ordered(query, keyset, after).limit(size)


def _ordered(query: Select[Any], keyset: Keyset, after: list[Any] | None) -> Select[Any]:
    if after is not None:
        query = query.where(keyset.after(after))
    columns = keyset.columns
    return query.order_by(*((c.desc() if keyset.descending else c.asc()) for c in columns))


def _parts(
    narrowed: FileFilter, keyset: Keyset, instrument_id: uuid.UUID, after: list[Any] | None
) -> list[Select[Any]]:
    """The files of one instrument in the order of their ids; by the words of types if asked."""
    if not narrowed.types:
        query = select(SourceFile.id).where(
            SourceFile.instrument_id == instrument_id, *narrowed.time_conditions()
        )
        return [_ordered(query, keyset, after)]
    words = Keyset((NameWord.source_file_id,), keyset.descending)
    return [
        _ordered(
            select(NameWord.source_file_id).where(
                NameWord.instrument_id == instrument_id, NameWord.word == one
            ),
            words,
            after,
        )
        for one in narrowed.types
    ]


async def fetch_window(
    session: AsyncSession,
    user: User,
    request: PageRequest,
    narrowed: FileFilter,
    order: FileOrder,
    query: Select[Any],
) -> Page[Any]:
    """Return a page of `query` (files first) from the next windows of its order.

    The first window is small, since most of what is asked for is common; then they grow.
    """
    keyset = order.keyset
    after: list[Any] | None = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, request.filters, keyset)
    branches = await branches_of(session, user, narrowed)
    whole = not narrowed.states and holds_all(user, narrowed, order, branches)
    wanted, width = request.limit + 1, len(keyset.columns)
    size, looked = wanted if whole else min(_FIRST, LOOKED_AT), 0
    rows: list[Any] = []
    while True:
        keys = window(narrowed, order, branches, after, size)
        inside = query.add_columns(*keyset.columns).where(is_inside(keys))
        found = await session.execute(_ordered(inside, keyset, None).limit(wanted - len(rows)))
        rows += found.all()
        looked += size
        if len(rows) == wanted or whole:
            last = list(rows[request.limit - 1][-width:]) if len(rows) == wanted else None
            break
        after = last = await end_of(session, keys, size)
        if last is None or looked >= LOOKED_AT:
            break
        size = min(size * _GROWTH, LOOKED_AT - looked)
    cursor = encode_cursor(last, request.filters) if last else None
    return Page([tuple(row[:-width]) for row in rows[: request.limit]], cursor)


def holds_all(
    user: User, narrowed: FileFilter, order: FileOrder, branches: Branches | None
) -> bool:
    """Whether a window holds nothing but what is asked for, status apart."""
    if narrowed.is_loose:
        return False
    if user.is_superuser and not narrowed.instruments:
        return True
    return not order.is_by_path and branches is not None


def is_inside(keys: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that holds for the files of a window."""
    return SourceFile.id.in_(select(list(keys.subquery().c)[-1]))


async def end_of(session: AsyncSession, keys: Select[Any], size: int) -> list[Any] | None:
    """Return the last key of a window that is full, or None when the list ends in it."""
    row = (await session.execute(keys.offset(size - 1).limit(1))).first()
    return list(row) if row else None
