"""What routes ask for: the caller, the database, the page, the revision that was read."""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response

from app.api.problems import documented
from app.auth.accounts import Accounts
from app.auth.current import (
    current_admin,
    current_user,
    current_user_token,
    get_accounts,
    get_app_settings,
    get_database,
)
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import User
from app.services.credentials import Vault
from app.services.edits import InvalidField, user_actor
from app.services.idempotency import Trigger
from app.services.instruments import Editor
from app.services.pagination import MAX_LIMIT, PageRequest

# Proxies that compress weaken an ETag or add their algorithm to it.
_ETAG = r'^(W/)?"r[0-9]{1,18}(-[a-z]+)?"$'


def get_vault(request: Request) -> Vault:
    """Return the vault that the application opened."""
    vault: Vault = request.app.state.vault
    return vault


Db = Annotated[Database, Depends(get_database)]
AppSettings = Annotated[Settings, Depends(get_app_settings)]
AppVault = Annotated[Vault, Depends(get_vault)]
AppAccounts = Annotated[Accounts, Depends(get_accounts)]
Caller = Annotated[User, Depends(current_user)]
CallerToken = Annotated[tuple[User, str], Depends(current_user_token)]
Admin = Annotated[User, Depends(current_admin)]


def get_editor(database: Db, settings: AppSettings, vault: AppVault, admin: Admin) -> Editor:
    """Return the admin with what editing an instrument needs."""
    return Editor(database, settings, vault, admin.id)


Edits = Annotated[Editor, Depends(get_editor)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="the same key within 24 hours gets the same answer",
    ),
]


def trigger_of(user_id: uuid.UUID, key: str, request: Mapping[str, Any]) -> Trigger:
    """Return who asks for what under which key; some clients put it between quotes."""
    return Trigger(user_id, key.strip().removeprefix('"').removesuffix('"'), request)


def get_revision(
    if_match: Annotated[
        str | None,
        Header(description="the ETag of your last read", examples=['"r1"'], pattern=_ETAG),
    ] = None,
) -> int:
    """Return the revision in If-Match.

    Raises:
        StreamWeaveError: `if_match_required` without one.
    """
    if if_match is None:
        raise StreamWeaveError("if_match_required")
    return int(re.sub(r"[^0-9]", "", if_match))


Revision = Annotated[int, Depends(get_revision)]
Cursor = Annotated[
    str | None, Query(max_length=20000, description="`next_cursor` of the page before")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
# Query texts go into SQL parameters: PostgreSQL holds no NUL.
Text = Annotated[str, Query(max_length=4096, pattern=r"^[^\x00]*$")]

NamePart = Annotated[
    Text | None, Query(max_length=200, description="a part of the name, in whatever case")
]
ErrorCode = Annotated[str, Query(max_length=60, pattern=r"^[a-z0-9_]+$")]


def set_etag(response: Response, revision: int) -> None:
    """Send a revision as the ETag."""
    response.headers["ETag"] = f'"r{revision}"'


def page_request(limit: int, cursor: str | None, **filters: Any) -> PageRequest:
    """Return the page that is asked for, its filters bound to the cursor."""
    return PageRequest(limit, cursor, filters)


def actor_of(user: User) -> str:
    """Return how the audit trail names the caller."""
    return user_actor(user.id)


async def hashed(accounts: Accounts, password: str, email: str) -> str:
    """Return the hash of a password that is strong enough.

    Raises:
        InvalidField: names what is missing.
    """
    reason = accounts.password_problem(password, email)
    if reason is not None:
        raise InvalidField("/password", reason)
    return await accounts.hash_password(password)


ETAG: dict[str, Any] = {
    "headers": {"ETag": {"description": "send it in If-Match", "schema": {"type": "string"}}}
}
PUBLIC = documented("invalid_request", "internal_error")
SIGNED_IN = documented(
    "invalid_request", "not_signed_in", "not_allowed", "csrf_failed", "internal_error"
)
LISTED = documented("cursor_invalid")
ONE = documented("not_found")
EDITED = documented("not_found", "edit_conflict", "if_match_required")

Id = uuid.UUID
