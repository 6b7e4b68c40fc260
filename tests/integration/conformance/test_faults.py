"""Servers that die, fall silent, refuse or lack something: one catalogued error each."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from app.errors import StreamWeaveError
from app.transfers.base import Storage
from simlab.servers import free_port
from tests.integration.conformance.acts import code_of, deliver, everything, target, write
from tests.integration.conformance.kinds import ServedDestination
from tests.integration.conformance.places import Door, Place

GONE = {"storage_connection_lost", "storage_unreachable"}
# A temporary, or what names an upload.
_BEGUN = (b"folder/", b".streamweave/uploads/", b".streamweave/parts/")


@contextlib.asynccontextmanager
async def opened(place: Place, door: Door = Door()) -> AsyncIterator[Storage]:
    """A storage for the length of a block."""
    storage = place.open(door)
    try:
        yield storage
    finally:
        await storage.close()


async def _send_until_it_fails(storage: Storage) -> str:
    async with storage.batch() as batch:
        try:
            for number in range(10_000):
                await write(batch, target(b"folder/large", number), bytes(8 << 20))
        except StreamWeaveError as error:
            return error.code
    return ""


async def _write_until_it_fails(storage: Storage) -> str:
    if storage.capabilities.sends_batches:
        return await _send_until_it_fails(storage)
    async with storage.batch() as batch:
        temporary = await batch.create(target(b"folder/large"), 1 << 40)
        try:
            for _ in range(10_000):
                await temporary.write(bytes(1 << 20))
        except StreamWeaveError as error:
            with contextlib.suppress(StreamWeaveError):
                await temporary.abandon()
            return error.code
    return ""


async def test_killed_server_is_told_and_used_again_when_it_is_back(
    server: ServedDestination, served_place: Place
) -> None:
    async with opened(served_place) as storage:
        await storage.check_ready()
        writing = asyncio.create_task(_write_until_it_fails(storage))
        async with asyncio.timeout(20):
            while not any(p.startswith(_BEGUN) for p in await served_place.paths()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        server.kill()
        assert await writing in GONE
        assert await code_of(storage) in GONE
        with pytest.raises(StreamWeaveError, match="storage_"):
            await everything(storage, b"anything")
        server.start()
        assert await code_of(storage) == ""
        left = [path async for path, _, _ in storage.temporaries()]
        for path in left:
            await storage.remove(path)
        await deliver(storage, b"folder/large", b"content")
        assert await everything(storage, b"folder/large") == b"content"
        assert await served_place.content(b"folder/large") == b"content"


async def test_server_that_was_restarted_between_batches_is_not_noticed(
    server: ServedDestination, served_place: Place
) -> None:
    async with opened(served_place) as storage:
        await deliver(storage, b"one", b"content")
        server.kill()
        server.start()
        await deliver(storage, b"two", b"content")
        for path in (b"one", b"two"):
            assert await served_place.content(path) == b"content"


async def test_silent_server_is_told_after_the_time_out(
    server: ServedDestination, served_place: Place
) -> None:
    async with opened(served_place, Door(timeout_seconds=1)) as storage:
        await storage.check_ready()
        server.freeze()
        try:
            async with asyncio.timeout(15):  # many wait no longer than a few do
                codes = await asyncio.gather(*(code_of(storage) for _ in range(20)))
            assert set(codes) <= {"storage_stalled", "storage_connection_lost"}
            assert "storage_stalled" in codes
            assert await code_of(storage) == "storage_stalled"
        finally:
            server.thaw()
        await deliver(storage, b"file", b"content")


async def test_wrong_password_is_tried_exactly_once(
    server: ServedDestination, served_place: Place
) -> None:
    before = server.refused_logons()
    async with opened(served_place, Door(secret="wrong")) as storage:
        with pytest.raises(StreamWeaveError, match=server.wrong_password_code):
            async with storage.batch():
                pass
        # What was on its way then, or comes without asking first, does not try again.
        for _ in range(3):
            with pytest.raises(StreamWeaveError, match=server.wrong_password_code):
                await everything(storage, b"anything")
    await _refused(server, before + 1)
    async with opened(served_place, Door(secret="wrong")) as storage:
        answers = await asyncio.gather(
            *(everything(storage, b"anything") for _ in range(8)), return_exceptions=True
        )
    codes = {answer.code for answer in answers if isinstance(answer, StreamWeaveError)}
    assert codes == {server.wrong_password_code}
    assert len(answers) == 8
    await _refused(server, before + 2)


async def _refused(server: ServedDestination, times: int) -> None:
    """The server tells of a refusal after it has answered; more of them would be told as well."""
    async with asyncio.timeout(10):
        while server.refused_logons() < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert server.refused_logons() == times


async def test_server_that_is_not_there_is_unreachable(served_place: Place) -> None:
    async with opened(served_place, Door(port=free_port())) as storage:
        assert await code_of(storage) == "storage_unreachable"


async def test_host_that_is_not_known_is_told(served_place: Place) -> None:
    async with opened(served_place, Door(host="nothing.invalid")) as storage:
        assert await code_of(storage) == "storage_host_unknown"


async def test_server_that_hangs_up_is_told(served_place: Place) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, opened(served_place, Door(port=port)) as storage:
        assert await code_of(storage) in GONE


async def test_root_that_is_missing_is_told(server: ServedDestination, served_place: Place) -> None:
    async with opened(served_place, server.share_missing_door) as storage:
        assert await code_of(storage) == "storage_share_missing"


async def test_server_that_lets_nobody_write_is_told(server: ServedDestination) -> None:
    place = server.read_only_place()
    await place.prepare()
    async with opened(place) as storage:
        try:
            await storage.check_ready()
            async with storage.batch() as batch:
                await write(batch, target(b"folder/file"), b"content")
        except StreamWeaveError as error:
            assert error.code in server.denied_codes
        else:
            pytest.fail("It let us write.")
