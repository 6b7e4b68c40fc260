"""What needs a person: each thing once, with how many, since when, and what to do."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_now
from app.errors import CATALOGUE
from app.harvest.store.words import TROUBLED
from app.models import (
    AuditEvent,
    AuditPending,
    Copy,
    CopyState,
    FileState,
    Hook,
    Instrument,
    Run,
    RunOutcome,
    ServiceAccount,
    SourceFile,
    User,
    Worker,
)
from app.services.access import only_readable
from app.services.causes import Cause
from app.services.file_counts import EXACT_TO
from app.services.fill import Fill
from app.services.streams import Stream

_RECENT = timedelta(days=1)
_UNSEALED = timedelta(minutes=10)


class Severity(StrEnum):
    """How much it matters."""

    CRITICAL = "critical"  # files do not arrive, or are no longer what they were
    WARNING = "warning"  # it will come to that
    NOTICE = "notice"  # it went wrong and mends itself


_ORDER = list(Severity)


@dataclass(frozen=True)
class Need:
    """One thing; `name` is the instrument's, the storage location's or the account's."""

    kind: str
    severity: Severity
    sentence: str
    code: str | None = None
    remedy: str | None = None
    count: int = 1
    more: bool = False
    since: datetime | None = None
    name: str | None = None
    instrument_id: uuid.UUID | None = None
    storage_id: uuid.UUID | None = None
    service_account_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None


def _told(code: str | None) -> dict[str, Any]:
    entry = CATALOGUE.get(code or "")
    return {"code": code, "remedy": entry.remedy if entry else None}


def _many(count: int, what: str, is_one: str, are: str) -> str:
    plural = "copies" if what == "copy" else f"{what}s"
    return f"1 {what} {is_one}" if count == 1 else f"{count} {plural} {are}"


def _title(code: str | None) -> str:
    entry = CATALOGUE.get(code or "")
    return entry.title if entry else "The cause is not known."


async def read_needs(
    session: AsyncSession,
    user: User,
    streams: Sequence[Stream],
    fills: Sequence[Fill],
    causes: Sequence[Cause],
) -> list[Need]:
    """Return what needs a person, the worst first."""
    needs = [*_of_causes(causes), *_of_streams(streams), *_of_storage(fills)]
    needs += await _changed_copies(session, user)
    needs += await _left_out_files(session, user)
    needs += await _refused_accounts(session, user)
    needs += await _lost_runs(session, user)
    if user.is_superuser:
        needs += await _unserved_zones(session, streams)
        needs += await _unsealed(session)
        needs += await _stopped_hooks(session)
    return sorted(needs, key=lambda one: _ORDER.index(one.severity))


def _of_causes(causes: Iterable[Cause]) -> Iterator[Need]:
    for cause in causes:
        for state in (CopyState.CONFLICT, CopyState.FAILED):
            count = cause.states.get(state, 0)
            if not count:
                continue
            alone = cause.instruments[0] if len(cause.instruments) == 1 else None
            told = min(count, EXACT_TO)
            said = (
                _many(told, "copy", "failed", "failed")
                if state is CopyState.FAILED
                else _many(told, "copy", "is in conflict", "are in conflict")
            )
            yield Need(
                state.value,
                Severity.CRITICAL,
                f"{said}: {_title(cause.error_code)}",
                count=told,
                more=cause.more,
                since=cause.oldest_at,
                name=alone.name if alone else None,
                instrument_id=alone.id if alone else None,
                **_told(cause.error_code),
            )


def _of_streams(streams: Iterable[Stream]) -> Iterator[Need]:
    for stream in streams:
        one, scan = stream.instrument, stream.scan
        about: dict[str, Any] = {"name": one.name, "instrument_id": one.id}
        if scan is not None and scan.breaker_tripped_at is not None:
            yield Need(
                "listing_held",
                Severity.CRITICAL,
                f"{one.name}: {scan.breaker_detail or _title('listing_shrunken')}",
                since=scan.breaker_tripped_at,
                **_told("listing_shrunken"),
                **about,
            )
        elif scan is not None and scan.last_error_code is not None:
            yield Need(
                "instrument_trouble",
                Severity.CRITICAL if scan.failures > 2 else Severity.WARNING,
                f"{one.name}: {_title(scan.last_error_code)}",
                since=scan.last_scan_at,
                **_told(scan.last_error_code),
                **about,
            )
        if stream.rhythm.silent_since is not None and not one.paused:
            hours = (utcnow() - stream.rhythm.silent_since).total_seconds() / 3600
            usual = (stream.rhythm.usual_interval_seconds or 0) / 3600
            yield Need(
                "silent",
                Severity.WARNING,
                f"{one.name} is silent for {hours:.0f} h (usually every {usual:.0f} h).",
                remedy="Ask whether it is in use; if it is, look at its folder and its clock.",
                since=stream.rhythm.silent_since,
                **about,
            )


def _of_storage(fills: Iterable[Fill]) -> Iterator[Need]:
    for fill in fills:
        about: dict[str, Any] = {"name": fill.name, "storage_id": fill.id}
        if fill.error_code is not None:
            yield Need(
                "storage_trouble",
                Severity.CRITICAL,
                f"{fill.name}: {_title(fill.error_code)}",
                **_told(fill.error_code),
                **about,
            )
        elif fill.is_nearly_full:
            yield Need(
                "storage_nearly_full",
                Severity.WARNING,
                f"{fill.name} is nearly full.",
                remedy="Free space or enlarge it before it is full.",
                since=fill.measured_at,
                **about,
            )


async def _changed_copies(session: AsyncSession, user: User) -> list[Need]:
    """Copies that were proven and are no longer what they were."""
    needs = []
    for state in (CopyState.DAMAGED, CopyState.MISSING):
        found = (
            only_readable(select(Copy.state_since), user, Copy.instrument_id)
            .where(TROUBLED, Copy.state == literal_column(f"'{state.value}'"))
            .limit(EXACT_TO + 1)
            .subquery()
        )
        count, since = (
            await session.execute(select(func.count(), func.min(found.c.state_since)))
        ).one()
        if count:
            needs.append(
                Need(
                    state.value,
                    Severity.CRITICAL,
                    _many(count, "copy", f"is {state.value}.", f"are {state.value}."),
                    remedy="Look at the storage; another proven copy repairs it.",
                    count=min(count, EXACT_TO),
                    more=count > EXACT_TO,
                    since=since,
                )
            )
    return needs


async def _left_out_files(session: AsyncSession, user: User) -> list[Need]:
    """Files that cannot go on as they are: held, or refused for their name."""
    needs = []
    for state in (FileState.HELD, FileState.REFUSED):
        found = (
            only_readable(
                select(SourceFile.reason_code, SourceFile.first_seen_at),
                user,
                SourceFile.instrument_id,
            )
            .where(SourceFile.state == literal_column(f"'{state.value}'"))
            .limit(EXACT_TO + 1)
            .subquery()
        )
        rows = await session.execute(
            select(found.c.reason_code, func.count(), func.min(found.c.first_seen_at)).group_by(
                found.c.reason_code
            )
        )
        needs += [
            Need(
                state.value,
                Severity.WARNING,
                _many(count, "file", f"is {state.value}: ", f"are {state.value}: ") + _title(code),
                count=min(count, EXACT_TO),
                more=count > EXACT_TO,
                since=since,
                **_told(code),
            )
            for code, count, since in rows
        ]
    return needs


async def _refused_accounts(session: AsyncSession, user: User) -> list[Need]:
    query = (
        select(ServiceAccount, Instrument)
        .join(Instrument, Instrument.service_account_id == ServiceAccount.id)
        .where(
            ServiceAccount.refused_version > 0,
            ServiceAccount.refused_version == ServiceAccount.secret_version,
        )
        .order_by(Instrument.name)
    )
    rows = (await session.execute(only_readable(query, user, Instrument.id).limit(100))).all()
    return [
        Need(
            "account_refused",
            Severity.CRITICAL,
            f"{instrument.name}: {_title('source_logon_failed')}",
            since=account.refused_at,
            # Accounts are the admins': a user hears of the instrument only.
            name=account.name if user.is_superuser else instrument.name,
            instrument_id=instrument.id,
            service_account_id=account.id if user.is_superuser else None,
            **_told("source_logon_failed"),
        )
        for account, instrument in rows
    ]


async def _lost_runs(session: AsyncSession, user: User) -> list[Need]:
    recent = select(Run).order_by(Run.id.desc()).limit(200).subquery()
    query = select(Run).where(
        Run.id.in_(select(recent.c.id)),
        Run.outcome == RunOutcome.LOST,
        Run.ended_at > utcnow() - _RECENT,
    )
    runs = (await session.scalars(only_readable(query, user, Run.instrument_id))).all()
    if not runs:
        return []
    newest = max(runs, key=lambda run: run.id)
    return [
        Need(
            "run_lost",
            Severity.NOTICE,
            _many(len(runs), "run", "stopped", "stopped")
            + " without a word in the last 24 hours; the work went on.",
            remedy="Look at the worker's log if it comes back.",
            count=len(runs),
            since=newest.ended_at,
            run_id=newest.id,
            instrument_id=newest.instrument_id,
        )
    ]


async def _unserved_zones(session: AsyncSession, streams: Iterable[Stream]) -> list[Need]:
    used = {one.instrument.zone for one in streams if not one.instrument.paused}
    alive = set(
        await session.scalars(select(Worker.zone).where(Worker.until_ms > lease_now(session)))
    )
    return [
        Need(
            "zone_not_served",
            Severity.CRITICAL,
            f"No worker of the zone '{zone}' is alive.",
            name=zone,
            **_told("zone_not_served"),
        )
        for zone in sorted(used - alive)
    ]


async def _stopped_hooks(session: AsyncSession) -> list[Need]:
    query = select(Hook).where(Hook.stopped_reason.is_not(None), Hook.enabled.is_(True))
    return [
        Need(
            "hook_stopped",
            Severity.WARNING,
            f"The hook '{hook.name}' stopped itself: {hook.stopped_reason}",
            since=hook.stopped_at,
            name=hook.name,
            instrument_id=hook.instrument_id,
            **_told("hook_stopped"),
        )
        for hook in await session.scalars(query.order_by(Hook.name).limit(100))
    ]


async def _unsealed(session: AsyncSession) -> list[Need]:
    oldest = await session.scalar(
        select(AuditEvent.at)
        .join(AuditPending, AuditPending.event_id == AuditEvent.id)
        .order_by(AuditPending.event_id)
        .limit(1)
    )
    if oldest is None or oldest > utcnow() - _UNSEALED:
        return []
    return [
        Need(
            "audit_unsealed",
            Severity.WARNING,
            "The audit trail is not being sealed.",
            remedy="Look at the API's log: its sealer has stopped or lags behind.",
            since=oldest,
        )
    ]
