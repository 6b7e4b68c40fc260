"""Schedules: cron in a time zone, or a rescan every few seconds."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter  # type: ignore[import-untyped]
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Instrument, Schedule, ScheduleKind, User
from app.services import audit
from app.services.access import only_readable
from app.services.edits import (
    InvalidField,
    changes,
    find,
    guarded_update,
    old_and_new,
    plain,
    translated,
)
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.services.time_zones import check_time_zone

_ORDER = Keyset((Schedule.id,))


def next_times(cron: str, time_zone: str, after: datetime, count: int = 5) -> list[datetime]:
    """Return the next times of a cron expression.

    Raises:
        InvalidField: `cron_invalid` or `time_zone_unknown`.
    """
    check_time_zone(time_zone, "/time_zone")
    if len(cron.split()) != 5:
        raise InvalidField("/cron", "A cron expression has five fields.", "cron_invalid")
    try:
        times = croniter(cron, after.astimezone(ZoneInfo(time_zone)), ret_type=datetime)
        return [times.get_next(datetime) for _ in range(count)]
    except (CroniterError, ValueError, KeyError, OverflowError) as error:
        raise InvalidField(
            "/cron", "The expression never comes true or cannot be read.", "cron_invalid"
        ) from error


def times_of(schedule: Schedule) -> list[datetime]:
    """Return the next five times of a stored schedule; a watch has none."""
    if schedule.kind != ScheduleKind.CRON or schedule.cron is None or not schedule.enabled:
        return []
    return next_times(schedule.cron, schedule.time_zone, utcnow())


def _check(values: Mapping[str, Any]) -> None:
    if values["kind"] == ScheduleKind.CRON:
        if not values.get("cron"):
            raise InvalidField("/cron", "A cron schedule needs an expression.", "cron_invalid")
        next_times(values["cron"], values["time_zone"], utcnow())
    elif values.get("cron"):
        raise InvalidField("/cron", "A watch has no cron expression.")


async def list_schedules(
    database: Database, user: User, request: PageRequest, instrument_id: uuid.UUID | None
) -> Page[Schedule]:
    """Return a page of the schedules of the instruments that a person may see."""
    query = only_readable(select(Schedule), user, Schedule.instrument_id)
    if instrument_id is not None:
        query = query.where(Schedule.instrument_id == instrument_id)
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def get_schedule(database: Database, user: User, schedule_id: uuid.UUID) -> Schedule:
    """Return one schedule."""
    query = select(Schedule).where(Schedule.id == schedule_id)
    async with database.read() as session:
        found: Schedule | None = await session.scalar(
            only_readable(query, user, Schedule.instrument_id)
        )
    if found is None:
        raise StreamWeaveError("not_found")
    return found


async def create_schedule(database: Database, actor: str, values: Mapping[str, Any]) -> Schedule:
    """Store a schedule; the reconciler makes its deployment."""
    _check(values)
    now = utcnow()

    async def work(session: AsyncSession) -> Schedule:
        if await session.get(Instrument, values["instrument_id"]) is None:
            raise InvalidField("/instrument_id", "There is no such instrument.")
        schedule = Schedule(**values, revision=1, created_at=now, updated_at=now)
        async with translated(session, "name_taken"):
            session.add(schedule)
        await audit.record(
            session,
            actor=actor,
            action="schedule.created",
            subject=f"schedule:{schedule.id}",
            details={"new": plain(values)},
            instrument_id=schedule.instrument_id,
        )
        return schedule

    return await database.run(work)


async def change_schedule(
    database: Database,
    actor: str,
    schedule_id: uuid.UUID,
    revision: int,
    values: Mapping[str, Any],
) -> Schedule:
    """Change a schedule."""

    async def work(session: AsyncSession) -> Schedule:
        schedule = await find(session, Schedule, schedule_id)
        changed = changes(schedule, values)
        merged = {name: getattr(schedule, name) for name in ("kind", "cron", "time_zone")}
        _check({**merged, **changed})
        details = old_and_new(schedule, changed)
        await guarded_update(session, schedule, revision, changed)
        await audit.record(
            session,
            actor=actor,
            action="schedule.changed",
            subject=f"schedule:{schedule_id}",
            details=details,
            instrument_id=schedule.instrument_id,
        )
        return schedule

    return await database.run(work)


async def delete_schedule(
    database: Database, actor: str, schedule_id: uuid.UUID, revision: int
) -> None:
    """Delete a schedule; the reconciler removes its deployment."""

    async def work(session: AsyncSession) -> None:
        schedule = await find(session, Schedule, schedule_id)
        await guarded_update(session, schedule, revision, {})
        await session.execute(delete(Schedule).where(Schedule.id == schedule_id))
        await audit.record(
            session,
            actor=actor,
            action="schedule.deleted",
            subject=f"schedule:{schedule_id}",
            details={"old": {"kind": schedule.kind, "cron": schedule.cron}},
            instrument_id=schedule.instrument_id,
        )

    await database.run(work)
