"""Windows: a bounded number of files in a list's order, of which the rest is asked.

A page asks its window in one statement. When the window is full and the page is not, the page ends
where the window does, and its cursor goes on from there.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import NameWord, SourceFile, User
from app.services.access import readable_instruments
from app.services.file_filters import FileFilter, FileOrder
from app.services.pagination import Keyset, Page, PageRequest, decode_cursor, encode_cursor

LOOKED_AT = 20_000  # files a page at most
_BRANCHES = 100  # instruments that are read side by side; more are asked row by row
_BY_WORD = Keyset((NameWord.source_file_id,), descending=True)


async def branches_of(
    session: AsyncSession, user: User, narrowed: FileFilter
) -> list[uuid.UUID] | None:
    """Return the instruments to read side by side, or None for all files in one walk."""
    if user.is_superuser and not narrowed.instruments and not narrowed.types:
        return None
    readable = list(await session.scalars(readable_instruments(user)))
    wanted = [one for one in readable if not narrowed.instruments or one in narrowed.instruments]
    return wanted if len(wanted) <= _BRANCHES else None


def window(
    narrowed: FileFilter,
    order: FileOrder,
    branches: Sequence[uuid.UUID] | None,
    after: list[Any] | None,
    size: int,
) -> Select[Any]:
    """Return the keys of the next files in an order, of one index each."""
    if order.is_by_path or branches is None:
        return _walk(narrowed, order.keyset, after, size)
    if not branches:
        return _walk(narrowed, order.keyset, after, 0)
    parts = [
        part.limit(size).subquery()
        for one in branches
        for part in _parts(narrowed, order.keyset, one, after)
    ]
    rows = union_all(*(select(part) for part in parts)).subquery()
    # The words of two types may name one file.
    ordered = (
        select(rows.c[0])
        .distinct()
        .order_by(rows.c[0].desc() if order.keyset.descending else rows.c[0].asc())
    )
    return ordered.limit(size)


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
    """Return a page of `query` (files first) from the next window of its order."""
    keyset, after = order.keyset, None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, request.filters, keyset)
    branches = await branches_of(session, user, narrowed)
    whole = not (narrowed.is_loose or narrowed.states) and _answers_all(
        user, narrowed, order, branches
    )
    size = request.limit + 1 if whole else LOOKED_AT
    keys = window(narrowed, order, branches, after, size).subquery()
    width = len(keyset.columns)
    rows = (
        await session.execute(
            _ordered(query.add_columns(*keyset.columns).where(_inside(keys)), keyset, None).limit(
                request.limit + 1
            )
        )
    ).all()
    shown = rows[: request.limit]
    last = list(shown[-1][-width:]) if len(rows) > request.limit else None
    if last is None and not whole:
        last = await _end_of(session, narrowed, order, branches, after)
    cursor = encode_cursor(last, request.filters) if last else None
    return Page([tuple(row[:-width]) for row in shown], cursor)


def _answers_all(
    user: User, narrowed: FileFilter, order: FileOrder, branches: Sequence[uuid.UUID] | None
) -> bool:
    """Whether the window holds nothing but what is asked for."""
    if user.is_superuser and not narrowed.instruments:
        return True
    return not order.is_by_path and branches is not None


def _inside(keys: Any) -> ColumnElement[bool]:
    return SourceFile.id.in_(select(list(keys.c)[-1]))


async def _end_of(
    session: AsyncSession,
    narrowed: FileFilter,
    order: FileOrder,
    branches: Sequence[uuid.UUID] | None,
    after: list[Any] | None,
) -> list[Any] | None:
    """Return the last key of a window that is full, or None when the list ends in it."""
    ended = window(narrowed, order, branches, after, LOOKED_AT).offset(LOOKED_AT - 1)
    row = (await session.execute(ended.limit(1))).first()
    return list(row) if row else None
