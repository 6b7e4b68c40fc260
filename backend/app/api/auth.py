"""Signing in and out: the page by cookie, programs by bearer token."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.security import OAuth2PasswordRequestForm
from fastapi_users.authentication import AuthenticationBackend

from app.api.deps import PUBLIC, SIGNED_IN, AppAccounts
from app.api.problems import documented
from app.auth.current import (
    bearer_backend,
    current_user_token,
    get_bearer_strategy,
    get_session_strategy,
)
from app.auth.tokens import TokenStrategy
from app.errors import StreamWeaveError
from app.models import User
from app.schemas.users import BearerToken

router = APIRouter(prefix="/auth", tags=["auth"])

Session = Annotated[TokenStrategy, Depends(get_session_strategy)]
Bearer = Annotated[TokenStrategy, Depends(get_bearer_strategy)]
Username = Annotated[str, Form(max_length=320, pattern=r"^[^\x00]*$", examples=["ada@lab.example"])]
Password = Annotated[str, Form(max_length=1000, json_schema_extra={"format": "password"})]


async def _signed_in(accounts: AppAccounts, username: Username, password: Password) -> User:
    form = OAuth2PasswordRequestForm(username=username, password=password)
    user = await accounts.authenticate(form)
    if user is None or not user.is_active:
        raise StreamWeaveError("sign_in_refused")
    return user


SignedIn = Annotated[User, Depends(_signed_in)]


@router.post(
    "/login",
    operation_id="login",
    status_code=204,
    response_class=Response,
    responses={**PUBLIC, **documented("sign_in_refused", "csrf_failed")},
)
async def login(request: Request, user: SignedIn, strategy: Session) -> Response:
    """Sign the page in: sets the session cookie (HttpOnly) and the CSRF cookie."""
    backend: AuthenticationBackend[User, uuid.UUID] = request.app.state.session_backend
    return await backend.login(strategy, user)


@router.post(
    "/token",
    operation_id="createBearerToken",
    response_model=BearerToken,
    responses={**PUBLIC, **documented("sign_in_refused", "csrf_failed")},
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
