"""Schedules."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.models import ScheduleKind
from app.schemas.base import Input, Output, Page, Patch, TimeZone

Cron = Annotated[
    str, Field(max_length=200, pattern=r"^[0-9A-Za-z*/,#? -]+$", examples=["0 2 * * *"])
]


class ScheduleRead(Output):
    """When an instrument is harvested. `next_times` is empty for a watch."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    kind: str
    cron: str | None
    time_zone: str
    jitter_seconds: float
    rescan_seconds: float
    enabled: bool
    next_times: list[datetime]
    revision: int
    created_at: datetime
    updated_at: datetime


class SchedulePreview(Input):
    """A schedule that is not saved yet."""

    cron: Cron
    time_zone: TimeZone = "UTC"
    jitter_seconds: float = Field(default=0.0, ge=0, le=86400)


class ScheduleTime(Output):
    """One time at which a harvest would start, at the latest `jitter_seconds` later."""

    at: datetime = Field(description="in UTC")
    local: str = Field(
        description="in the schedule's zone, with its offset",
        examples=["2026-05-21T02:00+02:00"],
    )


class ScheduleTimes(Output):
    """The next five times of a schedule."""

    times: list[ScheduleTime]


class SchedulePage(Page[ScheduleRead]):
    """A page of schedules."""


class ScheduleCreate(Input):
    """A new schedule: cron in a time zone, or a watch that rescans every few seconds."""

    instrument_id: uuid.UUID
    kind: ScheduleKind
    cron: Cron | None = None
    time_zone: TimeZone = "UTC"
    jitter_seconds: float = Field(default=0.0, ge=0, le=86400)
    rescan_seconds: float = Field(default=30.0, ge=1, le=86400)
    enabled: bool = True


class SchedulePatch(Patch):
    """What changes."""

    cron: Cron | None = None
    time_zone: TimeZone = "UTC"
    jitter_seconds: float = Field(default=0.0, ge=0, le=86400)
    rescan_seconds: float = Field(default=30.0, ge=1, le=86400)
    enabled: bool = True
