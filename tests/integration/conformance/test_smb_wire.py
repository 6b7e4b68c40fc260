"""Every way of SMB to seal a message carries files, and a changed answer is noticed."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simlab.samba import samba_available
from tests.faults.tcp_proxy import Ends, TcpProxy
from tests.integration.conformance.acts import code_of, deliver, everything
from tests.integration.conformance.places import Door
from tests.integration.conformance.smb_servers import SmbDestination, WritableSamba

pytestmark = pytest.mark.skipif(not samba_available(), reason="smbd is not installed")

WAYS = {
    "signed with GMAC": "",
    "signed with CMAC": "server max protocol = SMB3_00",
    "signed with HMAC": "server max protocol = SMB2_10",
    "encrypted with GCM": "server smb encrypt = required",
    "encrypted with CCM": "server smb encrypt = required\nserver max protocol = SMB3_02",
}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmbDestination]:
    """A samba that does it one way."""

    class Samba(WritableSamba):
        settings = WAYS[request.param]

    class Way(SmbDestination):
        writable = Samba

    running = Way(tmp_path)
    running.start()
    yield running
    running.close()


async def test_files_pass_whichever_way_messages_are_sealed(way: SmbDestination) -> None:
    place = way.place()
    await place.prepare()
    storage = place.open()
    for size in (0, 10, 70_000, (3 << 20) + 1):
        content = os.urandom(size)
        path = b"folder/%d" % size
        await deliver(storage, path, content)
        assert await everything(storage, path) == content
        assert await place.content(path) == content
    assert {path async for path, _, _ in storage.temporaries()} == set()
    await storage.close()


class _Flipping(TcpProxy):
    """Changes one bit of a long answer."""

    async def talk(self, here: Ends, there: Ends) -> None:
        async def down() -> None:
            while chunk := bytearray(await there[0].read(1 << 16)):
                if len(chunk) > 10_000:
                    chunk[9_000] ^= 1
                here[1].write(chunk)

        async def up() -> None:
            while chunk := await here[0].read(1 << 16):
                there[1].write(chunk)

        tasks = [asyncio.create_task(down()), asyncio.create_task(up())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def test_answer_that_was_changed_on_its_way_is_refused(way: SmbDestination) -> None:
    place = way.place()
    await place.prepare()
    await place.put(b"file", bytes(100_000))
    proxy = _Flipping(way.port)
    await proxy.start()
    storage = place.open(Door(port=proxy.port))
    assert await code_of(storage) == ""
    with pytest.raises(Exception, match="storage_connection_lost"):
        await everything(storage, b"file")
    assert await code_of(storage) == ""  # a new connection is made
    await storage.close()
    await proxy.stop()
