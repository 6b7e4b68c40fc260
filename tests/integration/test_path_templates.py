"""Path templates at work: files that none can be made for, and those beside them."""

import uuid
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from app.database import Database
from app.harvest.backfill import backfill
from app.models import Copy, InstrumentStorage, SourceFile
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import Lab, engine_for
from tests.integration.factories import make_instrument, make_storage

NAMELESS = "..."  # its stem is "..", and that is a way out


@pytest.fixture
async def lab(database: Database, tmp_path: Path) -> Lab:
    """One instrument, one storage location whose paths are made of the files' stems."""
    source, place = tmp_path / "instrument", tmp_path / "place"
    source.mkdir()
    place.mkdir()
    instrument = await make_instrument(database, quiet_seconds=0.0, slug="scope")
    storage = await make_storage(database, place, instrument)

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    return Lab(database, engine_for(database, open_source), instrument, storage, source, place)


async def _template(lab: Lab, template: str | None) -> None:
    async with lab.database.write() as session:
        await session.execute(update(InstrumentStorage).values(template=template))


async def test_a_file_that_no_path_can_be_made_for_waits_and_holds_up_no_other(lab: Lab) -> None:
    await _template(lab, "{stem}/{acquired:%Y}")
    lab.write("a.raw", b"one")
    lab.write(NAMELESS, b"two")
    lab.write("b.raw", b"three")
    await lab.harvest()
    made = sorted(path.parent.name for path in lab.target.glob("*/2*"))
    assert made == ["a", "b"]
    async with lab.database.read() as session:
        held = (await session.scalars(select(SourceFile).where(SourceFile.state == "held"))).one()
    assert (held.path_bytes, held.reason_code) == (NAMELESS.encode(), "template_invalid")
    assert NAMELESS in (held.reason or "")
    assert held.next_try_at is not None
    await _template(lab, None)
    async with lab.database.write() as session:
        await session.execute(update(SourceFile).values(next_try_at=SourceFile.first_seen_at))
    await lab.harvest()
    assert (lab.target / "scope" / NAMELESS).read_bytes() == b"two"


async def test_filling_a_place_tells_of_a_file_that_no_path_can_be_made_for(lab: Lab) -> None:
    for name, content in (("a.raw", b"one"), (NAMELESS, b"two"), ("b.raw", b"three")):
        lab.write(name, content)
    await lab.harvest()
    other = lab.target.with_name("other")
    other.mkdir()
    place = await make_storage(lab.database, other, lab.instrument)
    async with lab.database.write() as session:
        await session.execute(
            update(InstrumentStorage)
            .where(InstrumentStorage.storage_location_id == place)
            .values(template="{stem}/{acquired:%Y}", backfill_pending=True)
        )
        await session.execute(delete(Copy).where(Copy.storage_location_id == place))
    assert await backfill(lab.database) == 2
    while await backfill(lab.database) >= 0:
        pass
    await lab.drain()
    assert sorted(path.parent.name for path in other.glob("*/2*")) == ["a", "b"]
    async with lab.database.read() as session:
        shown = (await session.scalars(select(Copy).where(Copy.state == "conflict"))).one()
    assert shown.error_code == "template_invalid"
    assert NAMELESS in (shown.error_detail or "")
