"""People, for admins; `/users/me` for everyone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.api.deps import (
    EDITED,
    ETAG,
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    AppAccounts,
    Caller,
    CallerToken,
    Cursor,
    Db,
    Id,
    Limit,
    NamePart,
    Revision,
    actor_of,
    hashed,
    page_request,
    set_etag,
)
from app.api.problems import documented
from app.auth.attempts import Attempts, client_key
from app.auth.current import get_attempts
from app.auth.tokens import hash_token
from app.models import User
from app.schemas.users import MePatch, MeRead, UserCreate, UserPage, UserPatch, UserRead
from app.services import users
from app.services.edits import InvalidField
from app.services.sign_ins import record_refusal

router = APIRouter(prefix="/users", tags=["users"], responses=SIGNED_IN)


def _answer(response: Response, user: User) -> UserRead:
    set_etag(response, users.user_tag(user))
    return UserRead.model_validate(user)


def _me(response: Response, user: User) -> MeRead:
    set_etag(response, users.user_tag(user))
    return MeRead.model_validate(user)


@router.get("/me", operation_id="getMe", response_model=MeRead, responses={200: ETAG})
async def get_me(response: Response, caller: Caller) -> MeRead:
    """Return who is calling."""
    return _me(response, caller)


@router.patch(
    "/me",
    operation_id="changeMe",
    response_model=MeRead,
    responses={
        200: ETAG,
        **documented("edit_conflict", "if_match_required", "too_many_attempts", "not_found"),
    },
)
async def change_me(  # noqa: PLR0913  FastAPI's dependencies are parameters
    request: Request,
    response: Response,
    body: MePatch,
    database: Db,
    accounts: AppAccounts,
    attempts: Annotated[Attempts, Depends(get_attempts)],
    caller: CallerToken,
    revision: Revision,
) -> MeRead:
    """Change one's name, password or preferences; a new password ends all other sessions."""
    user, token = caller
    password: str | None = None
    if body.password is not None:
        given = body.current_password.get_secret_value() if body.current_password else ""
        client = client_key(request.client.host if request.client else None)
        attempt = attempts.begin({"email": user.email.lower(), "client": client})
        if not (await accounts.sign_in(user.email, given)).accepted:
            await record_refusal(database, user.id)
            raise InvalidField("/current_password", "This is not your present password.")
        attempts.forgive(attempt)
        password = await hashed(accounts, body.password.get_secret_value(), user.email)
    values = body.sent("password", "current_password")
    change = users.OwnChange(revision, values, password, hash_token(token))
    return _me(response, await users.change_me(database, user.id, change))


@router.get("", operation_id="listUsers", response_model=UserPage, responses=LISTED)
async def list_users(
    database: Db,
    _admin: Admin,
    search: NamePart = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> UserPage:
    """List people, oldest account first; `search` also looks into e-mail addresses."""
    page = await users.list_users(database, page_request(limit, cursor, search=search), search)
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
