"""The API in process, on both databases, with an admin, a stranger and nobody."""

import contextlib
import sys
import types
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import SecretStr

from app.auth.tokens import hash_token, new_token
from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.main import create_app
from app.models import ApiToken, Copy, CopyState, FileState, SourceFile, User, Version, new_id
from app.services.files import path_hash

PASSWORD = "correct horse battery"
# Of PASSWORD; made once, since the hash is slow on purpose.
_HASHES: dict[str, str] = {}


def password_hash() -> str:
    """Return the stored form of PASSWORD."""
    if PASSWORD not in _HASHES:
        from fastapi_users.password import PasswordHelper

        _HASHES[PASSWORD] = PasswordHelper().hash(PASSWORD)
    return _HASHES[PASSWORD]


@dataclass
class Api:
    """The running application and what tests do with it."""

    app: FastAPI
    database: Database
    settings: Settings
    roots: Path
    stack: contextlib.AsyncExitStack
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def client(self, token: str | None = None) -> httpx.AsyncClient:
        """Return a client, with a bearer token when one is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://test",
                headers=headers,
                timeout=60,
            )
        )

    async def make_user(self, email: str, *, admin: bool = False) -> tuple[User, str]:
        """Store a person with a token; return both."""
        value = new_token()
        user = User(
            id=new_id(),
            email=email,
            hashed_password=password_hash(),
            is_superuser=admin,
            is_active=True,
            is_verified=True,
            created_at=utcnow(),
        )
        async with self.database.write() as session:
            session.add(user)
            await session.flush()
            session.add(
                ApiToken(
                    user_id=user.id,
                    token_hash=hash_token(value),
                    kind="token",
                    created_at=utcnow(),
                    expires_at=None,
                )
            )
        return user, value

    @property
    def admin(self) -> httpx.AsyncClient:
        """The admin's client."""
        return self.clients["admin"]

    @property
    def stranger(self) -> httpx.AsyncClient:
        """Somebody who is signed in and may see nothing."""
        return self.clients["stranger"]

    @property
    def anonymous(self) -> httpx.AsyncClient:
        """Nobody."""
        return self.clients["anonymous"]

    async def make(self, resource: str, /, **body: Any) -> dict[str, Any]:
        """Create a resource as admin."""
        answer = await self.admin.post(f"/api/{resource}", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def make_storage(self, name: str = "archive") -> dict[str, Any]:
        """Create a storage location in a directory of its own."""
        return await self.make("storage", name=name, path=str(self.roots / name))

    async def make_instrument(self, slug: str = "tem-2", **more: Any) -> dict[str, Any]:
        """Create an instrument that is read from a local directory."""
        source = self.roots / f"source-{slug}"
        source.mkdir(exist_ok=True)
        body = {"name": slug.upper(), "slug": slug, "protocol": "local", "root": str(source)}
        return await self.make("instruments", **{**body, **more})

    async def make_file(
        self, instrument_id: str, storage_id: str, path: str, *, state: CopyState
    ) -> tuple[uuid.UUID, uuid.UUID]:
        """Store a planned file with one version and one copy; return the ids of file and copy."""
        now, raw = utcnow(), path.encode()
        file = SourceFile(
            id=new_id(),
            instrument_id=uuid.UUID(instrument_id),
            path=path,
            path_bytes=raw,
            path_hash=path_hash(path),
            directory_hash=bytes(32),
            state=FileState.PLANNED,
            listed_size_bytes=5,
            listed_mtime_ns=1,
            size_bytes=5,
            mtime_ns=1,
            first_seen_at=now,
            unchanged_since=now,
            latest_version=1,
        )
        version = Version(
            id=new_id(),
            source_file_id=file.id,
            number=1,
            size_bytes=5,
            mtime_ns=1,
            seen_mtime_ns=1,
            created_at=now,
        )
        copy = Copy(
            id=new_id(),
            version_id=version.id,
            source_file_id=file.id,
            instrument_id=file.instrument_id,
            storage_location_id=uuid.UUID(storage_id),
            state=state,
            dest_path=path,
            dest_path_bytes=raw,
            dest_key=path_hash(path),
            size_bytes=5,
            intent={"sha256": "00"} if state == CopyState.AVAILABLE else None,
            error_code="storage_error" if state == CopyState.FAILED else None,
            created_at=now,
            state_since=now,
        )
        async with self.database.write() as session:
            session.add(file)
            await session.flush()
            session.add(version)
            await session.flush()
            session.add(copy)
        return file.id, copy.id


def api_settings(data: Path, url: str | None, roots: Path) -> Settings:
    """Return settings of an embedded installation for tests."""
    return Settings(
        _env_file=None,
        data=data,
        database_url=SecretStr(url) if url else None,
        secret_keys=SecretStr(Fernet.generate_key().decode()),
        local_roots=str(roots),
    )


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The API on a fresh database."""
    roots = tmp_path / "roots"
    roots.mkdir()
    settings = api_settings(tmp_path / "data", database_url, roots)
    app = create_app(settings, background=False)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        made = Api(app, app.state.database, settings, roots, stack)
        for name, admin in (("admin", True), ("stranger", False)):
            _, token = await made.make_user(f"{name}@lab.example", admin=admin)
            made.clients[name] = await made.client(token)
        made.clients["anonymous"] = await made.client()
        yield made


@dataclass(frozen=True)
class Ticket:
    """What the orchestration answers to Harvest Now."""

    run_id: uuid.UUID | None
    joined: bool
    requested_at: Any


@pytest.fixture
def orchestration(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Stands for Prefect: answers each harvest with a run, and lists what was asked."""
    asked: list[uuid.UUID] = []

    async def request_harvest(
        database: Database, instrument_id: uuid.UUID, *, actor: str, user_id: uuid.UUID | None
    ) -> Ticket:
        asked.append(instrument_id)
        return Ticket(new_id(), False, utcnow())

    async def prefect_health(settings: Settings) -> dict[str, Any]:
        return {"reachable": False}

    module = types.ModuleType("app.services.orchestration")
    module.request_harvest = request_harvest  # type: ignore[attr-defined]
    module.prefect_health = prefect_health  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.services.orchestration", module)
    return asked
