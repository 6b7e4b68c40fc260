"""Reading the audit trail."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.database import Database
from app.models import AuditEvent, AuditLink, User
from app.services import audit
from app.services.access import only_readable
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_NEWEST = Keyset((AuditEvent.id,), descending=True)


@dataclass(frozen=True)
class EventView:
    """An event and its link in the chain; no link means not sealed yet."""

    event: AuditEvent
    seq: int | None
    hash: bytes | None

    @property
    def details(self) -> dict[str, Any]:
        """What was recorded with the fact."""
        found: dict[str, Any] = json.loads(self.event.canonical)["details"]
        return found


@dataclass(frozen=True)
class AuditFilter:
    """What a list of events is narrowed by."""

    instrument_id: uuid.UUID | None = None
    subject: str | None = None
    actor: str | None = None
    action: str | None = None


async def list_events(
    database: Database, user: User, request: PageRequest, narrowed: AuditFilter
) -> Page[EventView]:
    """Return a page of events, newest first; a user sees those of their instruments."""
    query = select(AuditEvent, AuditLink.seq, AuditLink.hash).outerjoin(
        AuditLink, AuditLink.event_id == AuditEvent.id
    )
    query = only_readable(query, user, AuditEvent.instrument_id)
    for name, value in vars(narrowed).items():
        if value is not None:
            query = query.where(getattr(AuditEvent, name) == value)
    async with database.read() as session:
        page = await fetch_page(session, query, request, _NEWEST)
    return Page([EventView(*row) for row in page.items], page.next_cursor)


async def verify_chain(database: Database) -> audit.Verification:
    """Compute the whole chain anew."""
    async with database.read() as session:
        return await audit.verify(session)
