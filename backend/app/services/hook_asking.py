"""Asking hooks before a transfer: the engine's port. Decides what follows from their answers.

Hooks are asked one after the other in their order; what one leaves out, the next is not asked
about. What each said is written with what follows from it, in one transaction.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import Table, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import from_ns, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.plan import Destination
from app.harvest.ports import Complete, Decision
from app.harvest.store.bulk import insert_rows
from app.harvest.store.instruments import InstrumentFacts
from app.hooks.builtin.patterns import PatternTooSlow, fits_glob
from app.hooks.runner import Answered, HookRunner, HookSpec
from app.models import FailurePolicy, Hook, HookKind, HookRun, StorageLocation, new_id
from app.services.credentials import Vault
from app.services.hook_secrets import opened
from app.transfers.base import Source
from app.transfers.paths import display, join, parent, path_problem
from streamweave_sdk.hooks import SourceFacts

HOOK_RUNS = cast(Table, HookRun.__table__)
_AS_USUAL = Decision()


def spec_of(hook: Hook, vault: Vault | None = None) -> HookSpec:
    """Return a configured hook as it is run, its secrets in their places.

    Raises:
        StreamWeaveError: `secret_unreadable`.
    """
    config = opened(hook.config, hook.secrets, vault) if vault else hook.config
    return HookSpec(
        hook.id, hook.revision, hook.hook, config, hook.timeout_seconds, hook.memory_bytes
    )


async def hooks_of(session: AsyncSession, instrument_id: uuid.UUID) -> list[Hook]:
    """Return the enabled hooks of an instrument in their order."""
    found = await session.scalars(
        select(Hook)
        .where(
            Hook.kind == HookKind.PRE_TRANSFER,
            Hook.enabled.is_(True),
            or_(Hook.instrument_id.is_(None), Hook.instrument_id == instrument_id),
        )
        .order_by(Hook.position, Hook.id)
    )
    return list(found)


@dataclass
class BatchDecisions:
    """What the hooks decided about a batch, and what each of them said."""

    decided: dict[uuid.UUID, Decision] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def of(self, source_file_id: uuid.UUID) -> Decision:
        """Return the decision about one file."""
        return self.decided.get(source_file_id, _AS_USUAL)

    async def note(self, session: AsyncSession) -> None:
        """Write what each hook said."""
        await insert_rows(session, HOOK_RUNS, self.rows)


class HookAsker:
    """The engine's port to hooks, for one process."""

    def __init__(self, database: Database, runner: HookRunner, vault: Vault | None = None) -> None:
        self._database = database
        self._runner = runner
        self._vault = vault

    async def __call__(
        self, instrument: InstrumentFacts, files: Sequence[Complete], source: Source
    ) -> BatchDecisions:
        """Ask all hooks of an instrument about a batch."""
        async with self._database.read() as session:
            hooks = await hooks_of(session, instrument.id)
            places = await places_of(session, instrument)
        batch = BatchDecisions()
        facts = _facts_of(instrument, files)
        for hook in hooks:
            left = [one for one in files if _goes_on(batch.of(one.source_file_id))]
            asked = [one for one in left if is_in_scope(hook.pattern, one.path)]
            answers = await self._ask(hook, facts, asked, source) if asked else []
            for file, answered in zip(asked, answers, strict=True):
                batch.rows.append(_row(hook, instrument, file, answered))
                before = batch.of(file.source_file_id)
                batch.decided[file.source_file_id] = decide(hook, before, file, answered, places)
        return batch

    async def _ask(
        self,
        hook: Hook,
        facts: Mapping[uuid.UUID, SourceFacts],
        files: Sequence[Complete],
        source: Source,
    ) -> list[Answered]:
        try:
            spec = spec_of(hook, self._vault)
        except StreamWeaveError as error:
            return [Answered(None, error)] * len(files)
        wanted = await self._runner.first_bytes(spec)
        told, failed = [], dict[int, Answered]()
        for number, file in enumerate(files):
            one = facts[file.source_file_id]
            if wanted:
                try:
                    first = await _first_bytes(source, file, wanted)
                except StreamWeaveError as error:
                    failed[number] = Answered(None, error)
                    continue
                one = one.model_copy(update={"first_bytes": first})
            told.append(one)
        answers = iter(await self._runner.ask(spec, told) if told else [])
        return [failed[n] if n in failed else next(answers) for n in range(len(files))]


def _facts_of(
    instrument: InstrumentFacts, files: Sequence[Complete]
) -> dict[uuid.UUID, SourceFacts]:
    """Return what every hook is told of a batch: made once, whatever their number."""
    now, slug = utcnow(), instrument.destinations[0].instrument
    return {
        file.source_file_id: SourceFacts(
            instrument=slug,
            path=display(file.path),
            size_bytes=file.facts.size_bytes,
            modified_at=from_ns(file.facts.mtime_ns),
            asked_at=now,
        )
        for file in files
    }


async def places_of(session: AsyncSession, instrument: InstrumentFacts) -> dict[str, Destination]:
    """The instrument's destinations by the name of their storage location."""
    ids = {one.storage_location_id: one for one in instrument.destinations}
    rows = await session.execute(
        select(StorageLocation.id, StorageLocation.name).where(StorageLocation.id.in_(ids))
    )
    return {name: ids[one] for one, name in rows}


async def _first_bytes(source: Source, file: Complete, wanted: int) -> bytes:
    """Return the beginning of a file.

    Raises:
        StreamWeaveError: it cannot be read.
    """
    first = b""
    if file.facts.size_bytes == 0:
        return first
    async with aclosing(source.read(file.path, file.facts.size_bytes)) as chunks:
        async for chunk in chunks:
            first += chunk
            if len(first) >= wanted:
                break
    return first[:wanted]


def _goes_on(decision: Decision) -> bool:
    return decision.error is None and decision.skipped is None


def is_in_scope(pattern: str | None, path: bytes) -> bool:
    """Return whether a hook with this pattern is asked about a file."""
    if pattern is None:
        return True
    try:
        return fits_glob(pattern, display(path))
    except PatternTooSlow:
        return True  # asked once too often is better than never


def _row(
    hook: Hook, instrument: InstrumentFacts, file: Complete, answered: Answered
) -> dict[str, Any]:
    error = answered.error
    return {
        "id": new_id(),
        "hook_id": hook.id,
        "hook_revision": hook.revision,
        "hook_version": answered.version,
        "instrument_id": instrument.id,
        "source_file_id": file.source_file_id,
        "at": utcnow(),
        "outcome": "failed" if answered.answer is None else answered.answer["kind"],
        "facts": {
            "path": display(file.path),
            "size_bytes": file.facts.size_bytes,
            "modified_at": from_ns(file.facts.mtime_ns).isoformat(),
        },
        "answer": None if answered.answer is None else dict(answered.answer),
        "duration_ms": round(answered.duration_ms, 3),
        "log": list(answered.log),
        "error_code": error.code if error else None,
        "error_detail": error.detail if error else None,
    }


def decide(
    hook: Hook,
    before: Decision,
    file: Complete,
    answered: Answered,
    places: dict[str, Destination],
) -> Decision:
    """Return what follows from one more hook's answer."""
    if answered.answer is None:
        if hook.failure_policy == FailurePolicy.WARN:
            return before
        return replace(before, error=_named(hook, answered.error))
    if answered.answer["kind"] == "skip":
        rule, reason = answered.answer["rule"], answered.answer["reason"]
        by = f", rule '{rule}'" if rule else ""
        return replace(before, skipped=f"hook '{hook.name}'{by}: {reason}")
    if answered.answer["kind"] == "redirect":
        try:
            return _redirected(before, file, answered.answer, places)
        except StreamWeaveError as error:
            return replace(before, error=_named(hook, error))
    return before


def _named(hook: Hook, error: StreamWeaveError | None) -> StreamWeaveError:
    if error is None:
        return StreamWeaveError("hook_failed", f"Hook '{hook.name}'.")
    return StreamWeaveError(error.code, f"Hook '{hook.name}': {error.detail}")


def _redirected(
    before: Decision, file: Complete, answer: Any, places: dict[str, Destination]
) -> Decision:
    """Add a redirect to what was decided.

    Raises:
        StreamWeaveError: `hook_storage_unknown`, `hook_path_unsafe`, `hook_redirects_disagree`.
    """
    destinations, path = before.destinations, before.dest_path
    if answer["storage"] is not None:
        place = places.get(answer["storage"])
        if place is None:
            detail = f"'{answer['storage']}' is no active storage location of the instrument."
            raise StreamWeaveError("hook_storage_unknown", detail)
        # The only one it goes to, so it must be made.
        destinations = (replace(place, required=True),)
        if before.destinations not in (None, destinations):
            raise StreamWeaveError("hook_redirects_disagree", "About the storage location.")
    if answer["path"] is not None or answer["name"] is not None:
        path = _dest_path(file.path, answer["path"], answer["name"])
        if before.dest_path not in (None, path):
            raise StreamWeaveError("hook_redirects_disagree", "About the path.")
    return replace(before, destinations=destinations, dest_path=path)


def _dest_path(path: bytes, folder: str | None, name: str | None) -> bytes:
    there = parent(path) if folder is None else folder.strip("/").encode()
    last = path.rpartition(b"/")[2] if name is None else name.encode()
    made = join(there, last)
    if path_problem(made) is not None or b"/" in last:
        raise StreamWeaveError("hook_path_unsafe", f"'{display(made)}'.")
    return made
