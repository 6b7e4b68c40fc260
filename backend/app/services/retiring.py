"""Emptying a storage location: nothing new goes there, all is copied elsewhere, then it ends.

Draining puts another location into every policy that names this one, with a back-fill from the
copies that lie here. Retiring is refused until each proven copy here has a proven one elsewhere;
then the copies here are `removed` by authority, with the reason. No file is deleted.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.states import sources_of
from app.models import Copy, CopyState, InstrumentStorage, StorageLocation, StorageState
from app.services import audit
from app.services.edits import InvalidField, find, guarded_update
from app.services.instruments import Editor
from app.services.policies import check_enough


@dataclass(frozen=True)
class Emptying:
    """How far a location is from holding nothing that is not elsewhere, too."""

    proven_here: int
    only_here: int
    waiting_elsewhere: int


async def emptying(database: Database, storage_id: uuid.UUID) -> Emptying:
    """Count the proven copies of a location, and those that are proven nowhere else."""
    async with database.read() as session:
        await find(session, StorageLocation, storage_id)
        here = await session.scalar(select(func.count()).select_from(_proven_at(storage_id)))
        alone = await session.scalar(select(func.count()).select_from(_only_at(storage_id)))
        waiting = await session.scalar(
            select(func.count(Copy.id)).where(
                Copy.follows == storage_id,
                Copy.state.in_([CopyState.QUEUED, CopyState.RETRY_WAIT]),
            )
        )
    return Emptying(int(here or 0), int(alone or 0), int(waiting or 0))


def _proven_at(storage_id: uuid.UUID) -> Any:
    return (
        select(Copy.id)
        .where(Copy.storage_location_id == storage_id, Copy.state == CopyState.AVAILABLE)
        .subquery()
    )


def _only_at(storage_id: uuid.UUID) -> Any:
    other = aliased(Copy)
    return (
        select(Copy.id)
        .where(
            Copy.storage_location_id == storage_id,
            Copy.state == CopyState.AVAILABLE,
            ~exists().where(
                other.version_id == Copy.version_id,
                other.storage_location_id != storage_id,
                other.state == CopyState.AVAILABLE,
            ),
        )
        .subquery()
    )


async def drain(
    editor: Editor, storage_id: uuid.UUID, revision: int, to_id: uuid.UUID
) -> StorageLocation:
    """Let nothing new go to a location, and copy what lies there to another one.

    Raises:
        StreamWeaveError: `invalid_request` when the other one is the same or takes nothing.
    """

    async def work(session: AsyncSession) -> StorageLocation:
        location = await find(session, StorageLocation, storage_id)
        other = await session.get(StorageLocation, to_id)
        if other is None or other.id == storage_id or other.state != StorageState.ACTIVE:
            raise InvalidField("/to", "Name another storage location that takes files.")
        await guarded_update(session, location, revision, {"state": StorageState.DRAINING})
        policies = await session.scalars(
            select(InstrumentStorage).where(InstrumentStorage.storage_location_id == storage_id)
        )
        for policy in policies.all():
            await _lead_to(session, policy, other)
        await audit.record(
            session,
            actor=editor.actor,
            action="storage.draining",
            subject=f"storage:{storage_id}",
            details={"to": str(to_id)},
        )
        return location

    return await editor.database.run(work)


async def _lead_to(
    session: AsyncSession, policy: InstrumentStorage, other: StorageLocation
) -> None:
    """Give the policy's place to another location; folder, template and wished proof go along."""
    there = await session.get(InstrumentStorage, (policy.instrument_id, other.id))
    if there is None:
        check_enough(other, policy.enough, "/to")
        there = InstrumentStorage(
            instrument_id=policy.instrument_id,
            storage_location_id=other.id,
            required=policy.required,
            prefix=policy.prefix,
            template=policy.template,
            enough=policy.enough,
        )
        session.add(there)
    there.required = there.required or policy.required
    there.backfill_pending, there.backfill_after = True, None
    await session.delete(policy)
    await session.flush()


async def retire(
    editor: Editor, storage_id: uuid.UUID, revision: int, reason: str
) -> StorageLocation:
    """End a drained location: its copies are `removed`, its files stay where they are.

    Raises:
        StreamWeaveError: `in_use` while something is proven there and nowhere else, or goes there.
    """

    async def work(session: AsyncSession) -> StorageLocation:
        location = await find(session, StorageLocation, storage_id)
        if location.state != StorageState.DRAINING:
            raise StreamWeaveError("in_use", "Drain the storage location first.")
        alone = await session.scalar(select(func.count()).select_from(_only_at(storage_id)))
        if alone:
            raise StreamWeaveError("in_use", f"{alone} copies are proven only there.")
        await guarded_update(session, location, revision, {"state": StorageState.RETIRED})
        await session.execute(
            update(Copy)
            .where(
                Copy.storage_location_id == storage_id,
                Copy.state.in_(sources_of(CopyState.REMOVED)),
            )
            .values(
                state=CopyState.REMOVED,
                state_since=utcnow(),
                due_at=None,
                follows=None,
                dest_key=None,
                required=False,
                error_detail=reason,
            )
        )
        await audit.record(
            session,
            actor=editor.actor,
            action="storage.retired",
            subject=f"storage:{storage_id}",
            details={"reason": reason},
        )
        return location

    return await editor.database.run(work)
