"""Multi-row statements on both databases."""

import uuid
from typing import cast

from sqlalchemy import Table

from app.database import Database
from app.harvest.store.bulk import insert_new_rows, insert_rows, update_rows
from app.models import Setting, Slot
from app.models.base import new_id
from tests.integration.factories import make_instrument

SETTINGS = cast(Table, Setting.__table__)
SLOTS = cast(Table, Slot.__table__)


async def test_only_rows_whose_fence_fits_are_updated(database: Database) -> None:
    instrument_id = await make_instrument(database)
    async with database.write() as session:
        await insert_rows(
            session,
            SETTINGS,
            [{"key": f"k{n}", "value": {"n": n}} for n in range(500)],
        )
        changed = await update_rows(
            session,
            SETTINGS,
            [{"key": f"k{n}", "value": {"n": n + 1}} for n in range(400, 600)],
            keys=["key"],
            where=[Setting.key != "k450"],
        )
    assert len(changed) == 99
    assert instrument_id


async def test_an_insert_that_a_unique_index_refuses_disturbs_no_other(database: Database) -> None:
    instrument_id = await make_instrument(database)
    rows = [{"instrument_id": instrument_id, "number": n, "until_ms": 0} for n in (11, 12)]
    async with database.write() as session:
        await insert_rows(session, SLOTS, rows)
        rows.append({"instrument_id": instrument_id, "number": 13, "until_ms": 0})
        inserted = await insert_new_rows(session, SLOTS, rows, returning="number")
    assert inserted == {13}
    assert isinstance(new_id(), uuid.UUID)
