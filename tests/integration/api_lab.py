"""An instrument that was added by the API, harvested by an engine of this process."""

import uuid
from pathlib import Path

from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import Lab, engine_for


async def lab_of(api: Api, storage_id: str, target: Path) -> Lab:
    """Add an instrument whose files go to a storage location; `target` is where that lies."""
    instrument = await api.make_instrument("tem-2", quiet_seconds=0)
    source = api.roots / "source"
    source.mkdir()
    await api.admin.patch(
        f"/api/instruments/{instrument['id']}",
        json={"storage": [{"storage_location_id": storage_id}]}, headers={"If-Match": '"r1"'},
    )  # fmt: skip

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    engine = engine_for(api.database, open_source, settings=api.settings)
    instrument_id, place = uuid.UUID(instrument["id"]), uuid.UUID(storage_id)
    return Lab(api.database, engine, instrument_id, place, source, target)
