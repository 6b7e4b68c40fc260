"""Streams: one row an instrument, of what comes and where it stands, at any size of the database.

Counts go to 10,000 by the partial index of each state; what came in an hour is a kept number
(services/tallies.py). Days are UTC days.
"""

import itertools
import statistics
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, String, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import midnight, utcnow
from app.harvest.store.words import IN_FLIGHT, TROUBLED, UNSETTLED, WAITING
from app.models import (
    Copy,
    CopyState,
    FileState,
    HourlyTally,
    Instrument,
    InstrumentStorage,
    Run,
    RunKind,
    RunState,
    ScanState,
    Schedule,
    ScheduleKind,
    SourceFile,
    StorageLocation,
    User,
)
from app.services.access import only_readable
from app.services.file_counts import EXACT_TO, Count

MOST_STREAMS = 500
RHYTHM_DAYS = 14
_USUAL_DAYS = 28  # of which gaps between hours with files are known
_FEWEST_GAPS = 5
_UNUSUAL = 1.25  # times the longest gap
COUNTED = ("settling", "held", "queued", "retry_wait", "moving", "failed", "conflict")


@dataclass(frozen=True)
class Rhythm:
    """When an instrument's files came: a number a day, and how long it usually is silent."""

    days: list[int]
    today_files: int
    today_bytes: int
    usual_interval_seconds: float | None
    silent_since: datetime | None


@dataclass(frozen=True)
class StreamStorage:
    """A place that a stream goes to; `error_code` is None while it is well."""

    id: uuid.UUID
    name: str
    error_code: str | None


@dataclass
class Stream:
    """One instrument, live."""

    instrument: Instrument
    scan: ScanState | None
    last_file_at: datetime | None
    counts: dict[str, Count]
    rhythm: Rhythm
    storage: list[StreamStorage] = field(default_factory=list)
    live_run_id: uuid.UUID | None = None


async def read_streams(session: AsyncSession, user: User) -> list[Stream]:
    """Return the streams that a person may see, by name."""
    query = only_readable(
        select(Instrument, ScanState, _last_file_at(), *_counts()), user, Instrument.id
    ).outerjoin(ScanState, ScanState.instrument_id == Instrument.id)
    rows = (await session.execute(query.order_by(Instrument.name).limit(MOST_STREAMS))).all()
    instruments = [row[0] for row in rows]
    ids = [one.id for one in instruments]
    now = utcnow()
    tallies = await _tallies(session, ids, now)
    storage = await _storage(session, ids)
    runs = await _live_runs(session, instruments, user)
    moving = await _moving(session, ids)
    streams = []
    for instrument, scan, last_file_at, *counts in rows:
        named = dict(zip((name for name in COUNTED if name != "moving"), counts, strict=True))
        named["moving"] = moving.get(instrument.id, 0)
        rhythm = rhythm_of(tallies.get(instrument.id, []), last_file_at, now)
        streams.append(
            Stream(
                instrument,
                scan,
                last_file_at,
                {name: Count(min(n, EXACT_TO), n > EXACT_TO) for name, n in named.items()},
                rhythm,
                storage.get(instrument.id, []),
                runs.get(instrument.id),
            )
        )
    return streams


def _last_file_at() -> ScalarSelect[Any]:
    return (
        select(SourceFile.first_seen_at)
        .where(SourceFile.instrument_id == Instrument.id)
        .order_by(SourceFile.id.desc())
        .limit(1)
        .correlate(Instrument)
        .scalar_subquery()
    )


def _counts() -> list[ScalarSelect[Any]]:
    """Count by the words of the partial indexes, each up to the bound."""
    return [
        _number(SourceFile, UNSETTLED, FileState.SETTLING),
        _number(SourceFile, UNSETTLED, FileState.HELD),
        _number(Copy, WAITING, CopyState.QUEUED),
        _number(Copy, WAITING, CopyState.RETRY_WAIT),
        _number(Copy, TROUBLED, CopyState.FAILED),
        _number(Copy, TROUBLED, CopyState.CONFLICT),
    ]


def _number(model: Any, words: Any, state: str) -> ScalarSelect[Any]:
    is_it: ColumnElement[bool] = model.state == literal_column(f"'{state}'", String)
    found = (
        select(model.id)
        .where(model.instrument_id == Instrument.id, words, is_it)
        .limit(EXACT_TO + 1)
        .correlate(Instrument)
        .subquery()
    )
    return select(func.count()).select_from(found).scalar_subquery()


async def _moving(session: AsyncSession, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    rows = await session.execute(
        select(Copy.instrument_id, func.count()).where(IN_FLIGHT).group_by(Copy.instrument_id)
    )
    wanted = set(ids)
    return {one: count for one, count in rows.all() if one in wanted}


async def _tallies(
    session: AsyncSession, ids: Sequence[uuid.UUID], now: datetime
) -> dict[uuid.UUID, list[tuple[datetime, int, int]]]:
    rows = await session.execute(
        select(
            HourlyTally.instrument_id, HourlyTally.hour, HourlyTally.files, HourlyTally.file_bytes
        )
        .where(
            HourlyTally.instrument_id.in_(ids),
            HourlyTally.hour >= now - timedelta(days=_USUAL_DAYS),
            HourlyTally.files > 0,
        )
        .order_by(HourlyTally.hour)
    )
    found: dict[uuid.UUID, list[tuple[datetime, int, int]]] = {}
    for instrument_id, hour, files, size in rows:
        found.setdefault(instrument_id, []).append((hour, files, size))
    return found


def rhythm_of(
    hours: Sequence[tuple[datetime, int, int]], last_file_at: datetime | None, now: datetime
) -> Rhythm:
    """Judge the hours in which files came: is the silence of now longer than any of before?"""
    today = midnight(now)
    days, today_bytes = [0] * RHYTHM_DAYS, 0
    for hour, files, size in hours:
        age = (today - midnight(hour)).days
        if 0 <= age < RHYTHM_DAYS:
            days[RHYTHM_DAYS - 1 - age] += files
        today_bytes += size if age == 0 else 0
    gaps = [(later[0] - earlier[0]).total_seconds() for earlier, later in itertools.pairwise(hours)]
    usual = statistics.median(gaps) if len(gaps) >= _FEWEST_GAPS else None
    last = max(filter(None, (last_file_at, hours[-1][0] if hours else None)), default=None)
    silent = None
    if usual is not None and last is not None:
        longest = max(gaps) * _UNUSUAL
        silent = last if (now - last).total_seconds() > longest else None
    return Rhythm(days, days[-1], today_bytes, usual, silent)


async def _storage(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[StreamStorage]]:
    rows = await session.execute(
        select(
            InstrumentStorage.instrument_id,
            StorageLocation.id,
            StorageLocation.name,
            StorageLocation.error_code,
        )
        .join(StorageLocation, StorageLocation.id == InstrumentStorage.storage_location_id)
        .where(InstrumentStorage.instrument_id.in_(ids))
        .order_by(StorageLocation.name)
    )
    found: dict[uuid.UUID, list[StreamStorage]] = {}
    for instrument_id, *values in rows:
        found.setdefault(instrument_id, []).append(StreamStorage(*values))
    return found


async def _live_runs(
    session: AsyncSession, instruments: Sequence[Instrument], user: User
) -> Mapping[uuid.UUID, uuid.UUID]:
    """The live harvest of each instrument, or (for admins) its zone's watch."""
    rows = (
        await session.execute(
            select(Run.id, Run.kind, Run.zone, Run.instrument_id).where(Run.state == RunState.LIVE)
        )
    ).all()
    watching = {row.zone: row.id for row in rows if row.kind == RunKind.WATCH}
    watched = set(
        await session.scalars(
            select(Schedule.instrument_id).where(
                Schedule.kind == ScheduleKind.WATCH, Schedule.enabled.is_(True)
            )
        )
    )
    found = {
        one.id: watching[one.zone]
        for one in instruments
        if user.is_superuser and one.id in watched and one.zone in watching and not one.paused
    }
    return found | {row.instrument_id: row.id for row in rows if row.instrument_id is not None}
