"""Reading the audit trail."""

import json
import uuid
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.harvest.store.attempts import stored_leaves
from app.models import AuditEvent, AuditLink, AuditPending, User
from app.services import audit
from app.services.access import only_readable
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_BATCH_ACTIONS = ("copies.proven", "copies.failed", "copies.lost")
_PAGE = 500
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
    sealed: bool | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query (of events and their links), narrowed."""
        for name, value in vars(self).items():
            if value is not None and name != "sealed":
                query = query.where(getattr(AuditEvent, name) == value)
        if self.sealed is None:
            return query
        if self.sealed:
            return query.where(AuditLink.seq.is_not(None))
        # What waits for its link is little, and stands in a table of its own.
        return query.where(AuditEvent.id.in_(select(AuditPending.event_id)))


async def list_events(
    database: Database, user: User, request: PageRequest, narrowed: AuditFilter
) -> Page[EventView]:
    """Return a page of events, newest first; a user sees those of their instruments."""
    query = select(AuditEvent, AuditLink.seq, AuditLink.hash).outerjoin(
        AuditLink, AuditLink.event_id == AuditEvent.id
    )
    query = narrowed.apply(only_readable(query, user, AuditEvent.instrument_id))
    async with database.read() as session:
        page = await fetch_page(session, query, request, _NEWEST)
    return Page([EventView(*row) for row in page.items], page.next_cursor)


async def verify_chain(database: Database) -> audit.Verification:
    """Compute the whole chain anew."""
    async with database.read() as session:
        chain = await audit.verify(session)
        return replace(chain, broken_batch=await first_broken_batch(session))


async def first_broken_batch(session: AsyncSession) -> str | None:
    """Return the first batch whose attempts, as they stand now, no longer fit its audit event."""
    after = uuid.UUID(int=0)
    while True:
        rows = (
            await session.execute(
                select(AuditEvent.id, AuditEvent.canonical)
                .where(AuditEvent.action.in_(_BATCH_ACTIONS), AuditEvent.id > after)
                .order_by(AuditEvent.id)
                .limit(_PAGE)
            )
        ).all()
        if not rows:
            return None
        for row in rows:
            details = json.loads(row.canonical)["details"]
            leaves = await stored_leaves(session, uuid.UUID(details["batch"]))
            if audit.merkle_root(leaves).hex() != details["merkle_root"]:
                return str(details["batch"])
        after = rows[-1].id
