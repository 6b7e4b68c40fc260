"""Attempts: one row a try, and one audit event a batch with the Merkle root over its attempts."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.store.bulk import insert_rows
from app.models import Attempt, new_id

ATTEMPTS = cast(Table, Attempt.__table__)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A finished try."""

    copy_id: uuid.UUID
    number: int
    aim: int
    outcome: str
    worker: str
    started_at: datetime
    ended_at: datetime
    error_code: str | None = None
    error_detail: str | None = None
    evidence: dict[str, Any] | None = None


def leaf(row: AttemptRow) -> bytes:
    """Return what the Merkle tree holds of an attempt: its facts, canonical (RFC 8785)."""
    facts = asdict(row)
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).digest()


async def insert_attempts(session: AsyncSession, rows: Sequence[AttemptRow]) -> list[bytes]:
    """Insert the attempts; return their leaves in the same order."""
    await insert_rows(session, ATTEMPTS, [{"id": new_id(), **asdict(row)} for row in rows])
    return [leaf(row) for row in rows]
