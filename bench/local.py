"""An engine in this process, on local folders."""

import uuid
from collections.abc import Mapping
from pathlib import Path

from app.config import Settings, get_settings
from app.database import Database
from app.harvest.engine import Engine
from app.harvest.ports import EngineSettings, Ports
from app.interpreter import prepare_interpreter
from app.services import audit
from app.services.identifiers.ark import ArkMinter
from app.services.storages import StorageOpener, Writer
from app.transfers.base import Source
from app.transfers.local import LocalSource


def local_engine(
    database: Database, folders: Mapping[uuid.UUID, Path], settings: Settings | None = None
) -> Engine:
    """Make an engine whose instruments are these folders."""

    async def open_source(instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(folders[instrument_id])

    prepare_interpreter()  # as the process of a harvest is
    writer = Writer(uuid.uuid4().hex[:16], "bench")
    ports = Ports(
        open_source=open_source,
        open_storage=StorageOpener(database, settings or get_settings(), writer),
        mint=ArkMinter("99999", "sw1").mint,
        record=audit.record,
        merkle_root=audit.merkle_root,
        settings=EngineSettings(writer.installation, writer.worker),
    )
    return Engine(database, ports)
