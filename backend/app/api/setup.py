"""The first admin."""

from fastapi import APIRouter

from app.api.deps import PUBLIC, AppAccounts, Db, hashed
from app.api.problems import documented
from app.schemas.users import SetupCreate, SetupRead, UserRead
from app.services import users

router = APIRouter(prefix="/setup", tags=["setup"])


@router.get("", operation_id="getSetup", response_model=SetupRead, responses=PUBLIC)
async def get_setup(database: Db) -> SetupRead:
    """Tell whether the first admin is still to be made."""
    return SetupRead(needed=await users.setup_needed(database))


@router.post(
    "",
    operation_id="createFirstAdmin",
    response_model=UserRead,
    status_code=201,
    responses={**PUBLIC, **documented("setup_code_invalid", "csrf_failed", "name_taken")},
)
async def create_first_admin(body: SetupCreate, database: Db, accounts: AppAccounts) -> UserRead:
    """Make the first admin with the one-time code that `streamweave up` printed."""
    password = await hashed(accounts, body.password.get_secret_value(), body.email)
    user = await users.create_first_admin(database, body.code, body.email, password)
    return UserRead.model_validate(user)
