"""The whole OpenAPI document, driven with made-up requests as admin, on both databases.

What the document promises is what comes: no 500, no undocumented status, media type, header or
body. Requests that break it are refused. Left out are `logout`, which would end the driving
session, and `streamEvents`, which never ends.
"""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi import checks
from sqlalchemy import create_engine, insert
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.tokens import hash_token, new_token
from app.clock import utcnow
from app.main import create_app
from app.models import ApiToken, User, new_id
from tests.integration.api_fixtures import api_settings, password_hash

pytest_plugins = ("tests.integration.api_fixtures",)


def _admin_token(url: str) -> str:
    """Store an admin and return a token; by a connection of its own, since the API has its loop."""
    value, user_id, now = new_token(), new_id(), utcnow()
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(
            insert(User).values(
                id=user_id,
                email="admin@lab.example",
                hashed_password=password_hash(),
                is_superuser=True,
                is_active=True,
                is_verified=True,
                display_name="",
                created_at=now,
            )
        )
        connection.execute(
            insert(ApiToken).values(
                id=new_id(),
                user_id=user_id,
                token_hash=hash_token(value),
                kind="token",
                name="",
                created_at=now,
            )
        )
    engine.dispose()
    return value


class Served:
    """Stands for the API of the present test: the document is read once, the databases change."""

    target: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the application of the present test, which has its own lifespan."""
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        await self.target(scope, receive, send)


SERVED = Served()


@pytest.fixture
def token(database_url: str, tmp_path: Path, orchestration: list[uuid.UUID]) -> Iterator[str]:
    """Serve a fresh API; the admin's token."""
    roots = tmp_path / "roots"
    roots.mkdir()
    app = create_app(api_settings(tmp_path / "data", database_url, roots), background=False)
    lifespan = app.router.lifespan_context(app)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(lifespan.__aenter__())
    SERVED.target = app
    yield _admin_token(database_url)
    loop.run_until_complete(lifespan.__aexit__(None, None, None))
    loop.close()


def _document(*, coverage: bool) -> Any:
    nowhere = Path("/nonexistent")
    app = create_app(api_settings(nowhere, None, nowhere), background=False)
    loaded = schemathesis.openapi.from_dict(app.openapi())
    loaded.config.phases.coverage.enabled = coverage
    loaded.app = SERVED
    return loaded.exclude(operation_id=["logout", "streamEvents"])


def _drive(case: Case[Any], token: str) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        # A valid shape may still break a rule (a cron that never comes, a zone without a worker).
        excluded_checks=[checks.positive_data_acceptance],
    )


# Each limit of each field, some fifty requests an operation: what is refused there never reaches a
# database, so that one of them is enough.
every_limit = _document(coverage=True)
some_requests = _document(coverage=False)
_MADE_UP = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@every_limit.parametrize()  # type: ignore[untyped-decorator]
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(_MADE_UP, max_examples=2)
def test_the_api_keeps_what_its_document_promises_at_every_limit(
    case: Case[Any], token: str
) -> None:
    _drive(case, token)


@some_requests.parametrize()  # type: ignore[untyped-decorator]
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@settings(_MADE_UP, max_examples=5)
def test_the_api_keeps_what_its_document_promises(case: Case[Any], token: str) -> None:
    _drive(case, token)
