"""Computes the audit trail anew from its rows: chain, Merkle roots, and what no link holds.

Written from the description of the format, not from the engine's code.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tests.faults.rows import Row, Tables

LEAF = (
    "copy_id", "number", "aim", "outcome", "worker", "started_at", "ended_at", "error_code",
    "error_detail", "evidence",
)  # fmt: skip
BATCHES = {"copies.proven", "copies.failed", "copies.lost"}


def broken_chain(tables: Tables) -> Iterator[str]:
    """Name what does not fit: a link, an event without one, an event that is not sealed."""
    events = {row["id"]: row for row in tables["audit_events"]}
    previous, linked = bytes(32), set()
    for place, link in enumerate(sorted(tables["audit_links"], key=lambda r: int(r["seq"])), 1):
        event = events.get(link["event_id"])
        text = event["canonical"] if event else ""
        digest = hashlib.sha256(previous + text.encode()).digest()
        if (link["seq"], link["previous_hash"], link["hash"]) != (place, previous, digest):
            yield f"Link {link['seq']} does not fit its event and the link before it."
            return
        linked.add(link["event_id"])
        previous = digest
    pending = {row["event_id"] for row in tables["audit_pending"]}
    for row in events.values():
        if row["id"] in pending:
            yield f"Event {row['id']} ({row['action']}) was never sealed."
        elif row["id"] not in linked:
            yield f"Event {row['id']} ({row['action']}) is in no link."


def broken_batches(tables: Tables) -> Iterator[str]:
    """Name batches of attempts that do not fit their audit event, and attempts without one."""
    attempts: dict[str, list[Row]] = {}
    for row in tables["attempts"]:
        attempts.setdefault(row["batch_id"], []).append(row)
    for event in tables["audit_events"]:
        if event["action"] not in BATCHES:
            continue
        details = json.loads(event["canonical"])["details"]
        rows = sorted(
            attempts.pop(uuid.UUID(details["batch"]).hex, []), key=lambda r: int(r["leaf_index"])
        )
        root = tree_head([leaf(row) for row in rows]).hex()
        if (len(rows), root) != (details["attempts"], details["merkle_root"]):
            yield f"The {len(rows)} attempts of batch {details['batch']} do not fit their event."
    for batch in attempts:
        yield f"The attempts of batch {batch} have no audit event."


def leaf(row: Row) -> bytes:
    """The hash of an attempt's facts as canonical JSON."""
    facts = {name: _plain(name, row[name]) for name in LEAF}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(uuid.UUID(value)) if name == "copy_id" else value


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree head of RFC 9162, by its recursive definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = tree_head(leaves[:split]), tree_head(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()
