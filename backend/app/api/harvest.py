"""Harvest Now, its progress, connection tests and assignments of an instrument."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app.api.deps import (
    ONE,
    SIGNED_IN,
    Admin,
    Caller,
    Db,
    Edits,
    Id,
    IdempotencyKey,
    actor_of,
    trigger_of,
)
from app.api.problems import documented
from app.api.views import read_folder
from app.schemas.base import UtcTime
from app.schemas.instruments import (
    CheckRead,
    FolderBrowse,
    FolderRead,
    HarvestTicketRead,
    LiveRead,
    PreviewRead,
    ProgressRead,
    ProgressScan,
    SourceBrowse,
    SourceDraft,
    SourcePreview,
    TallyRead,
)
from app.schemas.users import GrantedUser, GrantList, GrantRead
from app.services import checks, previews, users
from app.services.edits import InvalidField
from app.services.idempotency import once
from app.services.instruments import get_instrument
from app.services.live_transfers import read_live
from app.services.progress import Progress, Tally, read_progress

router = APIRouter(prefix="/instruments", tags=["instruments"], responses=SIGNED_IN)

_DRAFT = {
    **documented("zone_not_served"),
    **documented("invalid_request", "path_not_allowed", "zone_unknown", "secret_required"),
}


@router.post(
    "/{instrument_id}/harvest",
    operation_id="harvestNow",
    response_model=HarvestTicketRead,
    status_code=202,
    responses={
        **ONE,
        **documented("invalid_request", "idempotency_mismatch"),
        **documented("orchestrator_unreachable"),
    },
)
async def harvest_now(
    instrument_id: Id, database: Db, caller: Caller, idempotency_key: IdempotencyKey = None
) -> HarvestTicketRead:
    """Harvest an instrument now; a live run or watch is asked to scan again instead."""
    await get_instrument(database, caller, instrument_id)

    async def act() -> dict[str, Any]:
        from app.services.orchestration import request_harvest  # Prefect loads when asked

        ticket = await request_harvest(
            database, instrument_id, actor=actor_of(caller), user_id=caller.id
        )
        return HarvestTicketRead.model_validate(ticket).model_dump(mode="json")

    if idempotency_key is None:
        return HarvestTicketRead.model_validate(await act())
    trigger = trigger_of(caller.id, idempotency_key, {"harvest": str(instrument_id)})
    return HarvestTicketRead.model_validate(await once(database, trigger, 202, act))


@router.get(
    "/{instrument_id}/progress",
    operation_id="getProgress",
    response_model=ProgressRead,
    responses=ONE,
)
async def get_progress(
    instrument_id: Id,
    database: Db,
    caller: Caller,
    since: Annotated[
        UtcTime | None, Query(description="`requested_at` of the harvest that is waited for")
    ] = None,
) -> ProgressRead:
    """Tell how far a harvest is, in counts."""
    return _progress(await read_progress(database, caller, instrument_id, since))


@router.get(
    "/{instrument_id}/live",
    operation_id="getLive",
    response_model=LiveRead,
    responses=ONE,
)
async def get_live(instrument_id: Id, database: Db, caller: Caller) -> LiveRead:
    """Return files in flight, the rate of the last minute, and when all would be done."""
    return LiveRead.model_validate(await read_live(database, caller, instrument_id))


def _progress(found: Progress) -> ProgressRead:
    def tally(counts: dict[str, Tally], name: str) -> TallyRead:
        return TallyRead.model_validate(counts.get(name, Tally()))

    scan = found.scan
    return ProgressRead(
        scan=ProgressScan(
            running=found.scan_running,
            done=found.scan_done,
            scan_started_at=scan.scan_started_at if scan else None,
            last_scan_at=scan.last_scan_at if scan else None,
            error_code=scan.last_error_code if scan else None,
            error_detail=scan.last_error_detail if scan else None,
            next_try_at=scan.next_try_at if scan else None,
            listing_held_at=scan.breaker_tripped_at if scan else None,
            listing_held_detail=scan.breaker_detail if scan else None,
        ),
        settling=tally(found.files, "settling"),
        held=tally(found.files, "held"),
        in_flight=TallyRead.model_validate(found.in_flight),
        **{
            name: tally(found.copies, name)
            for name in ("queued", "retry_wait", "available", "failed", "conflict")
        },
        **{
            f"recent_{name}": tally(found.recent, name)
            for name in ("available", "failed", "conflict")
        },
        done=found.done,
    )


@router.post(
    "/check",
    operation_id="checkDraft",
    response_model=CheckRead,
    responses=_DRAFT,
)
async def check_draft(body: SourceDraft, editor: Edits) -> CheckRead:
    """Let a worker of the zone test a source before it is saved."""
    values = body.model_dump(exclude={"secret"})
    return CheckRead.model_validate(await checks.check_draft(editor, values, body.secret_text()))


@router.post(
    "/{instrument_id}/check",
    operation_id="checkInstrument",
    response_model=CheckRead,
    responses={**ONE, **documented("zone_not_served")},
)
async def check_instrument(instrument_id: Id, database: Db, _admin: Admin) -> CheckRead:
    """Let a worker of its zone test the instrument's source."""
    return CheckRead.model_validate(await checks.check_instrument(database, instrument_id))


@router.post("/browse", operation_id="browseDraft", response_model=FolderRead, responses=_DRAFT)
async def browse_draft(body: SourceBrowse, editor: Edits) -> FolderRead:
    """Let a worker list one folder of a source before it is saved."""
    values = body.model_dump(exclude={"secret", "path"})
    found = await checks.ask_draft(
        editor, values, body.secret_text(), "browse", path=_folder(body.path)
    )
    return read_folder(found)


@router.post(
    "/{instrument_id}/browse",
    operation_id="browseInstrument",
    response_model=FolderRead,
    responses={**ONE, **documented("zone_not_served")},
)
async def browse_instrument(
    instrument_id: Id, body: FolderBrowse, database: Db, _admin: Admin
) -> FolderRead:
    """Let a worker of its zone list one folder of an instrument."""
    found = await checks.ask_instrument(database, instrument_id, "browse", path=_folder(body.path))
    return read_folder(found)


def _folder(path: str) -> str:
    if any(part in (".", "..") for part in path.split("/")):
        raise InvalidField("/path", "Folders are named one by one, without '.' or '..'.")
    return path.strip("/")


@router.post("/preview", operation_id="previewDraft", response_model=PreviewRead, responses=_DRAFT)
async def preview_draft(body: SourcePreview, editor: Edits) -> PreviewRead:
    """Judge the newest files of a source before it is saved, and say where each would go."""
    own = {"secret", "slug", "quiet_seconds", "start_from", "storage"}
    rules = previews.Rules(body.slug, body.quiet_seconds, body.start_from)
    templates = {one.storage_location_id: one.template for one in body.storage}
    found = await previews.preview_draft(
        editor, body.model_dump(exclude=own), body.secret_text(), rules, templates
    )
    return PreviewRead.model_validate(found)


@router.post(
    "/{instrument_id}/preview",
    operation_id="previewInstrument",
    response_model=PreviewRead,
    responses={**ONE, **documented("zone_not_served")},
)
async def preview_instrument(instrument_id: Id, database: Db, _admin: Admin) -> PreviewRead:
    """Judge the newest files of an instrument by its rules as they are saved."""
    return PreviewRead.model_validate(await previews.preview_instrument(database, instrument_id))


@router.get(
    "/{instrument_id}/users",
    operation_id="listInstrumentUsers",
    response_model=GrantList,
    responses=ONE,
)
async def list_instrument_users(instrument_id: Id, database: Db, _admin: Admin) -> GrantList:
    """List who may see an instrument (admins may see all)."""
    rows = await users.list_grants(database, instrument_id)
    items = [
        GrantedUser(
            **GrantRead.model_validate(grant).model_dump(),
            email=user.email,
            display_name=user.display_name,
        )
        for grant, user in rows
    ]
    return GrantList(items=items)


@router.get(
    "/{instrument_id}/users/{user_id}",
    operation_id="getInstrumentUser",
    response_model=GrantRead,
    responses=ONE,
)
async def get_instrument_user(
    instrument_id: Id, user_id: Id, database: Db, _admin: Admin
) -> GrantRead:
    """Return one person's right to an instrument."""
    return GrantRead.model_validate(await users.get_grant(database, instrument_id, user_id))


@router.put(
    "/{instrument_id}/users/{user_id}",
    operation_id="grantInstrument",
    response_model=GrantRead,
    responses={**ONE, **documented("name_taken")},
)
async def grant_instrument(instrument_id: Id, user_id: Id, database: Db, admin: Admin) -> GrantRead:
    """Let a person see an instrument and its files."""
    grant = await users.grant_instrument(database, admin.id, instrument_id, user_id)
    return GrantRead.model_validate(grant)


@router.delete(
    "/{instrument_id}/users/{user_id}",
    operation_id="revokeInstrument",
    status_code=204,
    response_class=Response,
    responses=ONE,
)
async def revoke_instrument(instrument_id: Id, user_id: Id, database: Db, admin: Admin) -> Response:
    """Take a person's right to an instrument away."""
    await users.revoke_grant(database, actor_of(admin), instrument_id, user_id)
    return Response(status_code=204)
