"""Instruments: all for admins, the assigned ones (reduced) for everybody else."""

from typing import Any

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Caller,
    Cursor,
    Db,
    Edits,
    Id,
    Limit,
    NamePart,
    Revision,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.models import User
from app.schemas.instruments import (
    InstrumentCreate,
    InstrumentPage,
    InstrumentPatch,
    InstrumentRead,
    ScanRead,
    StoragePolicy,
    StoragePolicyRead,
)
from app.services import instruments
from app.services.edits import InvalidField
from app.services.instruments import InstrumentFilter, InstrumentState, InstrumentView

router = APIRouter(prefix="/instruments", tags=["instruments"], responses=SIGNED_IN)
_HIDDEN = (
    "host", "port", "url", "root", "host_key", "options", "service_account_id", "mover",
    "mover_options",
)  # fmt: skip
_SOURCE_ERRORS = documented(
    "invalid_request", "path_not_allowed", "zone_unknown", "secret_required"
)


def _read(view: InstrumentView, *, is_admin: bool) -> InstrumentRead:
    values: dict[str, Any] = {
        name: getattr(view.instrument, name)
        for name in InstrumentRead.model_fields
        if name not in ("storage", "scan")
    }
    if not is_admin:
        values |= dict.fromkeys(_HIDDEN)
    return InstrumentRead(
        **values,
        storage=[StoragePolicyRead.model_validate(policy) for policy in view.storage],
        scan=ScanRead.model_validate(view.scan) if view.scan else None,
    )


def _answer(response: Response, view: InstrumentView, user: User | None = None) -> InstrumentRead:
    set_etag(response, view.instrument.revision)
    return _read(view, is_admin=user is None or user.is_superuser)


def _policy(policy: StoragePolicy) -> dict[str, Any]:
    """What was said of a place: what was not sent stays as it is."""
    return {"required": policy.required, **policy.model_dump(exclude_unset=True)}


@router.get("", operation_id="listInstruments", response_model=InstrumentPage, responses=LISTED)
async def list_instruments(
    database: Db,
    caller: Caller,
    search: NamePart = None,
    state: InstrumentState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> InstrumentPage:
    """List the instruments that you may see, by name."""
    narrowed = InstrumentFilter(search, state)
    request = page_request(limit, cursor, **vars(narrowed))
    page = await instruments.list_instruments(database, caller, request, narrowed)
    items = [_read(view, is_admin=caller.is_superuser) for view in page.items]
    return InstrumentPage(items=items, next_cursor=page.next_cursor)


@router.post(
    "",
    operation_id="createInstrument",
    response_model=InstrumentRead,
    status_code=201,
    responses={201: ETAG, **documented("name_taken"), **_SOURCE_ERRORS},
)
async def create_instrument(
    response: Response, body: InstrumentCreate, editor: Edits
) -> InstrumentRead:
    """Add an instrument. An account that is in use elsewhere needs its secret again."""
    values = body.model_dump(by_alias=True, exclude={"storage", "secret"})
    storage = [_policy(policy) for policy in body.storage]
    secret = body.secret_text()
    return _answer(response, await instruments.create_instrument(editor, values, storage, secret))


@router.get(
    "/{instrument_id:uuid}",
    operation_id="getInstrument",
    response_model=InstrumentRead,
    responses={200: ETAG, **ONE},
)
async def get_instrument(
    response: Response, instrument_id: Id, database: Db, caller: Caller
) -> InstrumentRead:
    """Return one instrument."""
    view = await instruments.get_instrument(database, caller, instrument_id)
    return _answer(response, view, caller)


@router.patch(
    "/{instrument_id:uuid}",
    operation_id="changeInstrument",
    response_model=InstrumentRead,
    responses={200: ETAG, **EDITED, **documented("name_taken"), **_SOURCE_ERRORS},
)
async def change_instrument(
    response: Response,
    instrument_id: Id,
    body: InstrumentPatch,
    editor: Edits,
    revision: Revision,
) -> InstrumentRead:
    """Change an instrument. A new address for its account needs the secret again."""
    if "secret" in body.model_fields_set and body.secret is None:
        raise InvalidField("/secret", "Leave the secret out instead.")
    change = instruments.InstrumentChange(
        instrument_id,
        revision,
        body.sent("storage", "secret"),
        [_policy(policy) for policy in body.storage]
        if "storage" in body.model_fields_set
        else None,
        body.secret.get_secret_value() if body.secret else None,
    )
    return _answer(response, await instruments.change_instrument(editor, change))


@router.delete(
    "/{instrument_id:uuid}",
    operation_id="deleteInstrument",
    status_code=204,
    response_class=Response,
    responses={**EDITED, **documented("in_use")},
)
async def delete_instrument(instrument_id: Id, editor: Edits, revision: Revision) -> Response:
    """Delete an instrument that never had a file."""
    await instruments.delete_instrument(editor, instrument_id, revision)
    return Response(status_code=204)


@router.post(
    "/{instrument_id}/pause",
    operation_id="pauseInstrument",
    response_model=InstrumentRead,
    responses={200: ETAG, **ONE, **documented("edit_conflict")},
)
async def pause_instrument(response: Response, instrument_id: Id, editor: Edits) -> InstrumentRead:
    """Leave the instrument alone until it is resumed."""
    return _answer(response, await instruments.set_paused(editor, instrument_id, True))


@router.post(
    "/{instrument_id}/resume",
    operation_id="resumeInstrument",
    response_model=InstrumentRead,
    responses={200: ETAG, **ONE, **documented("edit_conflict")},
)
async def resume_instrument(response: Response, instrument_id: Id, editor: Edits) -> InstrumentRead:
    """Go on with a paused instrument."""
    return _answer(response, await instruments.set_paused(editor, instrument_id, False))


@router.post(
    "/{instrument_id}/confirm-listing",
    operation_id="confirmListing",
    response_model=InstrumentRead,
    responses={200: ETAG, **ONE},
)
async def confirm_listing(response: Response, instrument_id: Id, editor: Edits) -> InstrumentRead:
    """Accept the next listing as it is, though it is empty or much smaller."""
    return _answer(response, await instruments.confirm_listing(editor, instrument_id))
