"""A WebDAV server may answer before it is told that the last byte was the last."""

import asyncio
import os

from app.transfers.file_server import FileServer
from tests.integration.conformance.kinds import Destinations
from tests.integration.conformance.webdav_servers import WebdavPlace


async def _stands(files: FileServer, path: bytes, size: int) -> None:
    async with asyncio.timeout(20):
        while True:
            found = await files.stat(path)
            if found is not None and found.size_bytes == size:
                return
            await asyncio.sleep(0.01)


async def test_an_answer_that_comes_with_the_last_byte_is_the_end(
    destinations: Destinations,
) -> None:
    place = destinations["webdav-rclone"].place()
    assert isinstance(place, WebdavPlace)
    await place.prepare()
    files, content = place.files(), os.urandom((3 << 20) + 5)
    writing = await files.create(b"large", len(content))
    for start in range(0, len(content), 1 << 20):
        await writing.write(content[start : start + (1 << 20)])
    await _stands(files, b"large", len(content))  # the server has all of it, and has answered
    assert (await writing.finish(10**18)).size_bytes == len(content)
    assert await place.content(b"large") == content
    await files.close()
