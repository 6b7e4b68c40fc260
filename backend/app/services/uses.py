"""What uses a service account or a storage location: the instruments, by name."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.database import Database
from app.models import Instrument, InstrumentStorage


@dataclass(frozen=True)
class Use:
    """An instrument that uses something."""

    id: uuid.UUID
    name: str


async def uses_of_accounts(
    database: Database, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[Use]]:
    """Return the instruments of each service account."""
    column = Instrument.service_account_id
    return await _uses(database, select(column, Instrument.id, Instrument.name), column, ids)


async def uses_of_storage(
    database: Database, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[Use]]:
    """Return the instruments that deliver to each storage location."""
    column = InstrumentStorage.storage_location_id
    query = select(column, Instrument.id, Instrument.name).join(
        Instrument, Instrument.id == InstrumentStorage.instrument_id
    )
    return await _uses(database, query, column, ids)


async def _uses(
    database: Database, query: Any, column: Any, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[Use]]:
    found: dict[uuid.UUID, list[Use]] = {one: [] for one in ids}
    async with database.read() as session:
        rows = await session.execute(query.where(column.in_(found)).order_by(Instrument.name))
        for key, instrument_id, name in rows.all():
            found[key].append(Use(instrument_id, name))
    return found
