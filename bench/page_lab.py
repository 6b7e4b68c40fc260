"""A catalogue of many files with its API process, for browsers; and changes in its database."""

import contextlib
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any, cast

import httpx
from cryptography.fernet import Fernet
from fastapi_users.password import PasswordHelper
from sqlalchemy import Table, insert

from app.clock import utcnow
from app.database import Database
from app.models import Outbox, User, new_id
from bench.databases import refresh_statistics
from bench.report import say
from bench.rows import SeededLab, seed_catalogue, seed_lab
from simlab.process import LOOPBACK, ServerProcess

_INSTRUMENTS = 20
_TABLES = ("source_files", "versions", "copies", "name_words", "audit_events", "instruments")
ADMIN, PASSWORD = "admin@bench.example", "measure twice cut once"
# One of each for an instrument: the stream tells different things one by one.
_NEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("copy.available", {"state": "available", "size_bytes": 1000}),
    ("copy.failed", {"state": "failed", "code": "read_back_mismatch"}),
    ("files.planned", {"count": 1, "size_bytes": 1000}),
    ("scan.finished", {"count": 1}),
    ("run.progress", {"state": "live"}),
)


class PageServer(ServerProcess):
    """The API process with the built page; no worker and no Prefect beside it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__("api", logs=folder)
        self._variables = {
            "STREAMWEAVE_DATA": str(folder / "data"),
            "STREAMWEAVE_DATABASE_URL": database_url,
            "STREAMWEAVE_SECRET_KEYS": Fernet.generate_key().decode(),
            # Nobody listens there: what starts runs has nothing to do.
            "STREAMWEAVE_PREFECT_API_URL": f"http://{LOOPBACK}:9/api",
        }

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.host}:{self.port}"

    def command(self, port: int) -> Sequence[str]:
        """Run it as the embedded stack does."""
        return [
            sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", "--no-access-log",
            "--host", LOOPBACK, "--port", str(port), "--timeout-graceful-shutdown", "2",
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        """Its settings."""
        return self._variables

    def answers(self, port: int) -> bool:
        """Whether it serves the page."""
        try:
            return httpx.get(f"http://{LOOPBACK}:{port}/", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(frozen=True)
class PageLab:
    """What browsers look at."""

    url: str
    database: Database
    instruments: Sequence[uuid.UUID]

    async def tell(self, count: int) -> None:
        """Commit `count` (at most 100) changes, no two alike; the API process numbers them."""
        kinds = list(product(_NEWS, self.instruments))
        now = utcnow()
        rows = [
            {
                "id": new_id(),
                "topic": topic,
                "instrument_id": instrument,
                "payload": {**payload, "copy_id": str(new_id())},
                "created_at": now,
            }
            for (topic, payload), instrument in kinds[:count]
        ]
        async with self.database.write() as session:
            await session.execute(insert(cast(Table, Outbox.__table__)), rows)


@contextlib.asynccontextmanager
async def page_lab(url: str, folder: Path, rows: int) -> AsyncIterator[PageLab]:
    """Make the rows and serve them for the length of a block."""
    database = Database(url)
    server = PageServer(folder, url)
    try:
        lab = await _seed(database, rows)
        server.start(60)
        yield PageLab(server.url, database, lab.instruments)
    finally:
        server.close()
        await database.close()


async def _seed(database: Database, rows: int) -> SeededLab:
    lab = await seed_lab(database, _INSTRUMENTS)
    began = monotonic()
    await seed_catalogue(database, lab, rows)
    await refresh_statistics(database, _TABLES)
    say(f"{rows:,} files are made in {monotonic() - began:.0f} s.")
    admin = User(
        id=new_id(), email=ADMIN, hashed_password=PasswordHelper().hash(PASSWORD),
        is_superuser=True, is_active=True, is_verified=True, created_at=utcnow(),
    )  # fmt: skip
    async with database.write() as session:
        session.add(admin)
    return lab
