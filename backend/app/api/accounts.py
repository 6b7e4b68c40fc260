"""Service accounts, for admins. Secrets go in and never come out."""

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    AppVault,
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
from app.models import ServiceAccount
from app.schemas.accounts import (
    ServiceAccountCreate,
    ServiceAccountPage,
    ServiceAccountPatch,
    ServiceAccountRead,
)
from app.schemas.base import UsedBy
from app.services import accounts
from app.services.edits import InvalidField
from app.services.uses import Use, uses_of_accounts

router = APIRouter(prefix="/accounts", tags=["accounts"], responses=SIGNED_IN)


def _read(account: ServiceAccount, uses: list[Use]) -> ServiceAccountRead:
    read = ServiceAccountRead.model_validate(account)
    read.used_by = [UsedBy.model_validate(one) for one in uses]
    return read


async def _answer(database: Db, response: Response, account: ServiceAccount) -> ServiceAccountRead:
    set_etag(response, account.revision)
    uses = await uses_of_accounts(database, [account.id])
    return _read(account, uses[account.id])


@router.get("", operation_id="listAccounts", response_model=ServiceAccountPage, responses=LISTED)
async def list_accounts(
    database: Db, _admin: Admin, limit: Limit = 50, cursor: Cursor = None
) -> ServiceAccountPage:
    """List service accounts by name."""
    page = await accounts.list_accounts(database, page_request(limit, cursor))
    uses = await uses_of_accounts(database, [one.id for one in page.items])
    items = [_read(one, uses[one.id]) for one in page.items]
    return ServiceAccountPage(items=items, next_cursor=page.next_cursor)


@router.post(
    "",
    operation_id="createAccount",
    response_model=ServiceAccountRead,
    status_code=201,
    responses={201: ETAG, **documented("name_taken")},
)
async def create_account(
    response: Response, body: ServiceAccountCreate, database: Db, vault: AppVault, admin: Admin
) -> ServiceAccountRead:
    """Store a service account; its secret is encrypted and never shown."""
    values = body.model_dump(exclude={"secret"})
    secret = body.secret.get_secret_value()
    account = await accounts.create_account(database, vault, actor_of(admin), values, secret)
    return await _answer(database, response, account)


@router.get(
    "/{account_id}",
    operation_id="getAccount",
    response_model=ServiceAccountRead,
    responses={200: ETAG, **ONE},
)
async def get_account(
    response: Response, account_id: Id, database: Db, _admin: Admin
) -> ServiceAccountRead:
    """Return one service account, without its secret."""
    return await _answer(database, response, await accounts.get_account(database, account_id))


@router.patch(
    "/{account_id}",
    operation_id="changeAccount",
    response_model=ServiceAccountRead,
    responses={200: ETAG, **EDITED, **documented("name_taken")},
)
async def change_account(  # noqa: PLR0913  FastAPI's dependencies are parameters
    response: Response,
    account_id: Id,
    body: ServiceAccountPatch,
    database: Db,
    vault: AppVault,
    admin: Admin,
    revision: Revision,
) -> ServiceAccountRead:
    """Change a service account; a new secret may log on again after a refusal."""
    if "secret" in body.model_fields_set and body.secret is None:
        raise InvalidField("/secret", "A secret cannot be taken away.")
    change = accounts.AccountChange(
        account_id,
        revision,
        body.sent("secret"),
        body.secret.get_secret_value() if body.secret else None,
    )
    account = await accounts.change_account(database, vault, actor_of(admin), change)
    return await _answer(database, response, account)


@router.delete(
    "/{account_id}",
    operation_id="deleteAccount",
    status_code=204,
    response_class=Response,
    responses={**EDITED, **documented("in_use")},
)
async def delete_account(
    account_id: Id, database: Db, admin: Admin, revision: Revision
) -> Response:
    """Delete a service account that no instrument uses."""
    await accounts.delete_account(database, actor_of(admin), account_id, revision)
    return Response(status_code=204)
