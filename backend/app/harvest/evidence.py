"""The audit event of a batch of attempts: its Merkle root proves each attempt of it alone."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.harvest.ports import Ports
from app.harvest.store import claiming
from app.harvest.store.attempts import AttemptBatch


async def record_attempts(
    session: AsyncSession,
    ports: Ports,
    action: str,
    attempts: AttemptBatch,
    *,
    instrument_id: uuid.UUID | None,
) -> None:
    """Record one event for the attempts, in their own transaction; nothing when there are none."""
    if not attempts.leaves:
        return
    subject = f"instrument:{instrument_id}" if instrument_id else f"attempts:{attempts.id}"
    await ports.record(
        session,
        actor=f"worker:{ports.settings.worker}",
        action=action,
        subject=subject,
        details={
            "batch": str(attempts.id),
            "attempts": len(attempts.leaves),
            "merkle_root": ports.merkle_root(attempts.leaves).hex(),
        },
        instrument_id=instrument_id,
    )


async def reap(database: Database, ports: Ports) -> None:
    """Queue again what dead workers held, until nothing of them is left."""

    async def work(session: AsyncSession) -> bool:
        lost = await claiming.reap_lost(session)
        if lost is None:
            return False
        await record_attempts(session, ports, "copies.lost", lost, instrument_id=None)
        return True

    while await database.run(work):
        pass
