"""What a killed worker left under temporary names is found and removed, and nothing else."""

from app.transfers.base import Storage
from tests.integration.conformance.acts import deliver, target, write
from tests.integration.conformance.places import OWN, Door, Place

LARGE = (8 << 20) + 1


async def _named(storage: Storage) -> set[tuple[bytes, str, int]]:
    return {(path, str(copy), attempt) async for path, copy, attempt in storage.temporaries()}


async def test_temporaries_of_a_killed_worker_are_found_by_the_next(
    storage: Storage, place: Place
) -> None:
    if storage.capabilities.publishes_by_writing:
        return  # nothing stands under a temporary name
    done, half = target(b"folder/sub/done", 2), target(b"half", 7)
    async with storage.batch() as batch:
        await write(batch, done, b"content")
        temporary = await batch.create(half, LARGE)
        for _ in range(8):
            await temporary.write(bytes(1 << 20))
    await storage.close()  # and nobody finished it
    again = place.open(Door(worker="worker-2"))
    named = await _named(again)
    there = [done] if again.capabilities.sends_batches else [done, half]
    assert {one[1:] for one in named} == {(str(one.copy_id), one.attempt) for one in there}
    for path, _, _ in named:
        await again.remove(path)
        await again.remove(path)  # another worker may have been faster
    assert await _named(again) == set()
    assert not {path for path in await place.paths() if not path.startswith(OWN)}
    await again.close()


async def test_sweep_names_nothing_that_is_not_its_own(storage: Storage, place: Place) -> None:
    other = place.open(Door(installation="fedcba9876543210fedcba9876543210"))
    async with other.batch() as batch:
        aim = target(b"folder/other")
        await write(batch, aim, b"content")
    await place.put(b"folder/.streamweave-notours-part", b"a file of somebody")
    await deliver(storage, b"folder/file", b"content")
    assert await _named(storage) == set()
    async with other.batch() as batch:
        await batch.remove_temporary(aim)
    await other.close()


async def test_abandoned_file_leaves_nothing(storage: Storage, place: Place) -> None:
    await deliver(storage, b"folder/file", b"content")
    before = await place.paths()
    async with storage.batch() as batch:
        for size in (0, 1000, LARGE):
            temporary = await batch.create(target(b"folder/other"), LARGE)
            await temporary.write(bytes(size))
            await temporary.abandon()
    assert await place.paths() == before
    assert await _named(storage) == set()
