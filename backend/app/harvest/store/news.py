"""News: outbox rows that people's pages wait for, one a batch, in the transaction of the fact."""

import uuid
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.store.bulk import insert_rows
from app.models import Outbox, new_id

OUTBOX = cast(Table, Outbox.__table__)


async def tell(
    session: AsyncSession, topic: str, instrument_id: uuid.UUID | None = None, /, **payload: Any
) -> None:
    """Write one row; ids in `payload` as texts, values small."""
    row = {
        "id": new_id(),
        "topic": topic,
        "instrument_id": instrument_id,
        "created_at": utcnow(),
        "payload": payload,
    }
    await insert_rows(session, OUTBOX, [row])
