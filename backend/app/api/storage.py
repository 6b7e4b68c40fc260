"""Storage locations, for admins."""

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    Cursor,
    Db,
    Edits,
    Id,
    Limit,
    Revision,
    actor_of,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.errors import CATALOGUE
from app.models import StorageLocation
from app.schemas.base import UsedBy
from app.schemas.instruments import CheckRead
from app.schemas.storage import (
    DrainRequest,
    EmptyingRead,
    RetireRequest,
    StorageCreate,
    StoragePage,
    StoragePatch,
    StorageRead,
)
from app.services import checks, retiring, storage
from app.services.uses import Use, uses_of_storage

router = APIRouter(prefix="/storage", tags=["storage"], responses=SIGNED_IN)


def _read(location: StorageLocation, uses: list[Use]) -> StorageRead:
    read = StorageRead.model_validate(location)
    entry = CATALOGUE.get(location.error_code or str(location.health.get("trouble") or ""))
    if entry is not None:
        read.cause, read.remedy = entry.title, entry.remedy
    read.used_by = [UsedBy.model_validate(one) for one in uses]
    return read


async def _answer(database: Db, response: Response, location: StorageLocation) -> StorageRead:
    set_etag(response, location.revision)
    uses = await uses_of_storage(database, [location.id])
    return _read(location, uses[location.id])


@router.get("", operation_id="listStorage", response_model=StoragePage, responses=LISTED)
async def list_storage(
    database: Db,
    _admin: Admin,
    in_trouble: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> StoragePage:
    """List storage locations by name."""
    request = page_request(limit, cursor, in_trouble=in_trouble)
    page = await storage.list_storage(database, request, in_trouble)
    uses = await uses_of_storage(database, [one.id for one in page.items])
    items = [_read(one, uses[one.id]) for one in page.items]
    return StoragePage(items=items, next_cursor=page.next_cursor)


@router.post(
    "",
    operation_id="createStorage",
    response_model=StorageRead,
    status_code=201,
    responses={
        201: ETAG,
        **documented("name_taken", "in_use"),
        **documented("invalid_request", "path_not_allowed", "zone_unknown", "secret_required"),
    },
)
async def create_storage(response: Response, body: StorageCreate, editor: Edits) -> StorageRead:
    """Add a place to deliver to. Test it then: the first test gives it its sentinel."""
    secret = body.secret.get_secret_value() if body.secret else None
    location = await storage.create_storage(editor, body.stored(), secret)
    return await _answer(editor.database, response, location)


@router.get(
    "/{storage_id}",
    operation_id="getStorage",
    response_model=StorageRead,
    responses={200: ETAG, **ONE},
)
async def get_storage(
    response: Response, storage_id: Id, database: Db, _admin: Admin
) -> StorageRead:
    """Return one storage location."""
    return await _answer(database, response, await storage.get_storage(database, storage_id))


@router.patch(
    "/{storage_id}",
    operation_id="changeStorage",
    response_model=StorageRead,
    responses={
        200: ETAG,
        **EDITED,
        **documented("name_taken", "invalid_request", "zone_unknown", "secret_required"),
    },
)
async def change_storage(
    response: Response, storage_id: Id, body: StoragePatch, editor: Edits, revision: Revision
) -> StorageRead:
    """Change a storage location; kind and path stay, since files lie there."""
    secret = body.secret.get_secret_value() if body.secret else None
    change = storage.StorageChange(storage_id, revision, body.sent("secret"), secret)
    location = await storage.change_storage(editor, change)
    return await _answer(editor.database, response, location)


@router.delete(
    "/{storage_id}",
    operation_id="deleteStorage",
    status_code=204,
    response_class=Response,
    responses={**EDITED, **documented("in_use")},
)
async def delete_storage(
    storage_id: Id, database: Db, admin: Admin, revision: Revision
) -> Response:
    """Forget a storage location that nothing uses; what lies there stays."""
    await storage.delete_storage(database, actor_of(admin), storage_id, revision)
    return Response(status_code=204)


@router.post(
    "/{storage_id}/check",
    operation_id="checkStorage",
    response_model=CheckRead,
    responses={**ONE, **documented("zone_not_served")},
)
async def check_storage(storage_id: Id, database: Db, _admin: Admin) -> CheckRead:
    """Let a worker of its zone test the storage location."""
    return CheckRead.model_validate(await checks.check_storage(database, storage_id))


@router.get(
    "/{storage_id}/emptying",
    operation_id="getStorageEmptying",
    response_model=EmptyingRead,
    responses=ONE,
)
async def get_emptying(storage_id: Id, database: Db, _admin: Admin) -> EmptyingRead:
    """Tell how far a storage location is from holding nothing that is not elsewhere, too."""
    return EmptyingRead.model_validate(await retiring.emptying(database, storage_id))


@router.post(
    "/{storage_id}/drain",
    operation_id="drainStorage",
    response_model=StorageRead,
    responses={200: ETAG, **EDITED, **documented("invalid_request")},
)
async def drain_storage(
    response: Response, storage_id: Id, body: DrainRequest, editor: Edits, revision: Revision
) -> StorageRead:
    """Let nothing new go to a storage location; copy what lies there to another one."""
    location = await retiring.drain(editor, storage_id, revision, body.to)
    return await _answer(editor.database, response, location)


@router.post(
    "/{storage_id}/retire",
    operation_id="retireStorage",
    response_model=StorageRead,
    responses={200: ETAG, **EDITED, **documented("in_use")},
)
async def retire_storage(
    response: Response, storage_id: Id, body: RetireRequest, editor: Edits, revision: Revision
) -> StorageRead:
    """End a drained storage location: its copies do not count any more, its files stay."""
    location = await retiring.retire(editor, storage_id, revision, body.reason)
    return await _answer(editor.database, response, location)
