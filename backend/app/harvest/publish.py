"""Publish: give a proven temporary its final name, or adopt what stands there, or call a conflict.

The caller has committed the intent. Here: link (fails if the name exists), look that the object
is the one that was read back, sync the directory. A storage that publishes by writing (S3) writes
under the final name here (fails if the name exists), and is read back after it. What a crash
leaves at each line stands in `crash.py`; `recover` is the next claimant's look at it.
"""

import asyncio
from collections.abc import Sequence

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.prove import compare, not_enough
from app.harvest.work import ClaimedCopy, Failure, Proof
from app.transfers.base import ObjectFacts, Overwriting, ReadBack, StorageBatch, Target


async def publish(
    proofs: Sequence[Proof], destination: StorageBatch
) -> tuple[list[Proof], list[Failure]]:
    """Publish a batch whose intent is committed; return what is in place durably, and the rest."""
    done: list[Proof] = []
    failures: list[Failure] = []
    pending = list(reversed(proofs))

    async def work() -> None:
        while pending:
            proof = pending.pop()
            error = await _publish_one(proof, destination)
            crash_point("after_link")
            if error is None:
                done.append(proof)
            else:
                failures.append(Failure(proof.copy, error, nothing_stands=_is_withdrawn(error)))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(destination.capabilities.concurrency, len(proofs))):
            group.create_task(work())
    if done:
        await destination.sync_names([proof.copy.target for proof in done])
    crash_point("after_sync_names")
    return done, failures


async def _publish_one(proof: Proof, destination: StorageBatch) -> StreamWeaveError | None:
    target = proof.copy.target
    try:
        published = await destination.publish(target)
        if published is None:
            return await adopt(proof, destination, target)
    except StreamWeaveError as error:
        return error
    proof.facts["outcome"] = "published"
    overwriting = destination.capabilities.overwriting
    if overwriting is not Overwriting.REFUSED:
        proof.facts["overwriting"] = overwriting.value
    proof.facts["published_at"] = utcnow().isoformat()
    if destination.capabilities.publishes_by_writing:
        return await _prove_published(proof, destination, published)
    if published != ObjectFacts(str(proof.facts["object_id"]), proof.bytes_received):
        # Mounts by a program may tell another time of the same file later: its content decides.
        return await _prove_published(proof, destination, published)
    return None


async def _prove_published(
    proof: Proof, destination: StorageBatch, published: ObjectFacts
) -> StreamWeaveError | None:
    """Read back what stands published; what was published by writing and differs is taken away.

    A crash before this leaves an object that its intent speaks of: `recover` reads it.
    """
    (found,) = await destination.read_back([proof.copy.target], final=True)
    if isinstance(found, StreamWeaveError):
        return found
    proof.object_id = published.object_id
    error = compare(proof, found)
    if error is not None and await destination.withdraw(proof.copy.target):
        return Withdrawn(error)
    return error


class Withdrawn(StreamWeaveError):
    """What was published by writing it differed, and does not stand there any more."""

    def __init__(self, because: StreamWeaveError) -> None:
        super().__init__(because.code, f"{because.detail} It was removed.")


def _is_withdrawn(error: StreamWeaveError) -> bool:
    return isinstance(error, Withdrawn)


async def adopt(proof: Proof, destination: StorageBatch, target: Target) -> StreamWeaveError | None:
    """Take what stands at the name when its content is the same: synced, then read back."""
    standing, _ = await destination.look(target)
    if standing is not None and standing.size_bytes == proof.bytes_received:
        found = await _read_back(destination, target, final=True)
        if found.sha256 == proof.sha256 and found.size_bytes == proof.bytes_received:
            if (error := not_enough(proof.copy, found)) is not None:
                # Written by this very copy before a crash: nothing unproven stays published.
                return Withdrawn(error) if await destination.withdraw(target) else error
            proof.facts["outcome"] = "adopted"
            proof.facts.setdefault("object_id", found.object_id)
            proof.facts["read_back_sha256"] = found.sha256.hex()
            proof.facts["read_back_bytes"] = found.size_bytes
            proof.facts["read_back_at"] = utcnow().isoformat()
            proof.facts["adopted_object"] = found.object_id
            proof.facts["read_back_from"] = found.read_back_from.value
            proof.facts["published_at"] = utcnow().isoformat()
            return None
    if await destination.withdraw(target):
        # Written by this very copy before a crash, and not what it should be.
        return Withdrawn(StreamWeaveError("read_back_mismatch", "What was published differs."))
    size = standing.size_bytes if standing else "unknown"
    return StreamWeaveError(
        "destination_conflict",
        f"An object of {size} bytes stands there; this one has {proof.bytes_received} bytes "
        f"and SHA-256 {proof.sha256.hex()}.",
    )


async def _read_back(destination: StorageBatch, target: Target, *, final: bool = False) -> ReadBack:
    (found,) = await destination.read_back([target], final=final)
    if isinstance(found, StreamWeaveError):
        raise found
    return found


async def recover(
    copies: Sequence[ClaimedCopy], destination: StorageBatch
) -> tuple[list[Proof], list[Failure], list[ClaimedCopy]]:
    """Look at copies whose worker died while publishing.

    Returns:
        What is in place and proven, what is a conflict or an error, and what left nothing behind
        (these are queued again).
    """
    done: list[Proof] = []
    failures: list[Failure] = []
    gone: list[ClaimedCopy] = []
    for copy in copies:
        proof = proof_of_intent(copy)
        try:
            error, stands = await _recover_one(proof, destination)
        except StreamWeaveError as raised:
            error, stands = raised, True
        if not stands:
            gone.append(copy)
        elif error is not None:
            failures.append(Failure(copy, error, nothing_stands=_is_withdrawn(error)))
        else:
            done.append(proof)
    if done:
        await destination.sync_names([proof.copy.target for proof in done])
    return done, failures, gone


async def _recover_one(
    proof: Proof, destination: StorageBatch
) -> tuple[StreamWeaveError | None, bool]:
    """Return an error or None, and whether anything of ours or at the name stands."""
    target = Target(proof.copy.dest_path, proof.copy.copy_id, int(proof.facts["attempt"]))
    final, temporary = await destination.look(target)
    if final is None and temporary is None:
        return None, False
    if final is None:
        found = await _read_back(destination, target)
        if found.sha256 != proof.sha256:
            await destination.remove_temporary(target)
            return None, False
        published = await destination.publish(target)
        if published is not None:
            proof.facts["outcome"] = "resumed"
            proof.facts["resumed_at"] = utcnow().isoformat()
            await destination.remove_temporary(target)
            return None, True
    # Ours or another's: either way it is synced, read back and compared before it counts.
    error = await adopt(proof, destination, target)
    if error is None and final is not None:
        if final.object_id == proof.facts.get("object_id"):
            proof.facts["outcome"] = "resumed"
        await destination.remove_temporary(target)
    return error, True


def proof_of_intent(copy: ClaimedCopy) -> Proof:
    """Return the proof that the dead worker had committed."""
    facts = dict(copy.intent or {})
    return Proof(
        copy=copy,
        sha256=bytes.fromhex(str(facts.get("received_sha256", ""))),
        bytes_received=int(facts.get("received_bytes", -1)),
        object_id=str(facts.get("object_id", "")),
        facts=facts,
    )
