"""The audit trail: recorded unchained with the fact, sealed into a hash chain afterwards.

`record` writes the event in the business transaction with a row in `audit_pending`. One sealer,
under a lease, moves pending events into `audit_links`: hash = SHA-256(previous || canonical),
h_0 = 32 zero bytes, canonical = JSON with sorted keys and no spaces (RFC 8785 for our values:
strings, integers, booleans). Two sealers cannot fork the chain: sequence number, event and
previous hash are unique.

Promised: no event without its fact, no fact without its event; any change is found by `verify`.
Not promised: a chain cannot tell that its owner rewrote all of it; anchor its head elsewhere.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.store.news import tell
from app.models import AuditEvent, AuditLink, AuditPending, new_id

EVENTS = cast(Table, AuditEvent.__table__)
PENDING = cast(Table, AuditPending.__table__)
GENESIS = bytes(32)
# Of these each copy has an outbox row of its own.
_TOLD_OTHERWISE = ("copies.proven", "copies.failed")


def canonical_json(value: Mapping[str, Any]) -> str:
    """Return the text that is hashed: sorted keys, no spaces, UTF-8 (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree head of the leaves (RFC 9162, section 2.1.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    # Pairing neighbours and lifting an odd last one gives the RFC's split at powers of two.
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest()
            for i in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


async def record(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
    instrument_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Write one event in the caller's transaction and return its id.

    Whatever is audited is news as well: pages that show it hear of it by the outbox.

    Args:
        session: the transaction of the fact itself.
        actor: `user:<id>`, `worker:<name>`, `system` or `anonymous`; never a name or an e-mail
            address.
        action: what was done, `noun.verb`.
        subject: what it was done to, `kind:<id>`.
        details: old and new values, without secrets; JSON values only, no floats.
        instrument_id: who may see the instrument may see the event.
    """
    event_id, now = new_id(), utcnow()
    body = {
        "id": str(event_id),
        "at": now.isoformat(),
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": dict(details or {}),
    }
    await session.execute(
        EVENTS.insert().values(
            id=event_id,
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            instrument_id=instrument_id,
            canonical=canonical_json(body),
        )
    )
    await session.execute(PENDING.insert().values(event_id=event_id))
    if action not in _TOLD_OTHERWISE:
        kind, _, key = subject.partition(":")
        await tell(session, action, instrument_id, **{f"{kind}_id": key})
    return event_id


async def seal(session: AsyncSession, *, limit: int = 500) -> int:
    """Move up to `limit` pending events into the chain; return how many were sealed."""
    last = (
        await session.execute(
            select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq.desc()).limit(1)
        )
    ).first()
    seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
    pending = (
        await session.execute(
            select(AuditEvent.id, AuditEvent.canonical)
            .join(AuditPending, AuditPending.event_id == AuditEvent.id)
            .order_by(AuditEvent.id)
            .limit(limit)
        )
    ).all()
    now, links = utcnow(), []
    for event in pending:
        seq += 1
        digest = hashlib.sha256(previous + event.canonical.encode()).digest()
        links.append(
            {
                "seq": seq,
                "event_id": event.id,
                "previous_hash": previous,
                "hash": digest,
                "sealed_at": now,
            }
        )
        previous = digest
    if links:
        await session.execute(insert(AuditLink), links)
        await session.execute(
            delete(AuditPending).where(AuditPending.event_id.in_([e.id for e in pending]))
        )
    return len(links)


@dataclass(frozen=True)
class Verification:
    """What `verify` found. `broken_at` is the first sequence number that does not fit."""

    sealed: int
    unsealed: int
    head: str
    broken_at: int | None
    broken_batch: str | None = None  # a batch whose attempts no longer fit their Merkle root

    @property
    def intact(self) -> bool:
        """Whether the whole chain fits, and the attempts fit it."""
        return self.broken_at is None and self.broken_batch is None


async def verify(session: AsyncSession, *, page: int = 2000) -> Verification:
    """Compute the chain anew, in pages, and count the tail that is not sealed yet."""
    seq, previous, broken = 0, GENESIS, None
    while broken is None:
        rows = (
            await session.execute(
                select(AuditLink.seq, AuditLink.previous_hash, AuditLink.hash, AuditEvent.canonical)
                .outerjoin(AuditEvent, AuditEvent.id == AuditLink.event_id)
                .where(AuditLink.seq > seq)
                .order_by(AuditLink.seq)
                .limit(page)
            )
        ).all()
        if not rows:
            break
        for row in rows:
            digest = hashlib.sha256(previous + (row.canonical or "").encode()).digest()
            if (row.seq, row.previous_hash, row.hash) != (seq + 1, previous, digest):
                broken = seq + 1
                break
            seq, previous = row.seq, digest
    unsealed = (await session.execute(select(func.count()).select_from(AuditPending))).scalar_one()
    unlinked = (
        await session.execute(
            select(func.count())
            .select_from(AuditEvent)
            .outerjoin(AuditLink, AuditLink.event_id == AuditEvent.id)
            .outerjoin(AuditPending, AuditPending.event_id == AuditEvent.id)
            .where(AuditLink.seq.is_(None), AuditPending.event_id.is_(None))
        )
    ).scalar_one()
    if broken is None and unlinked:
        broken = seq + 1  # an event that is neither sealed nor pending was slipped in
    return Verification(sealed=seq, unsealed=unsealed, head=previous.hex(), broken_at=broken)
