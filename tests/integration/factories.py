"""Rows that tests need, made as the services make them."""

import uuid
from pathlib import Path
from typing import Any

from app.clock import utcnow
from app.database import Database
from app.models import (
    Instrument,
    InstrumentStorage,
    ScanState,
    Slot,
    StorageLocation,
    new_id,
)
from app.transfers.posix import SENTINEL


async def make_instrument(database: Database, **values: Any) -> uuid.UUID:
    """Insert an instrument with its scan state and slots."""
    number = new_id().hex[-6:]
    defaults = {
        "name": f"Instrument {number}",
        "slug": f"instrument-{number}",
        "protocol": "local",
        "quiet_seconds": 0.0,
        "connections": 4,
    }
    instrument = Instrument(**{**defaults, **values}, created_at=utcnow(), updated_at=utcnow())
    async with database.write() as session:
        session.add(instrument)
        await session.flush()
        session.add(ScanState(instrument_id=instrument.id))
        for slot in range(1, instrument.connections + 1):
            session.add(Slot(instrument_id=instrument.id, number=slot))
    return instrument.id


async def make_storage(
    database: Database, path: Path, *instruments: uuid.UUID, **values: Any
) -> uuid.UUID:
    """Make a POSIX storage location with its sentinel, used by the instruments."""
    sentinel = uuid.uuid4()
    (path / SENTINEL).parent.mkdir(parents=True, exist_ok=True)
    (path / SENTINEL).write_text(f'{{"storage": "{sentinel}"}}')
    location = StorageLocation(
        name=f"Storage {sentinel.hex[:6]}", kind="posix", path=str(path), sentinel=sentinel,
        created_at=utcnow(), updated_at=utcnow(), **values,
    )  # fmt: skip
    async with database.write() as session:
        session.add(location)
        await session.flush()
        for instrument_id in instruments:
            session.add(
                InstrumentStorage(instrument_id=instrument_id, storage_location_id=location.id)
            )
    return location.id
