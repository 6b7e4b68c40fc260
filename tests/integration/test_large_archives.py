"""A ZIP of 100,000 entries and 10 GB, made while it is sent: what it costs, and that it opens."""

import asyncio
import os
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.integration.test_api_downloads import Delivered, delivered, url

pytest_plugins = ("tests.integration.api_fixtures",)
pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
__all__ = ["delivered", "url"]
ENTRIES, SIZE_BYTES = 100_000, 100_000
_ALLOWED_MIB = 160  # the entries' names and hashes are kept for the directory at the end


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


async def test_an_archive_of_100_000_entries_and_10_gb_is_streamed(
    delivered: Delivered, url: str, tmp_path: Path
) -> None:
    for number in range(ENTRIES - 3):
        path = delivered.lab.source / f"{number // 1000:03}" / f"{number:06}.raw"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(b"%d" % number)
            file.truncate(SIZE_BYTES)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    await delivered.lab.harvest()
    token = delivered.api.admin.headers["Authorization"]
    target = tmp_path / "all.zip"
    before = most = _resident_mib()
    with target.open("wb") as file:
        async with (
            httpx.AsyncClient(headers={"Authorization": token}, timeout=120) as client,
            client.stream("GET", f"{url}/api/files.zip", params={"q": ""}) as answer,
        ):
            async for chunk in answer.aiter_raw():
                await asyncio.to_thread(file.write, chunk)
                most = max(most, _resident_mib())
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        size = sum(one.file_size for one in archive.infolist())
    assert len(names) == ENTRIES + 1  # and the manifest
    assert size > ENTRIES * SIZE_BYTES
    assert most - before <= _ALLOWED_MIB, (before, most)
    target.unlink()
