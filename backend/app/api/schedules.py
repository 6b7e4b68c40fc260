"""Schedules: admins edit, users read those of their instruments."""

from datetime import UTC

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    Caller,
    Cursor,
    Db,
    Id,
    Limit,
    Revision,
    actor_of,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.clock import utcnow
from app.models import Schedule
from app.schemas.schedules import (
    ScheduleCreate,
    SchedulePage,
    SchedulePatch,
    SchedulePreview,
    ScheduleRead,
    ScheduleTime,
    ScheduleTimes,
)
from app.services import schedules

router = APIRouter(prefix="/schedules", tags=["schedules"], responses=SIGNED_IN)
_RULES = documented("invalid_request", "cron_invalid", "time_zone_unknown")


def _read(schedule: Schedule) -> ScheduleRead:
    values = {
        name: getattr(schedule, name) for name in ScheduleRead.model_fields if name != "next_times"
    }
    return ScheduleRead(**values, next_times=schedules.times_of(schedule))


def _answer(response: Response, schedule: Schedule) -> ScheduleRead:
    set_etag(response, schedule.revision)
    return _read(schedule)


@router.get("", operation_id="listSchedules", response_model=SchedulePage, responses=LISTED)
async def list_schedules(
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SchedulePage:
    """List schedules."""
    request = page_request(limit, cursor, instrument=instrument)
    page = await schedules.list_schedules(database, caller, request, instrument)
    return SchedulePage(items=[_read(one) for one in page.items], next_cursor=page.next_cursor)


@router.post(
    "",
    operation_id="createSchedule",
    response_model=ScheduleRead,
    status_code=201,
    responses={201: ETAG, **documented("name_taken"), **_RULES},
)
async def create_schedule(
    response: Response, body: ScheduleCreate, database: Db, admin: Admin
) -> ScheduleRead:
    """Add a schedule; an instrument has at most one of each kind."""
    schedule = await schedules.create_schedule(database, actor_of(admin), body.model_dump())
    return _answer(response, schedule)


@router.post(
    "/preview", operation_id="previewSchedule", response_model=ScheduleTimes, responses=_RULES
)
async def preview_schedule(body: SchedulePreview, _caller: Caller) -> ScheduleTimes:
    """Return the next five times of a cron expression, before it is saved."""
    times = schedules.next_times(body.cron, body.time_zone, utcnow())
    return ScheduleTimes(
        times=[ScheduleTime(at=one.astimezone(UTC), local=one.isoformat()) for one in times]
    )


@router.get(
    "/{schedule_id:uuid}",
    operation_id="getSchedule",
    response_model=ScheduleRead,
    responses={200: ETAG, **ONE},
)
async def get_schedule(
    response: Response, schedule_id: Id, database: Db, caller: Caller
) -> ScheduleRead:
    """Return one schedule with its next five times."""
    return _answer(response, await schedules.get_schedule(database, caller, schedule_id))


@router.patch(
    "/{schedule_id:uuid}",
    operation_id="changeSchedule",
    response_model=ScheduleRead,
    responses={200: ETAG, **EDITED, **_RULES},
)
async def change_schedule(
    response: Response,
    schedule_id: Id,
    body: SchedulePatch,
    database: Db,
    admin: Admin,
    revision: Revision,
) -> ScheduleRead:
    """Change a schedule."""
    schedule = await schedules.change_schedule(
        database, actor_of(admin), schedule_id, revision, body.sent()
    )
    return _answer(response, schedule)


@router.delete(
    "/{schedule_id:uuid}",
    operation_id="deleteSchedule",
    status_code=204,
    response_class=Response,
    responses=EDITED,
)
async def delete_schedule(
    schedule_id: Id, database: Db, admin: Admin, revision: Revision
) -> Response:
    """Delete a schedule."""
    await schedules.delete_schedule(database, actor_of(admin), schedule_id, revision)
    return Response(status_code=204)
