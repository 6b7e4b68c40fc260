"""Finding files by the words of their names, on both databases, without scanning.

`name_words` holds each word of each name under its instrument; a search reads the range of words
that begin with its longest term, in the order of (word, file), and asks the names themselves for
the other terms. A page looks at a bounded number of candidates: it may be shorter than asked for,
or empty, and still have a next one.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Select, Table, delete, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.store.bulk import insert_rows
from app.models import NameWord, SourceFile, UnindexedName, User
from app.services.access import readable_instruments
from app.services.name_words import matches, terms_of, words_of
from app.services.pagination import (
    Keyset,
    Page,
    PageRequest,
    decode_cursor,
    encode_cursor,
)

WORDS, UNINDEXED = cast(Table, NameWord.__table__), cast(Table, UnindexedName.__table__)
_BY_WORD = Keyset((NameWord.word, NameWord.source_file_id))
_INDEX_BATCH = 1000
_BRANCHES = 100  # instruments a statement
_LOOKED_AT = 200  # candidates a statement
_MOST_LOOKED_AT = 600  # candidates a page
_COUNTED_AT_ONCE = 5000
Key = tuple[str, uuid.UUID]


@dataclass(frozen=True)
class Search:
    """What is looked for, and on which instruments alone (none: on all)."""

    text: str
    instruments: tuple[uuid.UUID, ...] = ()


async def index_names(session: AsyncSession) -> int:
    """Write the words of a batch of new files' names; return how many files."""
    rows = (
        await session.execute(
            select(SourceFile.id, SourceFile.instrument_id, SourceFile.path)
            .join(UnindexedName, UnindexedName.source_file_id == SourceFile.id)
            .limit(_INDEX_BATCH)
            .with_for_update(skip_locked=True, of=UnindexedName)
        )
    ).all()
    words = [
        {"instrument_id": row.instrument_id, "word": word, "source_file_id": row.id}
        for row in rows
        for word in words_of(row.path)
    ]
    # In the order of the key, so that neighbours in the table are written together.
    words.sort(key=lambda row: (row["instrument_id"], row["word"]))
    await insert_rows(session, WORDS, words)
    await session.execute(
        delete(UNINDEXED).where(UNINDEXED.c.source_file_id.in_([row.id for row in rows]))
    )
    return len(rows)


async def search_files(
    session: AsyncSession,
    user: User,
    request: PageRequest,
    search: Search,
    narrowed: Select[Any],
) -> Page[Any]:
    """Return a page of the rows of `narrowed` (files first) whose names have all terms."""
    terms = terms_of(search.text)
    if not terms:
        return Page([], None)
    instruments = list(await session.scalars(readable_instruments(user)))
    if search.instruments:
        instruments = [one for one in instruments if one in search.instruments]
    longest = max(terms, key=len)
    after: Key | None = None
    if request.cursor is not None:
        word, file_id = decode_cursor(request.cursor, request.filters, _BY_WORD)
        after = (word, file_id)
    found: list[tuple[Key, Any]] = []
    looked = 0
    while looked < _MOST_LOOKED_AT:
        keys = await _candidates(session, instruments, longest, after)
        found += await _fitting(session, keys, terms, longest, narrowed)
        looked += len(keys)
        after = keys[-1] if keys else None
        if len(found) > request.limit:
            found = found[: request.limit]
            after = found[-1][0]
            break
        if len(keys) < _LOOKED_AT:
            after = None
            break
    cursor = encode_cursor(list(after), request.filters) if after else None
    return Page([row for _, row in found], cursor)


async def candidate_ids(
    session: AsyncSession, user: User, search: Search, limit: int
) -> tuple[list[uuid.UUID], bool]:
    """Return up to `limit` files with a word that fits, and whether these are all."""
    longest = max(terms_of(search.text), key=len)
    instruments = list(await session.scalars(readable_instruments(user)))
    if search.instruments:
        instruments = [one for one in instruments if one in search.instruments]
    found: dict[uuid.UUID, None] = {}
    after: Key | None = None
    for _ in range(2 * limit // _COUNTED_AT_ONCE):
        keys = await _candidates(session, instruments, longest, after, _COUNTED_AT_ONCE)
        found.update(dict.fromkeys(file_id for _, file_id in keys))
        if len(keys) < _COUNTED_AT_ONCE:
            return list(found)[:limit], len(found) <= limit
        if len(found) > limit:
            break
        after = keys[-1]
    return list(found)[:limit], False


async def _candidates(
    session: AsyncSession,
    instruments: Sequence[uuid.UUID],
    term: str,
    after: Key | None,
    limit: int = _LOOKED_AT,
) -> list[Key]:
    """Return the next (word, file) of words that begin with a term, over all instruments."""
    found: list[Key] = []
    for start in range(0, len(instruments), _BRANCHES):
        branches = [
            _branch(instrument_id, term, after).limit(limit)
            for instrument_id in instruments[start : start + _BRANCHES]
        ]
        rows = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
        ordered = select(rows).order_by(rows.c.word, rows.c.source_file_id).limit(limit)
        found += [(row.word, row.source_file_id) for row in await session.execute(ordered)]
    return sorted(found)[:limit]


def _branch(instrument_id: uuid.UUID, term: str, after: Key | None) -> Select[Any]:
    """The candidates of one instrument: the index has them in this order."""
    word, file_id = WORDS.c.word, WORDS.c.source_file_id
    query = select(word, file_id).where(
        WORDS.c.instrument_id == instrument_id, word >= term, word < term + "\U0010ffff"
    )
    if after is not None:
        query = query.where(tuple_(word, file_id) > after)
    return query.order_by(word, file_id)


async def _fitting(
    session: AsyncSession,
    keys: Sequence[Key],
    terms: list[str],
    longest: str,
    narrowed: Select[Any],
) -> list[tuple[Key, Any]]:
    """Return the candidates that fit, each file once: by its first word that begins so."""
    ids = [file_id for _, file_id in keys]
    rows = await session.execute(narrowed.where(SourceFile.id.in_(ids)))
    files = {row[0].id: row for row in rows}
    found = []
    for key in keys:
        if (row := files.get(key[1])) is None:
            continue
        words = words_of(row[0].path)
        first = min((word for word in words if word.startswith(longest)), default="")
        if first == key[0] and matches(words, terms):
            found.append((key, row))
    return found
