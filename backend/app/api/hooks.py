"""Hooks, for admins; which hold for an instrument, for whoever may see it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    Caller,
    Cursor,
    Db,
    Edits,
    Id,
    Limit,
    Revision,
    page_request,
    set_etag,
)
from app.api.downloads import Sends
from app.api.problems import documented
from app.models import Hook
from app.schemas.hooks import (
    HookCreate,
    HookDraft,
    HookPage,
    HookPatch,
    HookRead,
    HookScope,
    HookScopeList,
    HookTrial,
    HookTrialList,
    HookType,
    HookTypeList,
)
from app.services import hook_bench, hooks
from app.services.hook_redirects import warnings_of

router = APIRouter(tags=["hooks"], responses=SIGNED_IN)
_BROKEN = documented("hook_timed_out", "hook_crashed")
_CHECKED = documented(
    "invalid_request",
    "hook_unknown",
    "hook_config_invalid",
    "secret_required",
    "hook_timed_out",
    "hook_crashed",
)


async def _answer(response: Response, database: Db, hook: Hook) -> HookRead:
    set_etag(response, hook.revision)
    return (await _read(database, [hook]))[0]


async def _read(database: Db, found: Sequence[Hook]) -> list[HookRead]:
    warnings = await warnings_of(database, found)
    return [
        HookRead.model_validate(one).model_copy(update={"warnings": warnings[one.id]})
        for one in found
    ]


@router.get(
    "/hook-types", operation_id="listHookTypes", response_model=HookTypeList, responses=_BROKEN
)
async def list_hook_types(editor: Edits) -> HookTypeList:
    """List the kinds of hooks that this installation has, with the schemas of their configuration.

    They are read in a process of their own: built in, of installed packages, of the folder.
    """
    found = await hooks.hook_types(editor)
    items = [HookType(**{**one, "config_schema": one["schema"]}) for one in found["hooks"]]
    return HookTypeList(items=items, problems=found["problems"])


@router.get("/hooks", operation_id="listHooks", response_model=HookPage, responses=LISTED)
async def list_hooks(
    database: Db,
    _admin: Admin,
    instrument: Annotated[Id | None, Query(description="those that hold for it")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HookPage:
    """List configured hooks, in the order in which they are asked."""
    request = page_request(limit, cursor, instrument=instrument)
    page = await hooks.list_hooks(database, request, instrument)
    items = await _read(database, page.items)
    return HookPage(items=items, next_cursor=page.next_cursor)


@router.post(
    "/hooks",
    operation_id="createHook",
    response_model=HookRead,
    status_code=201,
    responses={201: ETAG, **documented("name_taken", "hook_storage_unknown"), **_CHECKED},
)
async def create_hook(response: Response, body: HookCreate, editor: Edits) -> HookRead:
    """Add a hook. Its configuration is checked against its schema."""
    made = await hooks.create_hook(editor, body.model_dump())
    return await _answer(response, editor.database, made)


@router.post(
    "/hooks/test",
    operation_id="testHook",
    response_model=HookTrialList,
    responses={**_CHECKED, **documented("not_found", "zone_not_served", "source_unreachable")},
)
async def try_hook(body: HookDraft, editor: Edits, sender: Sends) -> HookTrialList:
    """Say what a draft would have done with an instrument's newest files; nothing is written."""
    draft = hook_bench.Draft(**body.model_dump())
    trials = await hook_bench.try_draft(editor, draft, sender)
    return HookTrialList(items=[HookTrial.model_validate(one) for one in trials])


@router.get(
    "/hooks/{hook_id:uuid}",
    operation_id="getHook",
    response_model=HookRead,
    responses={200: ETAG, **ONE},
)
async def get_hook(response: Response, hook_id: Id, database: Db, _admin: Admin) -> HookRead:
    """Return one hook, its secrets as placeholders."""
    return await _answer(response, database, await hooks.get_hook(database, hook_id))


@router.patch(
    "/hooks/{hook_id:uuid}",
    operation_id="changeHook",
    response_model=HookRead,
    responses={
        200: ETAG,
        **EDITED,
        **documented("name_taken", "hook_storage_unknown"),
        **_CHECKED,
    },
)
async def change_hook(
    response: Response, hook_id: Id, body: HookPatch, editor: Edits, revision: Revision
) -> HookRead:
    """Change a hook, switch it on or off, or move it among the others."""
    changed = await hooks.change_hook(editor, hook_id, revision, body.sent())
    return await _answer(response, editor.database, changed)


@router.delete(
    "/hooks/{hook_id:uuid}",
    operation_id="deleteHook",
    status_code=204,
    response_class=Response,
    responses=EDITED,
)
async def delete_hook(hook_id: Id, editor: Edits, revision: Revision) -> Response:
    """Forget a hook; what it said stays in the log."""
    await hooks.delete_hook(editor, hook_id, revision)
    return Response(status_code=204)


@router.get(
    "/instruments/{instrument_id}/hooks",
    operation_id="listInstrumentHooks",
    response_model=HookScopeList,
    responses=ONE,
)
async def list_instrument_hooks(instrument_id: Id, database: Db, caller: Caller) -> HookScopeList:
    """List which hooks hold for an instrument that you may see."""
    found = await hooks.hooks_for(database, caller, instrument_id)
    return HookScopeList(items=[HookScope.model_validate(one) for one in found])
