"""What only a storage behind an rsync daemon has: what it refuses, needs, and leaves nowhere."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import StreamWeaveError
from app.transfers.base import Overwriting
from app.transfers.rsync.storage import RsyncStorage, Whose
from tests.integration.conformance.acts import (
    code_of,
    deliver,
    durable,
    everything,
    read_back,
    target,
    write,
)
from tests.integration.conformance.kinds import Destinations
from tests.integration.conformance.places import INSTALLATION, Door
from tests.integration.conformance.rsync_servers import (
    NOBODY,
    NobodysDaemon,
    NobodysPlace,
    NobodysRsync,
)

pytestmark = pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")


@pytest.fixture
async def nobodys(destinations: Destinations) -> NobodysPlace:
    """A fresh root behind a daemon that serves as nobody."""
    place = destinations["rsync"].place()
    assert isinstance(place, NobodysPlace)
    await place.prepare()
    return place


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[..., NobodysPlace]]:
    """Makes a daemon with more lines in its module."""
    running: list[NobodysRsync] = []

    def make(*lines: str) -> NobodysPlace:
        class Told(NobodysDaemon):
            def settings(self) -> Sequence[str]:
                return [*super().settings(), *lines]

        class Destination(NobodysRsync):
            server_kind = Told

        destination = Destination(tmp_path / f"told-{len(running)}")
        running.append(destination)
        destination.start()
        place = destination.place()
        assert isinstance(place, NobodysPlace)
        return place

    yield make
    for destination in running:
        destination.close()


async def test_a_daemon_without_room_for_connections_is_busy(
    told: Callable[..., NobodysPlace], tmp_path: Path
) -> None:
    place = told("max connections = -1", f"lock file = {tmp_path / 'lock'}")
    assert await code_of(place.open()) == "storage_busy"


@pytest.mark.parametrize(
    "option", ["link-dest", "delete-missing-args", "temp-dir", "ignore-existing"]
)
async def test_a_daemon_that_refuses_what_is_needed_is_told(
    told: Callable[..., NobodysPlace], option: str
) -> None:
    place = told(f"refuse options = {option}")
    await place.prepare()
    storage = place.open()
    assert await code_of(storage) == "storage_unsuitable"
    await storage.close()


async def test_a_daemon_that_knows_no_flushing_is_used_without(
    told: Callable[..., NobodysPlace],
) -> None:
    place = told("refuse options = fsync")
    await place.prepare()
    storage = place.open()
    await deliver(storage, b"file", b"content")
    assert await place.content(b"file") == b"content"
    await storage.close()


async def test_without_rsync_it_is_told(
    nobodys: NobodysPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await code_of(nobodys.open()) == "storage_program_missing"


async def test_a_wall_that_somebody_removed_is_made_again(nobodys: NobodysPlace) -> None:
    storage = nobodys.open()
    await deliver(storage, b"one", b"content")
    wall = nobodys.folder / ".streamweave" / "wall"
    wall.rmdir()
    await deliver(storage, b"two", b"content")
    assert wall.stat().st_mode & 0o777 == 0o555
    assert storage.capabilities.overwriting is Overwriting.REFUSED
    await storage.close()


async def test_nothing_gets_a_name_when_its_temporary_is_gone(nobodys: NobodysPlace) -> None:
    storage = nobodys.open()
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        await durable(batch, aim)
        await read_back(batch, aim)
        shutil.rmtree(nobodys.folder / ".streamweave" / "parts")
        with pytest.raises(StreamWeaveError, match="storage_error"):
            await batch.publish(aim)
        assert await batch.look(aim) == (None, None)
    assert await nobodys.content(b"folder/file") is None
    await storage.close()


async def test_nothing_gets_a_name_when_its_temporary_has_another_size(
    nobodys: NobodysPlace,
) -> None:
    storage = nobodys.open()
    aim = target(b"folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        await durable(batch, aim)
        await read_back(batch, aim)
        (part,) = (nobodys.folder / ".streamweave" / "parts").rglob("file")
        part.write_bytes(b"another content")
        with pytest.raises(StreamWeaveError, match="storage_error"):
            await batch.publish(aim)
    assert await nobodys.content(b"folder/file") is None
    await storage.close()


async def test_a_root_with_odd_signs_is_that_folder_and_no_other(nobodys: NobodysPlace) -> None:
    name = "-a [b]* $HOME 'c'"
    for folder in (name, "-a b"):
        (nobodys.folder / folder / ".streamweave").mkdir(parents=True)
    odd = nobodys.folder / name
    for path in (odd, odd / ".streamweave"):
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    reached = nobodys.reached(Door())
    storage = RsyncStorage(
        replace(reached, root=f"{reached.root}/{name}"),
        Whose(INSTALLATION, "worker-1", nobodys.sentinel),
        spool=nobodys.folder.parent.parent / "spool",
    )
    await storage.place_sentinel()
    await deliver(storage, b"-f [x]*", b"content")
    assert (odd / "-f [x]*").read_bytes() == b"content"
    assert await everything(storage, b"-f [x]*") == b"content"
    assert list((nobodys.folder / "-a b").rglob("*")) == [nobodys.folder / "-a b" / ".streamweave"]
    await storage.close()


async def test_the_workers_disk_is_empty_again(nobodys: NobodysPlace) -> None:
    spool = nobodys.folder.parent.parent / "spool"
    storage = nobodys.open()
    assert isinstance(storage, RsyncStorage)
    await deliver(storage, b"folder/file", b"content")
    await everything(storage, b"folder/file")
    folder = await storage.spool.folder()
    assert [path.name for path in folder.rglob("*")] == ["run", "password"]
    assert (folder / "run" / "password").stat().st_mode & 0o777 == 0o600
    await storage.close()
    assert not folder.exists()
    assert spool.exists()


async def test_a_file_that_does_not_fit_on_the_workers_disk_is_told(nobodys: NobodysPlace) -> None:
    storage = nobodys.open()
    async with storage.batch() as batch:
        with pytest.raises(StreamWeaveError, match="landing_full"):
            await batch.create(target(b"large"), 1 << 60)
    await storage.close()
