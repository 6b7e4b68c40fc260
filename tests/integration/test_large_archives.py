"""A ZIP of 100,000 entries and 10 GB, made while it is sent: what it costs, and that it opens."""

import asyncio
import hashlib
import json
import os
import random
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from app.clock import utcnow
from app.models import AuditEvent, Copy, CopyState, FileState, SourceFile, Version, new_id
from app.services.files import path_hash
from tests.integration.test_api_downloads import BIG, Delivered, delivered, url

pytest_plugins = ("tests.integration.api_fixtures",)
pytestmark = pytest.mark.timeout(2400)
__all__ = ["delivered", "url"]
SIZE_BYTES = 100_000
CONTENTS = 50  # each is linked to by 2,000 names: the bytes are read, not stored, 100,000 times
_SAMPLE = 500
_ALLOWED_MIB = 160  # the entries' names and hashes are kept for the directory at the end
_BATCH = 5_000


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


@dataclass(frozen=True)
class Content:
    """One of the few contents that the files have."""

    path: Path
    sha256: bytes
    crc: int


def _contents(folder: Path) -> list[Content]:
    made, dice = [], random.Random(6)
    folder.mkdir()
    for number in range(CONTENTS):
        data = dice.randbytes(SIZE_BYTES)
        path = folder / f"{number}"
        path.write_bytes(data)
        made.append(Content(path, hashlib.sha256(data).digest(), zlib.crc32(data)))
    return made


def _path(number: int) -> str:
    return f"{number // 1000:03}/{number:06}.raw"


def _rows(lab: Any, number: int, content: Content) -> tuple[dict[str, Any], ...]:
    """A file, its version and its proven copy, as a harvest leaves them."""
    now, path = utcnow(), _path(number)
    file, version = new_id(), new_id()
    facts = {"size_bytes": SIZE_BYTES, "mtime_ns": 1_600_000_000_000_000_000}
    dest_path = f"tem-2/{path}"
    return (
        {
            "id": file, "instrument_id": lab.instrument, "path": path,
            "path_bytes": path.encode(), "path_hash": path_hash(path),
            "directory_hash": path_hash(path[:3]), "state": FileState.PLANNED,
            "listed_size_bytes": SIZE_BYTES, "listed_mtime_ns": facts["mtime_ns"], **facts,
            "first_seen_at": now, "unchanged_since": now, "latest_version": 1,
        },
        {
            "id": version, "source_file_id": file, "number": 1, **facts,
            "seen_mtime_ns": facts["mtime_ns"], "sha256": content.sha256, "created_at": now,
        },
        {
            "id": new_id(), "version_id": version, "source_file_id": file,
            "instrument_id": lab.instrument, "storage_location_id": lab.storage,
            "state": CopyState.AVAILABLE, "dest_path": dest_path,
            "dest_path_bytes": dest_path.encode(), "dest_key": path_hash(dest_path),
            "size_bytes": SIZE_BYTES, "attempt": 1, "created_at": now, "state_since": now,
            "available_at": now, "intent": {"sha256": content.sha256.hex()},
        },
    )  # fmt: skip


async def _deliver(delivered: Delivered, contents: list[Content], count: int) -> None:
    """Put objects at the storage and their rows beside them: a harvest would take 13 minutes."""
    lab, tables = delivered.lab, (SourceFile, Version, Copy)
    for start in range(0, count, _BATCH):
        numbers = range(start, min(count, start + _BATCH))
        for number in numbers:
            target = delivered.at_storage(_path(number))
            target.parent.mkdir(exist_ok=True)
            target.hardlink_to(contents[number % CONTENTS].path)
        rows = [_rows(lab, number, contents[number % CONTENTS]) for number in numbers]
        async with delivered.api.database.write() as session:
            for table, values in zip(tables, zip(*rows, strict=True), strict=True):
                await session.execute(insert(table), list(values))


def _holds() -> tuple[int, int]:
    """What a stream could leave behind: open files at the storage, tasks."""
    links = [Path(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")]
    files = [one for one in links if one.is_symlink() and "/tem-2/" in os.readlink(one)]
    return len(files), len(asyncio.all_tasks())


async def _until(question: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not question():  # noqa: ASYNC110  # nobody tells that a descriptor was closed
            await asyncio.sleep(0.02)


async def _events(delivered: Delivered, action: str) -> list[dict[str, Any]]:
    query = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)
    async with delivered.api.database.read() as session:
        return [json.loads(one.canonical)["details"] for one in await session.scalars(query)]


class Watch:
    """The most memory that this process had, looked at beside the work."""

    def __init__(self) -> None:
        self.before = self.most = _resident_mib()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            self.most = max(self.most, _resident_mib())

    def end(self) -> int:
        """Stop; return by how many MiB it grew."""
        self._ended.set()
        self._thread.join()
        return self.most - self.before


def _check(target: Path, contents: list[Content], entries: int) -> None:
    """Every entry is there, opens, and has the bytes of its file."""
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None  # reads all of it against its checksums
        found = {one.filename: one for one in archive.infolist()}
        lines = archive.read("manifest-sha256.txt").decode().splitlines()
        told = {line[66:]: line[:64] for line in lines}
        assert len(found) == entries + 1
        assert set(told) == set(found) - {"manifest-sha256.txt"}
        own = {f"TEM-2/{_path(number)}": number for number in range(entries - 3)}
        assert set(own) < set(told)
        for name, number in own.items():
            content = contents[number % CONTENTS]
            assert (found[name].file_size, found[name].CRC) == (SIZE_BYTES, content.crc)
            assert told[name] == content.sha256.hex()
        for name in random.Random(7).sample(sorted(own), min(_SAMPLE, len(own))):
            assert hashlib.sha256(archive.read(name)).hexdigest() == told[name]


@pytest.mark.parametrize("entries", [600, pytest.param(100_000, marks=pytest.mark.long)])
async def test_an_archive_of_any_size_is_streamed(
    delivered: Delivered,
    url: str,
    tmp_path: Path,
    entries: int,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    contents = _contents(delivered.lab.target / "contents")
    await _deliver(delivered, contents, entries - 3)
    token = delivered.api.admin.headers["Authorization"]
    target = tmp_path / "all.zip"
    client = httpx.AsyncClient(headers={"Authorization": token}, timeout=120)
    async with client:
        tasks = len(asyncio.all_tasks())
        await _break_off(client, url)
        await _until(lambda: _holds() == (0, tasks))
        (broken,) = await _events(delivered, "files.archived")
        assert broken["complete"] is False
        watch, began = Watch(), time.monotonic()
        with target.open("wb") as file:
            async with client.stream("GET", f"{url}/api/files.zip") as answer:
                async for chunk in answer.aiter_raw():
                    await asyncio.to_thread(file.write, chunk)
        seconds, grown = time.monotonic() - began, watch.end()
    size = target.stat().st_size
    for what, figure in {"bytes": size, "seconds": seconds, "mib_more": grown}.items():
        record_testsuite_property(what, figure)
    await asyncio.to_thread(_check, target, contents, entries)
    assert size > (entries - 3) * SIZE_BYTES + len(BIG)
    assert grown <= _ALLOWED_MIB, (watch.before, watch.most)
    assert len(await _events(delivered, "files.archive_begun")) == 2
    ended = await _events(delivered, "files.archived")
    assert (ended[-1]["complete"], ended[-1]["files"], ended[-1]["left_out"]) == (True, entries, 0)
    target.unlink()


async def _break_off(client: httpx.AsyncClient, url: str) -> None:
    """Take some of it and go."""
    got = 0
    async with client.stream("GET", f"{url}/api/files.zip") as answer:
        async for chunk in answer.aiter_raw():
            got += len(chunk)
            if got > 20_000_000:
                return
