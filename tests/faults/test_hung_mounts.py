"""A mount that never answers costs its own place: calls to it end, other places go on."""

import asyncio
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app.clock import monotonic
from app.config import Settings
from app.errors import StreamWeaveError
from app.models import Copy, StorageLocation
from app.transfers.calls import calls_of, is_disk
from app.transfers.local import LocalSource
from app.transfers.posix import PosixStorage
from tests.faults.hung_mount import hung
from tests.integration.engine_fixtures import Lab, lab, opener_for
from tests.integration.factories import make_storage

__all__ = ["lab"]
STALL_SECONDS = 0.3


async def test_a_call_to_a_hung_source_ends_and_the_next_one_is_refused_at_once(
    tmp_path: Path,
) -> None:
    source = LocalSource(tmp_path, stall_seconds=STALL_SECONDS)
    with hung(tmp_path):
        with pytest.raises(StreamWeaveError) as caught:
            await source.list_directory(b"")
        assert caught.value.code == "source_unreachable"
        began = monotonic()
        with pytest.raises(StreamWeaveError):
            await source.stat([b"a.raw"])
        assert monotonic() - began < STALL_SECONDS
        assert calls_of(tmp_path, "source_unreachable", STALL_SECONDS).stuck == 1


async def test_a_place_that_answers_again_is_used_again(tmp_path: Path) -> None:
    source = LocalSource(tmp_path, stall_seconds=STALL_SECONDS)
    calls = calls_of(tmp_path, "source_unreachable", STALL_SECONDS)
    (tmp_path / "a.raw").write_bytes(b"x")
    closed: list[bool] = []
    with hung(tmp_path):
        with pytest.raises(StreamWeaveError):
            await source.list_directory(b"")
        calls.afterwards(lambda: closed.append(True))
        assert closed == []  # the stuck call may be using it
    async with asyncio.timeout(10):
        while calls.stuck:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert closed == [True]
        while True:
            try:
                (entry,) = await source.list_directory(b"")
                break
            except StreamWeaveError:  # refused for as long as it was waited for
                await asyncio.sleep(0.01)
    assert entry.name == b"a.raw"


async def test_a_short_call_to_a_mount_does_not_hold_the_event_loop(tmp_path: Path) -> None:
    storage = PosixStorage(
        tmp_path,
        installation="0123456789abcdef",
        sentinel=uuid.uuid4(),
        worker="w",
        stall_seconds=STALL_SECONDS,
    )
    with hung(tmp_path):
        assert not is_disk(str(tmp_path))
        assert not is_disk(str(tmp_path.parent))  # what lies below may hang, too
        ticks = 0
        asked = asyncio.ensure_future(storage.check_ready())
        while not asked.done():
            await asyncio.sleep(STALL_SECONDS / 20)
            ticks += 1
        with pytest.raises(StreamWeaveError) as caught:
            await asked
    assert caught.value.code == "storage_stalled"
    assert ticks > 3


def test_a_process_with_a_stuck_call_ends(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from app.transfers.local import LocalSource\n"
        "source = LocalSource(Path(sys.argv[1]), stall_seconds=0.3)\n"
        "asyncio.run(source.list_directory(b''))\n"
    )
    with hung(tmp_path):
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert "no answer for 0.3 s" in ended.stderr


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_hung_destination_rests_while_the_other_one_is_served(
    lab: Lab, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    await make_storage(lab.database, other, lab.instrument)
    settings = replace(lab.engine.ports.settings, stall_seconds=STALL_SECONDS)
    impatient = opener_for(lab.database, Settings(io_timeout_seconds=1.0))
    lab.engine.ports = replace(lab.engine.ports, settings=settings, open_storage=impatient)
    lab.write("a.raw", b"first")
    await lab.harvest()  # both journals are read
    lab.write("b.raw", b"second")
    with hung(lab.target):
        await lab.harvest()
        async with lab.database.read() as session:
            rests = (await session.scalars(select(StorageLocation))).all()
            found = (await session.scalars(select(Copy).where(Copy.dest_path.like("%b.raw")))).all()
        assert {one.error_code for one in rests} == {"storage_stalled", None}
        assert {(one.state, one.error_code, one.failures) for one in found} == {
            ("available", None, 0),
            ("retry_wait", "storage_stalled", 0),
        }
    async with asyncio.timeout(30):
        while not (lab.target / found[0].dest_path).exists():  # its rest ends by itself
            await lab.engine.transfer(["main"])
