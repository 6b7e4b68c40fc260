"""Runs."""

import uuid
from datetime import datetime

from pydantic import Field

from app.schemas.base import JsonObject, Output, Page


class RunRead(Output):
    """A run: its state says whether it lives, its outcome how it ended."""

    id: uuid.UUID
    kind: str = Field(description="harvest | watch | drain")
    zone: str
    instrument_id: uuid.UUID | None
    state: str = Field(description="live | ended")
    outcome: str | None = Field(description="completed | failed | cancelled | lost")
    trigger: str
    requested_by: uuid.UUID | None
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    rescan_requested_at: datetime | None
    scan_started_at: datetime | None
    cancel_requested: bool
    flow_run_id: str | None
    counters: JsonObject
    error_code: str | None
    error_detail: str | None


class RunPage(Page[RunRead]):
    """A page of runs."""
