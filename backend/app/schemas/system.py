"""Health, system state and audit."""

import uuid
from datetime import datetime

from pydantic import Field

from app.schemas.base import JsonObject, Output, Page


class HealthRead(Output):
    """Whether the API answers."""

    ok: bool
    version: str


class WorkerRead(Output):
    """A worker in a zone."""

    name: str
    zone: str
    alive: bool
    seen_at: datetime


class SystemRead(Output):
    """The state of the installation."""

    database: str
    prefect: JsonObject
    workers: list[WorkerRead]
    audit_unsealed: int
    outbox_waiting: int
    outbox_oldest_at: datetime | None
    copies_failed: int
    listings_held: int = Field(description="instruments whose breaker has tripped")
    storage_with_errors: int


class AuditEventRead(Output):
    """Who did what to what, when; `seq` and `hash` are null until it is sealed."""

    id: uuid.UUID
    at: datetime
    actor: str
    action: str
    subject: str
    instrument_id: uuid.UUID | None
    details: JsonObject
    seq: int | None
    hash: str | None


class AuditPage(Page[AuditEventRead]):
    """A page of audit events."""


class VerificationRead(Output):
    """What computing the chain anew found."""

    intact: bool
    sealed: int
    unsealed: int
    head: str
    broken_at: int | None
    broken_batch: str | None = None
