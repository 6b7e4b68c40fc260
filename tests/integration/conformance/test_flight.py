"""A flight check goes through each kind of storage and leaves nothing there."""

import os
import uuid
from pathlib import Path

from app.harvest.flight import fly, remove_scratch, scratch_copy
from app.transfers.base import Storage
from app.transfers.local import LocalSource
from tests.integration.conformance.places import Place

ALL = ["ready", "received", "proven", "published", "removed"]


async def test_a_flight_arrives_and_leaves_nothing(
    storage: Storage, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(os.urandom(3000))
    source = LocalSource(tmp_path)
    (facts,) = await source.stat([b"small"])
    assert isinstance(facts, tuple)
    copy = scratch_copy(uuid.uuid4(), b"small", facts)
    stations = [station async for station in fly(copy, source, storage)]
    assert [station.error for station in stations] == [None] * 5
    assert [station.name for station in stations] == ALL
    received = stations[1].evidence["received_sha256"]
    assert [s.evidence.get("read_back_sha256") for s in stations].count(received) >= 1
    async with storage.batch() as batch:
        assert await batch.look(copy.target) == (None, None)
    assert [path async for path, *_ in storage.temporaries()] == []
    assert await storage.journals() in ({}, dict.fromkeys(await storage.journals(), 0))


async def test_what_a_killed_flight_left_is_removed(
    storage: Storage, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"content")
    source = LocalSource(tmp_path)
    (facts,) = await source.stat([b"small"])
    assert isinstance(facts, tuple)
    copy = scratch_copy(uuid.uuid4(), b"small", facts)
    flight = fly(copy, source, storage)
    async for station in flight:
        if station.name == "published":
            break  # killed here
    await flight.aclose()
    async with storage.batch() as batch:
        final, _ = await batch.look(copy.target)
        assert final is not None
        await remove_scratch(copy, storage, batch)
        assert await batch.look(copy.target) == (None, None)
