"""The overview: what a person sees first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.models import HourlyTally, Run, User
from app.services.access import only_readable
from app.services.causes import list_causes
from app.services.file_filters import FileFilter
from app.services.files import FileView, list_files
from app.services.fill import Fill, read_fill
from app.services.needs import Need, read_needs
from app.services.pagination import PageRequest
from app.services.runs import RunFilter, list_runs
from app.services.streams import Stream, read_streams
from app.services.tallies import hour_of

_HOURS = 24
_SHOWN = PageRequest(10)


@dataclass(frozen=True)
class HourOf:
    """What became available in one hour."""

    hour: datetime
    copies: int
    size_bytes: int


@dataclass(frozen=True)
class Overview:
    """All of it, at one time."""

    at: datetime
    streams: list[Stream]
    needs: list[Need]
    throughput: list[HourOf]
    fills: list[Fill]
    runs: Sequence[Run]
    newest: list[FileView]


async def read_overview(database: Database, user: User) -> Overview:
    """Gather what a person may see of everything."""
    causes = await list_causes(database, user)
    async with database.read() as session:
        streams = await read_streams(session, user)
        fills = await read_fill(session, user)
        needs = await read_needs(session, user, streams, fills, causes)
        throughput = await _throughput(session, user)
    runs = await list_runs(database, user, _SHOWN, RunFilter())
    newest = await list_files(database, user, _SHOWN, FileFilter())
    return Overview(utcnow(), streams, needs, throughput, fills, runs.items, newest.items)


async def _throughput(session: AsyncSession, user: User) -> list[HourOf]:
    last = hour_of(utcnow())
    first = last - timedelta(hours=_HOURS - 1)
    query = only_readable(
        select(
            HourlyTally.hour, func.sum(HourlyTally.copies), func.sum(HourlyTally.copy_bytes)
        ).where(HourlyTally.hour >= first),
        user,
        HourlyTally.instrument_id,
    )
    rows = await session.execute(query.group_by(HourlyTally.hour))
    found = {hour: (int(copies), int(size)) for hour, copies, size in rows.all()}
    hours = [first + timedelta(hours=number) for number in range(_HOURS)]
    return [HourOf(hour, *found.get(hour, (0, 0))) for hour in hours]
