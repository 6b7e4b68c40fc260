"""An engine on a real database, a real folder as source and a real folder as storage."""

import hashlib
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from app.config import Settings
from app.database import Database
from app.harvest.engine import Engine
from app.harvest.ports import EngineSettings, Ports
from app.harvest.retry import RetryPolicy
from app.models import Copy, SourceFile
from app.services import audit
from app.services.identifiers.ark import ArkMinter
from app.services.storages import StorageOpener, Writer
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.integration.factories import make_instrument, make_storage

INSTALLATION = "0123456789abcdef"
OLD_NS = 1_700_000_000_000_000_000


@dataclass
class Lab:
    """One instrument, one storage location, and the engine between them."""

    database: Database
    engine: Engine
    instrument: uuid.UUID
    storage: uuid.UUID
    source: Path
    target: Path

    def write(self, name: str | bytes, content: bytes, mtime_ns: int = OLD_NS) -> Path:
        """Write a file on the instrument."""
        path = self.source / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    async def harvest(self) -> None:
        """Scan twice (two observations), then transfer until nothing is due."""
        for _ in range(2):
            result = await self.engine.scan(self.instrument)
            assert result is not None
            if result.scan.error is not None:
                raise result.scan.error
        await self.drain()

    async def drain(self) -> None:
        """Transfer until nothing is due."""
        while await self.engine.transfer(["main"]):
            pass

    async def copies(self) -> dict[str, Copy]:
        """All copies by their source path and version's place (destination path)."""
        async with self.database.read() as session:
            rows = await session.scalars(select(Copy).order_by(Copy.dest_path))
            return {row.dest_path: row for row in rows}

    async def files(self) -> dict[str, SourceFile]:
        """All source files by path."""
        async with self.database.read() as session:
            rows = await session.scalars(select(SourceFile).order_by(SourceFile.path))
            return {row.path: row for row in rows}

    def delivered(self) -> dict[str, str]:
        """What stands at the storage: path to SHA-256, StreamWeave's own folder left out."""
        return {
            str(path.relative_to(self.target)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.target.rglob("*")
            if path.is_file() and ".streamweave" not in path.parts[len(self.target.parts)]
        }


def opener_for(database: Database, settings: Settings) -> StorageOpener:
    """What opens storage locations."""
    return StorageOpener(database, settings, Writer(INSTALLATION, "tester"))


def engine_for(
    database: Database,
    open_source: Callable[..., Awaitable[Source]],
    *,
    lease_seconds: float = 60.0,
    worker: str = "tester",
    settings: Settings | None = None,
) -> Engine:
    """An engine with quick retries."""
    settings = settings or Settings()
    ports = Ports(
        open_source=open_source,  # type: ignore[arg-type]
        open_storage=StorageOpener(database, settings, Writer(INSTALLATION, worker)),
        mint=ArkMinter("99999", "sw1").mint,
        record=audit.record,
        merkle_root=audit.merkle_root,
        settings=EngineSettings(
            installation=INSTALLATION,
            worker=worker,
            lease_seconds=lease_seconds,
            publish_timeout_seconds=min(15.0, lease_seconds / 4),
            retry=RetryPolicy(0.0, 0.0, max_attempts=3, hold_seconds=0.3),
        ),
    )
    return Engine(database, ports)


@pytest.fixture
async def lab(database: Database, tmp_path: Path) -> Lab:
    """A lab with a local source."""
    source, target = tmp_path / "instrument", tmp_path / "archive"
    source.mkdir()
    target.mkdir()
    instrument = await make_instrument(database, quiet_seconds=0.0)
    storage = await make_storage(database, target, instrument)

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    return Lab(database, engine_for(database, open_source), instrument, storage, source, target)
