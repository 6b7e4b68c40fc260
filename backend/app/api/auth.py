"""Signing in and out: the page by cookie, programs by bearer token."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi_users.authentication import AuthenticationBackend

from app.api.deps import PUBLIC, SIGNED_IN, AppAccounts, Db
from app.api.problems import documented
from app.auth.attempts import Attempts, client_key
from app.auth.current import (
    bearer_backend,
    current_user_token,
    get_attempts,
    get_bearer_strategy,
    get_session_strategy,
)
from app.auth.tokens import TokenStrategy
from app.errors import StreamWeaveError
from app.models import User
from app.schemas.users import BearerToken
from app.services.sign_ins import record_refusal, record_sign_in

router = APIRouter(prefix="/auth", tags=["auth"])

Session = Annotated[TokenStrategy, Depends(get_session_strategy)]
Bearer = Annotated[TokenStrategy, Depends(get_bearer_strategy)]
Username = Annotated[str, Form(max_length=320, pattern=r"^[^\x00]*$", examples=["ada@lab.example"])]
Password = Annotated[str, Form(max_length=1000, json_schema_extra={"format": "password"})]


async def _signed_in(
    request: Request,
    database: Db,
    accounts: AppAccounts,
    attempts: Annotated[Attempts, Depends(get_attempts)],
    username: Username,
    password: Password,
) -> User:
    client = client_key(request.client.host if request.client else None)
    attempt = attempts.begin({"email": username.lower(), "client": client})
    tried = await accounts.sign_in(username, password)
    if tried.user is None or not tried.accepted:
        await record_refusal(database, tried.user.id if tried.user else None)
        raise StreamWeaveError("sign_in_refused")
    attempts.forgive(attempt)
    await record_sign_in(database, tried.user.id)
    return tried.user


SignedIn = Annotated[User, Depends(_signed_in)]


@router.post(
    "/login",
    operation_id="login",
    status_code=204,
    response_class=Response,
    responses={**PUBLIC, **documented("sign_in_refused", "too_many_attempts", "csrf_failed")},
)
async def login(request: Request, user: SignedIn, strategy: Session) -> Response:
    """Sign the page in: sets the session cookie (HttpOnly) and the CSRF cookie."""
    backend: AuthenticationBackend[User, uuid.UUID] = request.app.state.session_backend
    return await backend.login(strategy, user)


@router.post(
    "/token",
    operation_id="createBearerToken",
    response_model=BearerToken,
    responses={**PUBLIC, **documented("sign_in_refused", "too_many_attempts", "csrf_failed")},
)
async def token(user: SignedIn, strategy: Bearer) -> Response:
    """Sign a program in: the answer holds a bearer token."""
    return await bearer_backend.login(strategy, user)


@router.post(
    "/logout",
    operation_id="logout",
    status_code=204,
    response_class=Response,
    responses=SIGNED_IN,
)
async def logout(
    request: Request,
    caller: Annotated[tuple[User, str], Depends(current_user_token)],
    strategy: Session,
) -> Response:
    """Revoke the session or token that this request came with."""
    backend: AuthenticationBackend[User, uuid.UUID] = request.app.state.session_backend
    user, value = caller
    return await backend.logout(strategy, user, value)
