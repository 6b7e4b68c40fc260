"""Look: open the files that have been quiet, judge them, and plan what is complete.

One batch at a time: stat by opening, verdicts, plans, then one transaction for all of it.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import from_ns, utcnow
from app.errors import ErrorClass, StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.plan import Latest, SettledFile, Work, plan_file
from app.harvest.ports import Complete, Decision, Decisions, Ports
from app.harvest.retry import INSTRUMENT_LEVEL
from app.harvest.scan import BY_HOOK, ScanLease
from app.harvest.settle import QuietTime, Seen
from app.harvest.store import journals, planning, scanning
from app.harvest.store.news import tell
from app.harvest.store.prepared import chunks
from app.harvest.store.scanning import Candidate
from app.models import FileState
from app.transfers.base import FileFacts, Source

BATCH = 200
_AHEAD = 4
_HELD_SECONDS = 300.0
_AS_USUAL = Decision()


@dataclass
class LookReport:
    """What looking at quiet files led to."""

    looked: int = 0
    settled: int = 0
    queued_copies: int = 0
    held: int = 0

    def add(self, other: "LookReport") -> None:
        """Add what another look led to."""
        self.looked += other.looked
        self.settled += other.settled
        self.queued_copies += other.queued_copies
        self.held += other.held


@dataclass
class _Verdicts:
    settled: list[tuple[Candidate, FileFacts]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)  # still settling
    held: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)  # by hooks


async def look(lease: ScanLease, source: Source, ports: Ports) -> LookReport:
    """Judge every candidate once, batch by batch, and plan those that are complete."""
    report = LookReport()
    while files := await lease.database.ask(
        lambda s: scanning.candidates(
            s, lease.instrument.id, lease.instrument.quiet_seconds, BATCH * _AHEAD
        )
    ):
        async with aclosing(_asked(source, files)) as batches:
            async for batch, answers in batches:
                verdicts = _judge(lease, batch, answers, utcnow())
                report.looked += len(batch)
                report.settled += len(verdicts.settled)
                decisions = await _ask_hooks(lease, verdicts, source, ports)
                report.queued_copies += await _write(lease, verdicts, ports, decisions)
                report.held += len(verdicts.held)
                lease.planned()
                crash_point("after_plan")
    return report


async def _asked(
    source: Source, files: Sequence[Candidate]
) -> AsyncGenerator[tuple[Sequence[Candidate], Sequence[FileFacts | StreamWeaveError]], None]:
    """Ask batch by batch; the next one is asked for while the caller writes the last one."""
    batches = list(chunks(files, BATCH))

    def ask(number: int) -> asyncio.Future[Sequence[FileFacts | StreamWeaveError]]:
        paths = [file.path_bytes for file in batches[number]] if number < len(batches) else []
        return asyncio.ensure_future(source.stat(paths))

    asking = ask(0)
    try:
        for number, batch in enumerate(batches):
            answers = await asking
            asking = ask(number + 1)
            yield batch, answers
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def _judge(
    lease: ScanLease,
    files: Sequence[Candidate],
    answers: Sequence[FileFacts | StreamWeaveError],
    now: datetime,
) -> _Verdicts:
    policy = QuietTime(lease.instrument.quiet_seconds)
    verdicts = _Verdicts()
    for file, answer in zip(files, answers, strict=True):
        if isinstance(answer, StreamWeaveError):
            _judge_error(file, answer, now, verdicts)
            continue
        seen = Seen(FileFacts(file.size_bytes, file.mtime_ns), file.unchanged_since)
        verdict = policy.judge(seen, answer, now)
        if not verdict.settled:
            verdicts.rows.append(
                {
                    "id": file.id,
                    "size_bytes": verdict.seen.facts.size_bytes,
                    "mtime_ns": verdict.seen.facts.mtime_ns,
                    "unchanged_since": verdict.seen.unchanged_since,
                    "next_try_at": verdict.look_again_at,
                    "state": FileState.SETTLING.value,
                    "reason_code": None,
                    "reason": None,
                }
            )
        elif not lease.instrument.destinations:
            _hold(file, StreamWeaveError("storage_not_configured"), now, verdicts)
        elif lease.cannot_plan is not None:
            _hold(file, lease.cannot_plan, now, verdicts)
        else:
            verdicts.settled.append((file, answer))
    return verdicts


def _judge_error(
    file: Candidate, error: StreamWeaveError, now: datetime, verdicts: _Verdicts
) -> None:
    """A file that cannot be asked is held with its cause; the source's own trouble stops all."""
    if error.code in INSTRUMENT_LEVEL:
        raise error
    _hold(file, error, now, verdicts)


def _hold(file: Candidate, error: StreamWeaveError, now: datetime, verdicts: _Verdicts) -> None:
    soon = error.error_class in (ErrorClass.TRANSIENT, ErrorClass.SOURCE_CHANGED)
    wait = timedelta(seconds=_HELD_SECONDS / 10 if soon else _HELD_SECONDS)
    verdicts.held.append(
        {
            "id": file.id,
            "state": FileState.HELD.value,
            "reason_code": error.code,
            "reason": error.detail,
            "next_try_at": now + wait,
        }
    )


async def _ask_hooks(
    lease: ScanLease, verdicts: _Verdicts, source: Source, ports: Ports
) -> Decisions | None:
    """Ask the hooks about what is new of the complete files; the lease is kept meanwhile.

    A version that is being made was decided about: what is only aimed anew is not asked again.
    """
    if not lease.instrument.has_hooks or ports.pre_transfer is None or not verdicts.settled:
        return None
    ids = [file.id for file, _ in verdicts.settled if file.latest_version]
    latest = await lease.database.ask(lambda s: planning.latest_versions(s, ids))
    files = [
        Complete(file.id, file.path_bytes, facts)
        for file, facts in verdicts.settled
        if (known := latest.get(file.id)) is None or (known.is_fixed and known.facts != facts)
    ]
    if not files:
        return None
    keeper = asyncio.create_task(_keep(lease))
    try:
        return await ports.pre_transfer(lease.instrument, files, source)
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep(lease: ScanLease) -> None:
    while True:
        await asyncio.sleep(lease.lease_seconds / 3)
        await lease.database.run(lease.fence)


def _obey(verdicts: _Verdicts, decisions: Decisions, now: datetime) -> dict[uuid.UUID, Decision]:
    """Take out of the complete files what is left out or waits; return what goes elsewhere."""
    going: list[tuple[Candidate, FileFacts]] = []
    decided: dict[uuid.UUID, Decision] = {}
    for file, facts in verdicts.settled:
        decision = decisions.of(file.id)
        if decision.error is not None:
            _hold(file, decision.error, now, verdicts)
        elif decision.skipped is not None:
            verdicts.skipped.append(_skipped_row(file, facts, decision.skipped))
        else:
            going.append((file, facts))
            decided[file.id] = decision
    verdicts.settled = going
    return decided


def _skipped_row(file: Candidate, facts: FileFacts, reason: str) -> dict[str, Any]:
    return {
        "id": file.id,
        "state": FileState.SKIPPED.value,
        "reason_code": BY_HOOK,
        "reason": reason,
        "size_bytes": facts.size_bytes,
        "mtime_ns": facts.mtime_ns,
        "next_try_at": None,
    }


async def _write(
    lease: ScanLease, verdicts: _Verdicts, ports: Ports, decisions: Decisions | None
) -> int:
    decided = {} if decisions is None else _obey(verdicts, decisions, utcnow())

    async def work(session: AsyncSession) -> int:
        await lease.fence(session)
        await scanning.update_files(session, verdicts.rows)
        if decisions is not None:
            await decisions.note(session)
            await scanning.update_files(session, verdicts.skipped)
            if verdicts.skipped:
                await tell(session, "files.seen", lease.instrument.id, count=len(verdicts.skipped))
        plans, unplanned = await _plans(lease, verdicts, session, decided)
        held = [*verdicts.held, *unplanned]
        await scanning.update_files(session, held)
        if held:
            count = len(held)
            await tell(session, "files.held", lease.instrument.id, state="held", count=count)
        return await planning.save(session, lease.instrument.id, plans, ports.mint)

    return await lease.database.run(work)


async def _plans(
    lease: ScanLease,
    verdicts: _Verdicts,
    session: AsyncSession,
    decided: Mapping[uuid.UUID, Decision],
) -> tuple[list[Work], list[dict[str, Any]]]:
    """Return the work, and files of which none can be made: they wait, and hold up no other."""
    known = [file.id for file, _ in verdicts.settled if file.latest_version]
    latest = await planning.latest_versions(session, known)
    journal = await journals.known(
        session, lease.instrument.id, [file.path_hash for file, _ in verdicts.settled]
    )
    plans: list[Work] = []
    unplanned = _Verdicts()
    for file, facts in verdicts.settled:
        decision = decided.get(file.id, _AS_USUAL)
        settled = replace(
            _settled(lease, file, facts, latest.get(file.id)),
            journal=journal.get((file.path_hash, file.incarnation)),
            dest_path=decision.dest_path,
        )
        places = decision.destinations
        try:
            plans.append(plan_file(settled, places or lease.instrument.destinations))
        except StreamWeaveError as error:
            _hold(file, error, utcnow(), unplanned)
    return plans, unplanned.held


def _settled(
    lease: ScanLease, file: Candidate, facts: FileFacts, latest: Latest | None
) -> SettledFile:
    return SettledFile(
        source_file_id=file.id,
        path=file.path_bytes,
        incarnation=file.incarnation,
        facts=facts,
        latest=latest,
        is_backlog=lease.first_scan and from_ns(facts.mtime_ns) < lease.instrument.created_at,
    )
