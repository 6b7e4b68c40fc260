"""Attempts: one row a try, and one audit event a batch with the Merkle root over its attempts.

The leaf of an attempt is the SHA-256 of its canonical facts, so that one file's proof (its row,
its index, the sibling hashes) stands alone, and a changed row no longer fits its batch's root.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

import orjson
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.store.bulk import insert_rows
from app.models import Attempt, new_id

ATTEMPTS = cast(Table, Attempt.__table__)
# As it was read, or written out already: it goes to two columns and into a leaf.
Evidence = dict[str, Any] | orjson.Fragment


def evidence_of(facts: dict[str, Any]) -> orjson.Fragment:
    """Return evidence written out once, in the order that a leaf needs."""
    return orjson.Fragment(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))


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
    evidence: Evidence | None = None


_FIELDS = tuple(one.name for one in fields(AttemptRow))


@dataclass(frozen=True, slots=True)
class AttemptBatch:
    """Attempts that were written together, and what the Merkle tree holds of them."""

    id: uuid.UUID
    leaves: tuple[bytes, ...]


def leaf(row: AttemptRow) -> bytes:
    """Return what the Merkle tree holds of an attempt: the hash of its facts (RFC 8785 JSON)."""
    facts = {name: getattr(row, name) for name in _FIELDS}
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).digest()


async def insert_attempts(session: AsyncSession, rows: Sequence[AttemptRow]) -> AttemptBatch:
    """Insert the attempts of one batch."""
    batch_id = new_id()
    await insert_rows(
        session,
        ATTEMPTS,
        [
            {"id": new_id(), "leaf_index": index} | {name: getattr(row, name) for name in _FIELDS}
            for index, row in enumerate(rows)
        ],
        {"batch_id": batch_id},
    )
    return AttemptBatch(batch_id, tuple(leaf(row) for row in rows))


async def stored_leaves(session: AsyncSession, batch_id: uuid.UUID) -> list[bytes]:
    """Return the leaves of a batch as its rows stand now."""
    rows = await session.scalars(
        select(Attempt).where(Attempt.batch_id == batch_id).order_by(Attempt.leaf_index)
    )
    return [leaf(AttemptRow(**{name: getattr(row, name) for name in _FIELDS})) for row in rows]
