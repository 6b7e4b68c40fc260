"""The journal at the storage is whole lines, whatever happened to the last one."""

import asyncio

from app.transfers.base import Storage
from tests.integration.conformance.acts import durable, target, write
from tests.integration.conformance.places import INSTALLATION, Door, Place

FOLDER = b".streamweave/journal/" + INSTALLATION.encode() + b"/"


async def _note(storage: Storage, lines: bytes) -> None:
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        await durable(batch, aim, lines)
        await batch.remove_temporary(aim)


async def _read(storage: Storage) -> dict[str, bytes]:
    sizes = await storage.journals()
    journals = {}
    for name, size in sizes.items():
        parts = []
        for position in range(0, size, 7):  # in pieces, as a reader does who read some before
            parts.append(await storage.read_journal(name, position, 7))
        journals[name] = b"".join(parts)
        assert len(journals[name]) == size
    return journals


async def test_storage_without_journals_has_none(storage: Storage) -> None:
    await storage.check_ready()
    assert await storage.journals() == {}


async def test_lines_of_batches_follow_each_other(storage: Storage) -> None:
    await _note(storage, b'{"first": 1}\n{"second": 2}\n')
    await _note(storage, b'{"third": 3}\n')
    journals = await _read(storage)
    lines = [line for name in sorted(journals) for line in journals[name].splitlines()]
    assert sorted(lines) == [b'{"first": 1}', b'{"second": 2}', b'{"third": 3}']
    assert all(name.startswith("worker-1-") for name in journals)


async def _shown(storage: Storage) -> dict[str, int]:
    """The journals, once there are any: a mount may list a new file a moment later."""
    async with asyncio.timeout(60):
        while not (found := await storage.journals()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_torn_line_swallows_no_other(storage: Storage, place: Place) -> None:
    await _note(storage, b'{"first": 1}\n')
    (name,) = await _shown(storage)
    await place.put(FOLDER + name.encode(), b'{"first": 1}\n{"torn": ')
    await _note(storage, b'{"second": 2}\n')
    lines = [line for text in (await _read(storage)).values() for line in text.splitlines()]
    assert sorted(lines) == [b'{"first": 1}', b'{"second": 2}', b'{"torn": ']


async def test_journals_of_other_installations_are_not_read(storage: Storage, place: Place) -> None:
    other = place.open(Door(installation="fedcba9876543210fedcba9876543210"))
    await _note(other, b'{"other": 1}\n')
    await other.close()
    assert await storage.journals() == {}
