"""The log of hooks and their replay, for admins."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic_core import to_jsonable_python

from app.api.deps import (
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    Cursor,
    Db,
    Edits,
    Id,
    IdempotencyKey,
    Limit,
    page_request,
    trigger_of,
)
from app.api.downloads import Sends
from app.api.file_query import FileQuery
from app.api.problems import documented
from app.api.views import remedy_of
from app.models import HookRun
from app.schemas.base import UtcTime
from app.schemas.hooks import (
    HookChange,
    HookOutcome,
    HookReplay,
    HookReplayed,
    HookRunPage,
    HookRunRead,
)
from app.services import hook_runs
from app.services.hook_runs import Change, Replay, Replayed, RunFilter
from app.services.idempotency import once

router = APIRouter(tags=["hooks"], responses=SIGNED_IN)


@dataclass
class _Where:
    """What the log is narrowed by."""

    hook: Annotated[Id | None, Query()] = None
    instrument: Annotated[Id | None, Query()] = None
    file: Annotated[Id | None, Query()] = None
    outcome: Annotated[HookOutcome | None, Query()] = None
    after: Annotated[UtcTime | None, Query()] = None
    before: Annotated[UtcTime | None, Query()] = None


def _read(run: HookRun, name: str | None) -> HookRunRead:
    taken = {"hook_name", "remedy"}
    values = {one: getattr(run, one) for one in HookRunRead.model_fields if one not in taken}
    return HookRunRead(**values, hook_name=name, remedy=remedy_of(run.error_code))


def _change(one: Change) -> HookChange:
    trial = one.trial
    names = ("path", "outcome", "error_code", "error_detail")
    values = {name: getattr(trial, name) for name in names}
    own = ("file_id", "hook_id", "hook_name", "before", "after", "changed")
    return HookChange(**values, **{name: getattr(one, name) for name in own})


@router.get("/hook-runs", operation_id="listHookRuns", response_model=HookRunPage, responses=LISTED)
async def list_runs(
    database: Db,
    _admin: Admin,
    where: Annotated[_Where, Depends()],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HookRunPage:
    """List what hooks said, newest first."""
    outcome = where.outcome.value if where.outcome else None
    narrowed = RunFilter(**{**vars(where), "outcome": outcome})
    request = page_request(limit, cursor, **vars(narrowed))
    page = await hook_runs.list_runs(database, request, narrowed)
    items = [_read(run, name) for run, name in page.items]
    return HookRunPage(items=items, next_cursor=page.next_cursor)


@router.post(
    "/hook-runs/replay",
    operation_id="replayHooks",
    response_model=HookReplayed,
    responses={**ONE, **documented("invalid_request", "idempotency_mismatch")},
)
async def replay_hooks(
    body: HookReplay,
    editor: Edits,
    sender: Sends,
    narrowed: FileQuery,
    idempotency_key: IdempotencyKey = None,
) -> HookReplayed:
    """Ask hooks again: about named files, a filter's, a time's, or all for which one failed.

    Hooks after a transfer are asked about the newest available version, with the same key. Of
    hooks before a transfer, what was left out or waits is asked about at the next harvest. At most
    20,000 files at once. An `Idempotency-Key` is nothing to a dry run.
    """
    files = tuple(dict.fromkeys(body.files))
    wanted = Replay(narrowed, body.hook_id, files, body.failed, body.since, body.until)
    if body.dry_run:
        return _replayed(await hook_runs.try_replay(editor, wanted, sender))
    if idempotency_key is None:
        return _replayed(await hook_runs.replay(editor, wanted))

    async def act() -> dict[str, Any]:
        return _replayed(await hook_runs.replay(editor, wanted)).model_dump(mode="json")

    asked = {"replay": to_jsonable_python(asdict(wanted))}
    trigger = trigger_of(editor.user_id, idempotency_key, asked)
    return HookReplayed.model_validate(await once(editor.database, trigger, 200, act))


def _replayed(done: Replayed) -> HookReplayed:
    return HookReplayed(
        files=done.files,
        asked=done.asked,
        more=done.more,
        changes=[_change(one) for one in done.changes],
    )
