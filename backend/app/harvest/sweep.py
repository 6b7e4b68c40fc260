"""Sweep: remove temporaries that nobody works on any more.

Leases are read after the listing: a temporary that was listed before its claim was read can only
be older than the claim. Spared are copies in flight (of the same attempt, or any attempt while
publishing, because the intent may need it) and other installations' temporaries, which the
storage does not even name.
"""

import uuid
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database, lease_now
from app.models import Copy, CopyState, Run, RunOutcome, StorageLocation
from app.transfers.base import Storage

_BATCH = 200
_EVERY = timedelta(days=1)


async def sweep_when_due(database: Database, row: StorageLocation, storage: Storage) -> int:
    """Sweep a storage location once a day, after a run was lost, and when it is full."""
    began = utcnow()
    async with database.read() as session:
        lost = await session.scalar(
            select(Run.id)
            .where(
                Run.outcome == RunOutcome.LOST, Run.ended_at > (row.swept_at or Run.requested_at)
            )
            .limit(1)
        )
    is_full = row.error_code == "storage_full"
    if row.swept_at is not None and not (lost or is_full) and row.swept_at + _EVERY > began:
        return 0
    removed = await sweep(database, storage)

    async def note(session: AsyncSession) -> None:
        await session.execute(
            update(StorageLocation).where(StorageLocation.id == row.id).values(swept_at=began)
        )

    await database.run(note)
    return removed


async def sweep(database: Database, storage: Storage) -> int:
    """Remove orphaned temporaries of this installation; return how many."""
    removed = 0
    batch: list[tuple[bytes, uuid.UUID, int]] = []
    async for found in storage.temporaries():
        batch.append(found)
        if len(batch) >= _BATCH:
            removed += await _sweep_batch(database, storage, batch)
            batch = []
    return removed + await _sweep_batch(database, storage, batch)


async def _sweep_batch(
    database: Database, storage: Storage, batch: list[tuple[bytes, uuid.UUID, int]]
) -> int:
    if not batch:
        return 0
    async with database.read() as session:
        spared = await _in_use(session, [copy_id for _, copy_id, _ in batch])
    removed = 0
    for path, copy_id, attempt in batch:
        if (copy_id, attempt) in spared or (copy_id, None) in spared:
            continue
        await storage.remove(path)
        removed += 1
    return removed


async def _in_use(
    session: AsyncSession, copy_ids: list[uuid.UUID]
) -> set[tuple[uuid.UUID, int | None]]:
    rows = await session.execute(
        select(
            Copy.id,
            Copy.attempt,
            Copy.state,
            (Copy.lease_until_ms >= lease_now(session)).label("leased"),
        ).where(
            Copy.id.in_(copy_ids),
            Copy.state.in_([CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING]),
        )
    )
    spared: set[tuple[uuid.UUID, int | None]] = set()
    for row in rows:
        if row.state == CopyState.PUBLISHING:
            spared.add((row.id, None))
        elif row.leased:
            spared.add((row.id, row.attempt))
    return spared
