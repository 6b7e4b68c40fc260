"""The same content again: a new time of it is no new version.

A version is planned before its bytes are read; only then is it known whether they are others.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.clock import midnight
from app.harvest.store.news import tell
from app.harvest.store.proving import BEFORE_INTENT
from app.harvest.work import ClaimedCopy, Proof
from app.models import Copy, CopyState, SourceFile, Version


async def waiting_for_earlier(session: AsyncSession, proofs: Sequence[Proof]) -> set[uuid.UUID]:
    """Return the copies whose version has the content of the one before, which is being published.

    Whether that one is here is not known yet: a dead worker's copy is looked at when its lease is
    over. Asked in the transaction of the intent, so that its answer still holds. Afterwards such a
    version is taken back, or needed. Where a copy of the earlier one was given up it is needed now.
    """
    new = {
        p.copy.version_id: p for p in proofs if p.copy.sha256 is None and p.copy.version_number > 1
    }
    if not new:
        return set()
    mine, earlier, given_up = aliased(Version), aliased(Version), aliased(Copy)
    rows = await session.execute(
        select(mine.id, earlier.sha256)
        .join(
            earlier,
            (earlier.source_file_id == mine.source_file_id) & (earlier.number == mine.number - 1),
        )
        .where(
            mine.id.in_(new),
            exists().where(
                Copy.version_id == earlier.id,
                Copy.state.in_([CopyState.PUBLISHING, CopyState.AVAILABLE]),
            ),
            ~exists().where(
                given_up.version_id == earlier.id, given_up.state == CopyState.SUPERSEDED
            ),
        )
    )
    return {new[row.id].copy.copy_id for row in rows if row.sha256 == new[row.id].sha256}


async def withdraw_unchanged(session: AsyncSession, proofs: Sequence[Proof]) -> list[Proof]:
    """Take back versions whose content is that of the version before: a new mtime is no version.

    Only while the hash is not fixed, this worker holds the copy, and the earlier version is here
    with none of its copies given up: where one was, because the source changed, this version is
    needed. Returns those taken.
    """
    taken = []
    earlier = aliased(Version)
    of_earlier = (
        select(Copy.id)
        .join(earlier, earlier.id == Copy.version_id)
        .where(
            earlier.source_file_id == Version.source_file_id,
            earlier.number == Version.number - 1,
        )
    )
    is_here = of_earlier.where(Copy.state == CopyState.AVAILABLE)
    given_up = of_earlier.where(Copy.state == CopyState.SUPERSEDED)
    for proof in proofs:
        copy = proof.copy
        held = await session.scalar(
            select(Copy.id)
            .join(Version, Version.id == Copy.version_id)
            .where(
                Copy.id == copy.copy_id,
                Copy.attempt == copy.attempt,
                Copy.state.in_(BEFORE_INTENT),
                Version.sha256.is_(None),
                Version.aim == copy.aim,
                exists(is_here.correlate(Version)),
                ~exists(given_up.correlate(Version)),
            )
            .with_for_update(of=Copy)
        )
        if held is None:
            continue
        await _withdraw(session, copy)
        taken.append(proof)
    return taken


async def _withdraw(session: AsyncSession, copy: ClaimedCopy) -> None:
    instrument_id = await session.scalar(select(Copy.instrument_id).where(Copy.id == copy.copy_id))
    await session.execute(delete(Copy).where(Copy.version_id == copy.version_id))
    version = await session.get_one(Version, copy.version_id)
    planned_at = version.created_at
    await session.delete(version)
    await session.flush()
    earlier = copy.version_number - 1
    was_today = await session.scalar(
        select(Version.id).where(
            Version.source_file_id == copy.source_file_id,
            Version.number == earlier,
            Version.created_at >= midnight(planned_at),
        )
    )
    if was_today is None:
        # It was counted as a file of its day, and is none.
        at = planned_at.isoformat()
        await tell(session, "files.planned", instrument_id, count=-1, size_bytes=0, at=at)
    await session.execute(
        update(Version)
        .where(Version.source_file_id == copy.source_file_id, Version.number == earlier)
        .values(seen_mtime_ns=copy.expected.mtime_ns)
    )
    await session.execute(
        update(SourceFile)
        .where(
            SourceFile.id == copy.source_file_id,
            SourceFile.latest_version == copy.version_number,
        )
        .values(latest_version=earlier)
    )
