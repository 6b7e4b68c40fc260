"""Transfers are copies: the unit of work. Here they are listed, looked into and tried again."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import (
    Attempt,
    Copy,
    CopyState,
    Instrument,
    SourceFile,
    StorageLocation,
    User,
    Version,
)
from app.services import audit
from app.services.access import only_readable
from app.services.conditions import SLACK, id_at
from app.services.edits import find, plain
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.transfers.movers import why

_NEWEST = Keyset((Copy.id,), descending=True)
_RETRYABLE = (CopyState.FAILED, CopyState.CONFLICT)
_BATCH = 500


@dataclass(frozen=True)
class TransferFilter:
    """What a list of transfers, or a retry of many, is narrowed by."""

    instruments: tuple[uuid.UUID, ...] = ()
    storage_location_id: uuid.UUID | None = None
    states: tuple[str, ...] = ()
    error_code: str | None = None
    available_after: datetime | None = None
    available_before: datetime | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query, narrowed."""
        pairs = (
            (Copy.storage_location_id, self.storage_location_id),
            (Copy.error_code, self.error_code),
        )
        for column, value in pairs:
            if value is not None:
                query = query.where(column == value)
        if self.instruments:
            query = query.where(Copy.instrument_id.in_(self.instruments))
        query = query.where(*self._times())
        return query.where(Copy.state.in_(self.states)) if self.states else query

    def _times(self) -> list[ColumnElement[bool]]:
        """Found by the attempts of that time, whose ids are made in its order."""
        found: list[ColumnElement[bool]] = []
        tried = select(Attempt.copy_id)
        if (since := self.available_after) is not None:
            found.append(Copy.available_at >= since)
            tried = tried.where(Attempt.id >= id_at(since, -SLACK))
        if (until := self.available_before) is not None:
            found.append(Copy.available_at < until)
            tried = tried.where(Attempt.id <= id_at(until, SLACK))
        return [*found, Copy.id.in_(tried)] if found else []


@dataclass(frozen=True)
class TransferView:
    """A copy with the names of what it connects."""

    copy: Copy
    path: str
    version_number: int
    sha256: bytes | None
    instrument_name: str
    storage_name: str
    protocol: str
    mover: str  # as it was chosen

    @property
    def why_mover(self) -> str:
        """A sentence for people: what brings, or brought, this copy, and why that."""
        if (self.copy.intent or {}).get("filled_from"):
            return "Filled from a proven copy: the instrument was not asked again."
        try:
            return why(self.protocol, self.mover)
        except StreamWeaveError as error:
            return error.detail  # it is not installed here


def _readable_copies(user: User) -> Select[Any]:
    query = (
        select(
            Copy,
            SourceFile.path,
            Version.number,
            Version.sha256,
            Instrument.name,
            StorageLocation.name,
            Instrument.protocol,
            Instrument.mover,
        )
        .join(SourceFile, SourceFile.id == Copy.source_file_id)
        .join(Version, Version.id == Copy.version_id)
        .join(Instrument, Instrument.id == Copy.instrument_id)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
    )
    return only_readable(query, user, Copy.instrument_id)


async def list_transfers(
    database: Database, user: User, request: PageRequest, narrowed: TransferFilter
) -> Page[TransferView]:
    """Return a page of transfers, newest first."""
    query = narrowed.apply(_readable_copies(user))
    async with database.read() as session:
        page = await fetch_page(session, query, request, _NEWEST)
    return Page([TransferView(*row) for row in page.items], page.next_cursor)


async def get_transfer(
    database: Database, user: User, copy_id: uuid.UUID
) -> tuple[TransferView, list[Attempt]]:
    """Return one transfer with its newest 100 attempts."""
    async with database.read() as session:
        row = (
            await session.execute(_readable_copies(user).where(Copy.id == copy_id))
        ).one_or_none()
        if row is None:
            raise StreamWeaveError("not_found")
        attempts = await session.scalars(
            select(Attempt)
            .where(Attempt.copy_id == copy_id)
            .order_by(Attempt.number.desc())
            .limit(100)
        )
        return TransferView(*row), list(attempts)


def _may_run() -> Any:
    # Without its own destination name a copy can only be planned anew, unless the name was taken.
    return or_(Copy.dest_key.is_not(None), Copy.error_code == "destination_taken")


async def _requeue(session: AsyncSession, ids: list[uuid.UUID]) -> int:
    now = utcnow()
    moved = await session.execute(
        update(Copy)
        .where(Copy.id.in_(ids), Copy.state.in_(_RETRYABLE), _may_run())
        .values(
            state=CopyState.QUEUED,
            failures=0,
            losses=0,
            due_at=now,
            state_since=now,
            error_code=None,
            error_detail=None,
        )
        .returning(Copy.id)
        .execution_options(synchronize_session=False)
    )
    return len(moved.all())


async def retry_transfer(database: Database, actor: str, copy_id: uuid.UUID) -> None:
    """Put one failed or conflicting copy back in line.

    Raises:
        StreamWeaveError: `not_retryable` in any other state.
    """

    async def work(session: AsyncSession) -> None:
        copy = await find(session, Copy, copy_id)
        before = {"state": copy.state, "error_code": copy.error_code}
        if not await _requeue(session, [copy_id]):
            raise StreamWeaveError("not_retryable", f"The copy is {copy.state}.")
        await audit.record(
            session,
            actor=actor,
            action="copy.retried",
            subject=f"copy:{copy_id}",
            details={"old": before},
            instrument_id=copy.instrument_id,
        )

    await database.run(work)


async def retry_transfers(database: Database, actor: str, narrowed: TransferFilter) -> int:
    """Put all failed and conflicting copies of a filter back in line; return how many."""
    total, last = 0, uuid.UUID(int=0)
    while True:
        count, moved, last = await _retry_batch(database, actor, narrowed, last)
        total += moved
        if count < _BATCH:
            return total


async def _retry_batch(
    database: Database, actor: str, narrowed: TransferFilter, after: uuid.UUID
) -> tuple[int, int, uuid.UUID]:
    async def work(session: AsyncSession) -> tuple[int, int, uuid.UUID]:
        query = (
            select(Copy.id)
            .where(Copy.state.in_(_RETRYABLE), Copy.id > after)
            .order_by(Copy.id)
            .limit(_BATCH)
            .with_for_update()
        )
        ids = list(await session.scalars(narrowed.apply(query)))
        if not ids:
            return 0, 0, after
        moved = await _requeue(session, ids)
        await audit.record(
            session,
            actor=actor,
            action="copies.retried",
            subject=f"copies:{ids[0]}",
            details={
                "filter": plain(vars(narrowed)),
                "count": moved,
                "copies": [str(one) for one in ids],
            },
            # An event belongs to one instrument, or to admins alone.
            instrument_id=narrowed.instruments[0] if len(narrowed.instruments) == 1 else None,
        )
        return len(ids), moved, ids[-1]

    return await database.run(work)
