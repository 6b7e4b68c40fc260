"""A file appears whole and at once under a free name, and never takes another's place."""

import asyncio
from contextlib import aclosing

import pytest

from app.errors import StreamWeaveError
from app.transfers.base import ObjectFacts, Overwriting, Storage, StorageBatch, Target
from tests.integration.conformance.acts import (
    code_of,
    deliver,
    durable,
    everything,
    read_back,
    sha256,
    target,
    write,
)
from tests.integration.conformance.places import Destination, Place


async def test_storage_with_its_sentinel_is_ready(storage: Storage) -> None:
    assert await code_of(storage) == ""


async def test_storage_without_sentinel_is_not_there(place: Place) -> None:
    storage = place.open()
    await place.remove(b".streamweave/sentinel.json")
    assert await code_of(storage) == "storage_unreachable"
    await place.prepare()
    assert await code_of(storage) == ""  # the same object goes on when it is back
    await storage.close()


async def test_sentinel_of_another_storage_is_refused(place: Place) -> None:
    await place.put(b".streamweave/sentinel.json", b'{"storage": "another"}')
    storage = place.open()
    with pytest.raises(StreamWeaveError, match="storage_unreachable"):
        async with storage.batch():
            pass
    await storage.close()


@pytest.mark.parametrize("size", [0, 1, 1000, (8 << 20) + 1])
async def test_delivered_file_stands_whole_under_its_name(
    storage: Storage, place: Place, size: int
) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    delivered = await deliver(storage, b"folder/sub/file.raw", content)
    assert delivered.read.sha256 == sha256(content)
    assert delivered.read.size_bytes == size
    assert delivered.written.size_bytes == delivered.published.size_bytes == size
    assert await place.content(b"folder/sub/file.raw") == content
    assert await everything(storage, b"folder/sub/file.raw") == content
    kept = {path for path in await place.paths() if not path.startswith(b".streamweave/")}
    assert kept == {b"folder/sub/file.raw"}  # no temporary is left


async def test_an_object_has_one_identity_from_writing_to_looking(storage: Storage) -> None:
    delivered = await deliver(storage, b"one", b"first content")
    assert delivered.read.object_id == delivered.published.object_id
    if not storage.capabilities.publishes_by_writing:
        assert delivered.written == delivered.published
    async with storage.batch() as batch:
        assert await batch.look(delivered.aim) == (delivered.published, None)
        assert (await read_back(batch, delivered.aim, final=True)).object_id == (
            delivered.published.object_id
        )


async def test_nothing_stands_at_the_name_before_publishing(storage: Storage, place: Place) -> None:
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        assert await batch.look(aim) == (None, None)
        written = await write(batch, aim, b"content")
        await durable(batch, aim)
        assert await place.content(b"folder/file") is None
        final, temporary = await batch.look(aim)
        assert final is None
        if not storage.capabilities.publishes_by_writing:
            assert temporary == written
        await batch.remove_temporary(aim)
        await batch.remove_temporary(aim)  # none there is fine
        assert await batch.look(aim) == (None, None)


@pytest.mark.parametrize("standing", [b"content", b"other content"])
async def test_existing_name_is_left_alone(storage: Storage, place: Place, standing: bytes) -> None:
    await place.put(b"folder/file", standing)
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        await durable(batch, aim)
        assert await batch.publish(aim) is None
        assert await batch.publish(aim) is None
        # What stands there is looked at, to be adopted when it is the same.
        final, _ = await batch.look(aim)
        found = await read_back(batch, aim, final=True)
        await batch.remove_temporary(aim)
        assert not await batch.withdraw(aim)
    assert final == ObjectFacts(found.object_id, len(standing))
    assert found.sha256 == sha256(standing)
    assert await place.content(b"folder/file") == standing


async def test_folder_at_the_name_is_a_conflict(storage: Storage, place: Place) -> None:
    if storage.capabilities.publishes_by_writing:
        return  # an object store has no folders
    await place.put(b"folder/file/inside", b"here")
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        await durable(batch, aim)
        assert await batch.publish(aim) is None
        with pytest.raises(StreamWeaveError, match="destination_conflict"):
            await read_back(batch, aim, final=True)
        await batch.remove_temporary(aim)
    assert await place.content(b"folder/file/inside") == b"here"


async def test_file_in_the_way_of_a_folder_is_a_conflict(storage: Storage, place: Place) -> None:
    if storage.capabilities.publishes_by_writing:
        return
    await place.put(b"folder", b"a file")
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        with pytest.raises(StreamWeaveError, match="destination_conflict"):
            await write(batch, aim, b"content")
            if storage.capabilities.sends_batches:
                await batch.publish(aim)  # its temporary is not beside the final name
    assert await place.content(b"folder") == b"a file"


async def _publish(batch: StorageBatch, aim: Target) -> ObjectFacts | None:
    """Publish; who is told that somebody is at it asks again."""
    try:
        return await batch.publish(aim)
    except StreamWeaveError as error:
        assert error.code == "storage_file_locked"
        return await batch.publish(aim)


async def test_one_of_two_who_race_for_a_name_wins(
    storage: Storage, place: Place, destination: Destination
) -> None:
    """The suite tries to overwrite: what a storage says of itself must be true."""
    await storage.check_ready()
    refused = Overwriting.REFUSED
    assert (storage.capabilities.overwriting is refused) == destination.refuses_overwrite
    assert storage.capabilities.durable == destination.is_durable
    if not destination.refuses_overwrite or not destination.keeps_racers_apart:
        return
    other = place.open()
    for attempt in range(10):
        first, second = target(b"race-%d" % attempt), target(b"race-%d" % attempt)
        async with storage.batch() as one, other.batch() as two:
            await write(one, first, b"from the first")
            await write(two, second, b"from the second")
            answers = await asyncio.gather(_publish(one, first), _publish(two, second))
            await one.remove_temporary(first)
            await two.remove_temporary(second)
        assert sum(answer is not None for answer in answers) == 1
        content = b"from the first" if answers[0] else b"from the second"
        assert await place.content(first.dest_path) == content
    await other.close()


async def test_several_files_are_on_their_way_at_once(
    destination: Destination, storage: Storage, place: Place
) -> None:
    aims = [target(b"many/%d/file-%d" % (number % 3, number)) for number in range(24)]
    pending = iter(aims)

    async def lane() -> None:
        for aim in pending:
            await write(batch, aim, aim.dest_path * 1000)

    async with storage.batch() as batch:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(lane())
        assert await batch.make_durable(aims, b'{"a":1}\n') == {}
        if not storage.capabilities.publishes_by_writing:
            found = await batch.read_back(aims)
        published = await asyncio.gather(*(batch.publish(aim) for aim in aims))
        if storage.capabilities.publishes_by_writing:
            found = await batch.read_back(aims)
        await batch.sync_names(aims)
    for aim, read, object_ in zip(aims, found, published, strict=True):
        assert not isinstance(read, StreamWeaveError)
        assert read.sha256 == sha256(aim.dest_path * 1000)
        assert object_ is not None
        if object_.object_id != read.object_id:
            # A mount by a program shows a file's own time when its upload has ended.
            assert destination.shows_times_late
            async with storage.batch() as batch:
                (read,) = await batch.read_back([aim], final=True)
            assert not isinstance(read, StreamWeaveError)
            assert read.sha256 == sha256(aim.dest_path * 1000)
            assert object_.object_id == read.object_id
        assert await place.content(aim.dest_path) == aim.dest_path * 1000


async def test_parts_of_an_object_can_be_read(storage: Storage) -> None:
    content = bytes(range(256)) * 8192  # 2 MiB: more than one request
    await deliver(storage, b"file", content)
    assert await everything(storage, b"file", offset=10, size_bytes=5) == content[10:15]
    assert await everything(storage, b"file", offset=1_000_000) == content[1_000_000:]
    assert await everything(storage, b"file", offset=3, size_bytes=1 << 21) == content[3:]
    assert await everything(storage, b"file", offset=len(content)) == b""
    assert await everything(storage, b"file", size_bytes=0) == b""
    async with aclosing(storage.read(b"file")) as chunks:
        async for _ in chunks:
            break  # who goes away in the middle leaves nothing behind
    with pytest.raises(StreamWeaveError, match="storage_object_missing"):
        await everything(storage, b"nothing/here")


async def test_space_is_told_or_nothing(storage: Storage) -> None:
    await storage.check_ready()
    space = await storage.space()
    assert space is None or 0 < space.free_bytes <= space.total_bytes
