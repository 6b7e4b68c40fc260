"""How far large files are, for people: written at each heartbeat, never for files of a moment."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.harvest.store.bulk import insert_rows
from app.harvest.store.news import tell
from app.harvest.transfer import Arriving
from app.models import Copy, CopyProgress

PROGRESS = cast(Table, CopyProgress.__table__)
LONG_SECONDS = 5.0


async def show_progress(
    database: Database, arriving: Mapping[uuid.UUID, Arriving], told: set[uuid.UUID]
) -> set[uuid.UUID]:
    """Write how much came of files that take long, and forget those that are done.

    Returns:
        The copies that have a row now.
    """
    now = monotonic()
    rows: list[dict[str, Any]] = [
        {
            "copy_id": one.copy.copy_id,
            "attempt": one.copy.attempt,
            "received_bytes": one.received,
            "at": utcnow(),
        }
        for one in list(arriving.values())
        if now - one.began >= LONG_SECONDS
    ]
    if rows or told:
        await database.run(lambda s: _write(s, rows, told))
    return {row["copy_id"] for row in rows}


async def _write(
    session: AsyncSession, rows: Sequence[dict[str, Any]], told: Iterable[uuid.UUID]
) -> None:
    ids = {row["copy_id"] for row in rows}
    await session.execute(delete(CopyProgress).where(CopyProgress.copy_id.in_(ids | set(told))))
    await insert_rows(session, PROGRESS, rows)
    instruments = await session.scalars(
        select(Copy.instrument_id).where(Copy.id.in_(ids)).distinct()
    )
    for instrument_id in instruments.all():
        await tell(session, "copies.progress", instrument_id)
