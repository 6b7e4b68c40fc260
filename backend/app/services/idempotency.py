"""Idempotency keys: a trigger that comes twice with one key is answered once.

What is triggered must itself be safe to repeat: two requests that come at the same moment may both
act, and then the first stored answer is given to both.
"""

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import IdempotencyKey

_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Trigger:
    """A request that may be repeated: who asks for what, under which key."""

    user_id: uuid.UUID
    key: str
    request: Mapping[str, Any]

    @property
    def scope_hash(self) -> bytes:
        """The key, for this person only."""
        return hashlib.sha256(f"{self.user_id}\n{self.key}".encode()).digest()

    @property
    def request_hash(self) -> bytes:
        """What is asked for."""
        return hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).digest()


def _replay(trigger: Trigger, stored: IdempotencyKey) -> dict[str, Any]:
    if stored.request_hash != trigger.request_hash:
        raise StreamWeaveError("idempotency_mismatch")
    return dict(stored.body)


async def once(
    database: Database,
    trigger: Trigger,
    status: int,
    act: Callable[[], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Act, or give the answer that the same key got before.

    Raises:
        StreamWeaveError: `idempotency_mismatch` when the key was used for something else.
    """
    async with database.read() as session:
        stored = await session.get(IdempotencyKey, trigger.scope_hash)
    if stored is not None and stored.created_at > utcnow() - _KEPT:
        return _replay(trigger, stored)
    body = await act()

    async def work(session: AsyncSession) -> None:
        now = utcnow()
        await session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - _KEPT)
        )
        session.add(
            IdempotencyKey(
                scope_hash=trigger.scope_hash,
                request_hash=trigger.request_hash,
                status=status,
                body=body,
                created_at=now,
            )
        )

    try:
        await database.run(work)
    except IntegrityError:
        async with database.read() as session:
            first = await session.get_one(IdempotencyKey, trigger.scope_hash)
        return _replay(trigger, first)
    return body
