"""Storage locations, for admins."""

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    AppSettings,
    Cursor,
    Db,
    Id,
    Limit,
    Revision,
    actor_of,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.models import StorageLocation
from app.schemas.base import UsedBy
from app.schemas.instruments import CheckRead
from app.schemas.storage import StorageCreate, StoragePage, StoragePatch, StorageRead
from app.services import checks, storage
from app.services.uses import Use, uses_of_storage

router = APIRouter(prefix="/storage", tags=["storage"], responses=SIGNED_IN)


def _read(location: StorageLocation, uses: list[Use]) -> StorageRead:
    read = StorageRead.model_validate(location)
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
        **documented("invalid_request", "path_not_allowed", "zone_unknown"),
    },
)
async def create_storage(
    response: Response, body: StorageCreate, database: Db, settings: AppSettings, admin: Admin
) -> StorageRead:
    """Add a place to deliver to; makes its directory and sentinel where it can."""
    location = await storage.create_storage(database, settings, actor_of(admin), body.model_dump())
    return await _answer(database, response, location)


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
        **documented("name_taken", "invalid_request", "zone_unknown"),
    },
)
async def change_storage(  # noqa: PLR0913  FastAPI's dependencies are parameters
    response: Response,
    storage_id: Id,
    body: StoragePatch,
    database: Db,
    settings: AppSettings,
    admin: Admin,
    revision: Revision,
) -> StorageRead:
    """Change a storage location's name or zone."""
    change = storage.StorageChange(storage_id, revision, body.sent())
    location = await storage.change_storage(database, settings, actor_of(admin), change)
    return await _answer(database, response, location)


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
