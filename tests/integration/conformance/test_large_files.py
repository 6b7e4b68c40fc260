"""A file larger than any buffer, in constant memory."""

import hashlib

import psutil
import pytest

from app.transfers.base import Storage
from tests.integration.conformance.acts import MTIME_NS, read_back, target

pytestmark = pytest.mark.long

SIZE = (5 << 30) + 12345
MOST_GROWTH = 64 << 20
_CHUNK = bytes(1 << 20)


@pytest.mark.timeout(1500)
async def test_five_gigabytes_pass_in_constant_memory(storage: Storage) -> None:
    process = psutil.Process()
    aim, digest = target(b"folder/large"), hashlib.sha256()
    by_writing = storage.capabilities.publishes_by_writing
    async with storage.batch() as batch:
        before = most = process.memory_info().rss
        temporary = await batch.create(aim, SIZE)
        left = SIZE
        while left:
            chunk = _CHUNK[:left]
            left -= len(chunk)
            digest.update(chunk)
            await temporary.write(chunk)
            most = max(most, process.memory_info().rss)
        written = await temporary.finish(MTIME_NS)
        assert written.size_bytes == SIZE
        assert await batch.make_durable([aim], b"") == {}
        read = None if by_writing else await read_back(batch, aim)
        assert await batch.publish(aim) is not None
        read = read or await read_back(batch, aim)
        most = max(most, process.memory_info().rss)
    assert read.sha256 == digest.digest()
    assert most - before < MOST_GROWTH
    tail = [chunk async for chunk in storage.read(b"folder/large", offset=SIZE - 5)]
    assert b"".join(tail) == bytes(5)
