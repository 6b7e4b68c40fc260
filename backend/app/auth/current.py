"""Who is calling: the page's session cookie or a program's bearer token.

The dependencies `current_user` and `current_admin` are fastapi-users' own, so that both schemes
stand in the OpenAPI document.
"""

import uuid

from fastapi import Depends, Request
from fastapi_users import FastAPIUsers
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, CookieTransport

from app.auth.accounts import Accounts, UserStore
from app.auth.attempts import Attempts
from app.auth.tokens import SESSION_LIFETIME, TokenStrategy
from app.config import Settings
from app.database import Database
from app.models import User

SESSION_COOKIE = "streamweave_session"


def get_database(request: Request) -> Database:
    """Return the database that the application opened."""
    database: Database = request.app.state.database
    return database


def get_app_settings(request: Request) -> Settings:
    """Return the settings that the application was made with."""
    settings: Settings = request.app.state.settings
    return settings


def get_attempts(request: Request) -> Attempts:
    """Return what counts the sign-in attempts of this process."""
    attempts: Attempts = request.app.state.attempts
    return attempts


def get_accounts(
    database: Database = Depends(get_database), settings: Settings = Depends(get_app_settings)
) -> Accounts:
    """Return fastapi-users' manager."""
    return Accounts(UserStore(database), settings)


def get_session_strategy(database: Database = Depends(get_database)) -> TokenStrategy:
    """Return the strategy of the cookie."""
    return TokenStrategy(database, "session")


def get_bearer_strategy(database: Database = Depends(get_database)) -> TokenStrategy:
    """Return the strategy of bearer tokens."""
    return TokenStrategy(database, "token")


def session_backend(*, secure: bool) -> AuthenticationBackend[User, uuid.UUID]:
    """Return the cookie backend; `secure` when the page is served by HTTPS."""
    transport = CookieTransport(
        cookie_name=SESSION_COOKIE,
        cookie_max_age=int(SESSION_LIFETIME.total_seconds()),
        cookie_secure=secure,
        cookie_httponly=True,
        cookie_samesite="lax",
    )
    return AuthenticationBackend("session", transport, get_session_strategy)


bearer_backend: AuthenticationBackend[User, uuid.UUID] = AuthenticationBackend(
    "bearer", BearerTransport("/api/auth/token"), get_bearer_strategy
)

# Bearer first: a program that also carries a cookie means its token.
_users = FastAPIUsers[User, uuid.UUID](get_accounts, [bearer_backend, session_backend(secure=True)])

current_user = _users.current_user(active=True)
current_admin = _users.current_user(active=True, superuser=True)
current_user_token = _users.authenticator.current_user_token(active=True)
