"""Prove: make a batch durable, read it back, compare, and ask the source again.

The order is the promise: the read-back comes after the sync and through a new opening, the source
is asked after the read, by opening. Only what passes all of it goes on to `publish`.
"""

from collections.abc import Sequence

import orjson

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.work import ClaimedCopy, Failure, Proof
from app.transfers.base import FileFacts, ReadBack, Source, StorageBatch
from app.transfers.paths import display


def journal_lines(proofs: Sequence[Proof], instrument: str) -> bytes:
    """Return what the destination's journal keeps of a batch: one JSON object a line, format 1."""
    lines = []
    for proof in proofs:
        copy = proof.copy
        line = {
            "format": 1,
            "ark": copy.ark,
            "version": copy.version_number,
            "instrument": instrument,
            "path_hex": copy.path.hex(),
            "incarnation": copy.incarnation,
            "size_bytes": copy.expected.size_bytes,
            "mtime_ns": copy.expected.mtime_ns,
            "sha256": proof.sha256.hex(),
            "destination": display(copy.dest_path),
            "destination_hex": copy.dest_path.hex(),
            "copy": str(copy.copy_id),
            "attempt": copy.attempt,
        }
        lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


async def prove(
    proofs: Sequence[Proof],
    source: Source | None,
    destination: StorageBatch,
    instrument: str | None,
) -> tuple[list[Proof], list[Failure]]:
    """Return the files whose bytes are proven, and those whose are not.

    `source` is None when a copy is filled from a proven one: its hash is fixed already.
    `instrument` is None when nothing of it is to be known later: no line is journaled.
    """
    failures: list[Failure] = []
    lines = b"" if instrument is None else journal_lines(proofs, instrument)
    unsynced = await destination.make_durable([proof.copy.target for proof in proofs], lines)
    durable_at = utcnow().isoformat()
    crash_point("after_sync")
    durable = []
    for proof in proofs:
        if (error := unsynced.get(proof.copy.target)) is not None:
            failures.append(Failure(proof.copy, error))
        else:
            proof.facts["durable_at"] = durable_at
            durable.append(proof)
    if destination.capabilities.publishes_by_writing:
        same = durable  # there is nothing to read yet: `publish` reads back what it wrote
    else:
        same = await _read_back(durable, destination, failures)
    crash_point("after_read_back")
    if source is None:
        return same, failures
    return await _ask_again(same, source, failures), failures


async def _read_back(
    proofs: Sequence[Proof], destination: StorageBatch, failures: list[Failure]
) -> list[Proof]:
    found = await destination.read_back([proof.copy.target for proof in proofs])
    same = []
    for proof, answer in zip(proofs, found, strict=True):
        error = answer if isinstance(answer, StreamWeaveError) else compare(proof, answer)
        if error is None:
            same.append(proof)
        else:
            failures.append(Failure(proof.copy, error))
    return same


def compare(proof: Proof, found: ReadBack) -> StreamWeaveError | None:
    """Compare what was received with what was read back; note it in the evidence."""
    proof.facts["read_back_sha256"] = found.sha256.hex()
    proof.facts["read_back_bytes"] = found.size_bytes
    proof.facts["read_back_from"] = found.read_back_from.value
    proof.facts["read_back_at"] = utcnow().isoformat()
    proof.facts["object_id"] = found.object_id
    if found.sha256 != proof.sha256 or found.size_bytes != proof.bytes_received:
        detail = f"Received {proof.sha256.hex()[:16]}, read back {found.sha256.hex()[:16]}."
        return StreamWeaveError("read_back_mismatch", detail)
    if found.object_id != proof.object_id:
        return StreamWeaveError("read_back_mismatch", "Another object stands at the name.")
    return not_enough(proof.copy, found)


def not_enough(copy: ClaimedCopy, found: ReadBack) -> StreamWeaveError | None:
    """Return an error when the storage policy does not take such a read-back for proof."""
    if copy.enough is None or found.read_back_from.value in copy.enough:
        return None
    if found.size_bytes == 0:
        return None  # no byte of it came from anywhere
    asked = " or ".join(sorted(copy.enough))
    detail = f"It was read back from {found.read_back_from.value}; the policy asks for {asked}."
    return StreamWeaveError("read_back_not_enough", detail)


async def _ask_again(
    proofs: Sequence[Proof], source: Source, failures: list[Failure]
) -> list[Proof]:
    """Ask the source once more: its facts must be those of the observation that settled it."""
    if not proofs:
        return []
    try:
        answers = await source.stat([proof.copy.path for proof in proofs])
    except StreamWeaveError as error:
        failures.extend(Failure(proof.copy, error) for proof in proofs)
        return []
    asked_at = utcnow().isoformat()
    same = []
    for proof, answer in zip(proofs, answers, strict=True):
        if isinstance(answer, StreamWeaveError):
            failures.append(Failure(proof.copy, answer))
        elif answer != proof.copy.expected:
            failures.append(Failure(proof.copy, _changed(proof.copy.expected, answer)))
        else:
            after = {"size_bytes": answer.size_bytes, "mtime_ns": answer.mtime_ns, "at": asked_at}
            proof.facts["source_after"] = after
            same.append(proof)
    return same


def _changed(before: FileFacts, after: FileFacts) -> StreamWeaveError:
    return StreamWeaveError(
        "source_file_changed",
        f"Size {before.size_bytes} -> {after.size_bytes}, "
        f"mtime_ns {before.mtime_ns} -> {after.mtime_ns}.",
    )
