"""People, for admins; `/users/me` for everyone."""

from fastapi import APIRouter, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    AppAccounts,
    Caller,
    Cursor,
    Db,
    Id,
    Limit,
    Revision,
    actor_of,
    hashed,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.models import User
from app.schemas.users import UserCreate, UserPage, UserPatch, UserRead
from app.services import users
from app.services.edits import InvalidField

router = APIRouter(prefix="/users", tags=["users"], responses=SIGNED_IN)


def _answer(response: Response, user: User) -> UserRead:
    set_etag(response, users.user_tag(user))
    return UserRead.model_validate(user)


@router.get("/me", operation_id="getMe", response_model=UserRead, responses={200: ETAG})
async def get_me(response: Response, caller: Caller) -> UserRead:
    """Return who is calling."""
    return _answer(response, caller)


@router.get("", operation_id="listUsers", response_model=UserPage, responses=LISTED)
async def list_users(
    database: Db, _admin: Admin, limit: Limit = 50, cursor: Cursor = None
) -> UserPage:
    """List people, oldest account first."""
    page = await users.list_users(database, page_request(limit, cursor))
    return UserPage.model_validate(page)


@router.post(
    "",
    operation_id="createUser",
    response_model=UserRead,
    status_code=201,
    responses={201: ETAG, **documented("name_taken")},
)
async def create_user(
    response: Response, body: UserCreate, database: Db, accounts: AppAccounts, admin: Admin
) -> UserRead:
    """Make an account."""
    password = await hashed(accounts, body.password.get_secret_value(), body.email)
    values = body.model_dump(exclude={"password"})
    user = await users.create_user(database, actor_of(admin), values, password)
    return _answer(response, user)


@router.get(
    "/{user_id:uuid}", operation_id="getUser", response_model=UserRead, responses={200: ETAG, **ONE}
)
async def get_user(response: Response, user_id: Id, database: Db, _admin: Admin) -> UserRead:
    """Return one person."""
    return _answer(response, await users.get_user(database, user_id))


@router.patch(
    "/{user_id:uuid}",
    operation_id="changeUser",
    response_model=UserRead,
    responses={200: ETAG, **EDITED, **documented("in_use", "name_taken")},
)
async def change_user(  # noqa: PLR0913  FastAPI's dependencies are parameters
    response: Response,
    user_id: Id,
    body: UserPatch,
    database: Db,
    accounts: AppAccounts,
    admin: Admin,
    revision: Revision,
) -> UserRead:
    """Change an account, deactivate it, or give it a new password."""
    password: str | None = None
    if "password" in body.model_fields_set:
        if body.password is None:
            raise InvalidField("/password", "A password cannot be taken away.")
        known = await users.get_user(database, user_id)
        password = await hashed(accounts, body.password.get_secret_value(), known.email)
    values = body.sent("password")
    user = await users.change_user(database, actor_of(admin), user_id, revision, values, password)
    return _answer(response, user)
