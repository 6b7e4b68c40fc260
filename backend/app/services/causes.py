"""Transfers in numbers: by state, and what is wrong grouped by cause. All counts are bounded."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import Copy, CopyState, Instrument, User
from app.services.access import only_readable
from app.services.file_counts import EXACT_TO, WORDS_OF_INDEX, Count
from app.services.transfers import TransferFilter

_WRONG = (
    CopyState.FAILED, CopyState.CONFLICT, CopyState.RETRY_WAIT, CopyState.DAMAGED,
    CopyState.MISSING,
)  # fmt: skip
_RETRYABLE = (CopyState.FAILED, CopyState.CONFLICT)


@dataclass(frozen=True)
class OfInstrument:
    """What one cause does to one instrument."""

    id: uuid.UUID
    name: str
    count: int


@dataclass
class Cause:
    """Copies with one error; `retryable` of them a person can put back in line."""

    error_code: str
    count: int = 0
    more: bool = False
    retryable: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    states: dict[str, int] = field(default_factory=dict)
    instruments: list[OfInstrument] = field(default_factory=list)


async def count_transfers(
    database: Database, user: User, narrowed: TransferFilter
) -> Mapping[str, Count]:
    """Count copies by state: exact to 10,000."""
    states = [CopyState(one) for one in narrowed.states] or list(CopyState)
    async with database.read() as session:
        return {state.value: await _of_state(session, user, narrowed, state) for state in states}


async def _of_state(
    session: AsyncSession, user: User, narrowed: TransferFilter, state: CopyState
) -> Count:
    query = only_readable(select(Copy.id), user, Copy.instrument_id)
    is_it: ColumnElement[bool] = Copy.state == literal_column(f"'{state.value}'", String)
    is_narrow = narrowed != TransferFilter(states=narrowed.states)
    if state in WORDS_OF_INDEX or (user.is_superuser and not is_narrow):
        of_index = [WORDS_OF_INDEX[state]] if state in WORDS_OF_INDEX else []
        found = narrowed.apply(query.where(*of_index, is_it)).limit(EXACT_TO + 1)
        count = await _number(session, found)
        return Count(min(count, EXACT_TO), count > EXACT_TO)
    # Most copies are available: of some instruments' these are counted in the newest ones only.
    newest = narrowed.apply(query).order_by(Copy.id.desc()).limit(2 * EXACT_TO).subquery()
    inside = select(Copy.id).where(Copy.id.in_(select(newest.c.id)), is_it).limit(EXACT_TO + 1)
    count = await _number(session, inside)
    full = await _number(session, select(newest)) == 2 * EXACT_TO
    return Count(min(count, EXACT_TO), full or count > EXACT_TO)


async def _number(session: AsyncSession, query: Select[Any]) -> int:
    counted = select(func.count()).select_from(query.subquery())
    return int((await session.execute(counted)).scalar_one())


async def list_causes(
    database: Database, user: User, instrument_id: uuid.UUID | None = None
) -> list[Cause]:
    """Return what is wrong with copies, the most frequent cause first."""
    async with database.read() as session:
        found = [await _cause(session, user, code, instrument_id) for code in await _codes(session)]
    return sorted((one for one in found if one.count), key=lambda one: (-one.count, one.error_code))


async def _codes(session: AsyncSession) -> list[str]:
    """Return the codes that some copy has: one probe of the index each, however many copies."""
    codes: list[str] = []
    while True:
        query = select(Copy.error_code).where(Copy.error_code.is_not(None))
        if codes:
            query = query.where(Copy.error_code > codes[-1])
        code = await session.scalar(query.order_by(Copy.error_code).limit(1))
        if code is None:
            return codes
        codes.append(code)


async def _cause(
    session: AsyncSession, user: User, code: str, instrument_id: uuid.UUID | None
) -> Cause:
    sample = select(Copy.instrument_id, Copy.state, Copy.state_since).where(
        Copy.error_code == code, Copy.error_code.is_not(None), Copy.state.in_(_WRONG)
    )
    if instrument_id is not None:
        sample = sample.where(Copy.instrument_id == instrument_id)
    newest = (
        only_readable(sample, user, Copy.instrument_id)
        .order_by(Copy.id.desc())
        .limit(EXACT_TO + 1)
        .subquery()
    )
    rows = await session.execute(
        select(
            newest.c.instrument_id,
            Instrument.name,
            newest.c.state,
            func.count().label("copies"),
            func.min(newest.c.state_since).label("oldest"),
            func.max(newest.c.state_since).label("newest"),
        )
        .join(Instrument, Instrument.id == newest.c.instrument_id)
        .group_by(newest.c.instrument_id, Instrument.name, newest.c.state)
    )
    cause, by_instrument = Cause(code), dict[tuple[str, uuid.UUID], int]()
    for row in rows:
        cause.count += row.copies
        cause.states[row.state] = cause.states.get(row.state, 0) + row.copies
        cause.retryable += row.copies if row.state in _RETRYABLE else 0
        cause.oldest_at = min(filter(None, (cause.oldest_at, row.oldest)))
        cause.newest_at = max(filter(None, (cause.newest_at, row.newest)))
        key = (row.name, row.instrument_id)
        by_instrument[key] = by_instrument.get(key, 0) + row.copies
    cause.instruments = [
        OfInstrument(one, name, count) for (name, one), count in sorted(by_instrument.items())
    ]
    cause.more = cause.count > EXACT_TO
    cause.count = min(cause.count, EXACT_TO)
    return cause
