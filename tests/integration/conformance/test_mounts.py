"""A mount that is not there is an error, and never the local folder below it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import StreamWeaveError
from app.transfers.base import ReadBackFrom
from app.transfers.mounts import Mount, MountRule, mount_of
from app.transfers.ownership import Ownership
from app.transfers.posix import PosixStorage
from tests.integration.conformance.acts import code_of, deliver, target, write
from tests.integration.conformance.kinds import Destinations, PosixPlace
from tests.integration.conformance.mounted import MountedDestination, MountedPlace


@pytest.fixture
def mounted(destinations: Destinations) -> Iterator[MountedDestination]:
    """The mount; it is there again afterwards."""
    destination = destinations["mounted"]
    assert isinstance(destination, MountedDestination)
    yield destination
    destination.start()


@pytest.fixture
async def mounted_place(mounted: MountedDestination) -> MountedPlace:
    """A fresh root on it."""
    place = mounted.place()
    assert isinstance(place, MountedPlace)
    await place.prepare()
    return place


async def test_unmounted_mount_point_is_never_written_to(
    mounted: MountedDestination, mounted_place: MountedPlace
) -> None:
    storage = mounted_place.open()
    delivered = await deliver(storage, b"folder/file", b"content")
    assert delivered.read.read_back_from is not ReadBackFrom.DEVICE
    mounted.mounting.close()
    assert await code_of(storage) == "storage_not_mounted"
    # As somebody leaves it who copied the archive there while it was not mounted.
    (mounted_place.mounted / ".streamweave").mkdir(parents=True)
    sentinel = mounted_place.mounted / ".streamweave" / "sentinel.json"
    sentinel.write_text(f'{{"storage": "{mounted_place.sentinel}"}}')
    for refused in (storage.check_ready, storage.journals, storage.space):
        with pytest.raises(StreamWeaveError, match="storage_not_mounted"):
            await refused()
    with pytest.raises(StreamWeaveError, match="storage_not_mounted"):
        async with storage.batch():
            pass
    left = [path for path in mounted_place.mounted.rglob("*") if path.is_file()]
    assert left == [sentinel]
    sentinel.unlink()
    sentinel.parent.rmdir()
    sentinel.parent.parent.rmdir()
    mounted.mounting.start()
    assert await code_of(storage) == ""
    await deliver(storage, b"folder/other", b"content")


async def test_mount_whose_program_died_is_unreachable(
    mounted: MountedDestination, mounted_place: MountedPlace
) -> None:
    storage = mounted_place.open()
    await storage.check_ready()
    with pytest.raises(StreamWeaveError) as caught:
        async with storage.batch() as batch:
            await write(batch, target(b"folder/one"), b"content")
            mounted.mounting.kill()
            await write(batch, target(b"folder/two"), b"content")
    assert caught.value.code in {"storage_unreachable", "storage_stalled"}
    assert await code_of(storage) in {"storage_unreachable", "storage_not_mounted"}
    mounted.mounting.start()
    assert await code_of(storage) == ""


def test_rule_asks_for_what_it_states(tmp_path: Path) -> None:
    nfs = Mount("/mnt/archive", "nfs4", "server:/export")
    disk = Mount("/", "ext4", "/dev/sda1")
    fulfilled = [
        (MountRule(), nfs),
        (MountRule(fstype="nfs4"), nfs),
        (MountRule(source="server:/export"), nfs),
        (MountRule(point="/mnt/archive"), nfs),
        (MountRule(fstype="ext4"), disk),
        (MountRule(point="/"), disk),
    ]
    for rule, mount in fulfilled:
        rule.check(mount, tmp_path)
    broken = [
        (MountRule(), disk),
        (MountRule(), None),
        (MountRule(fstype="nfs4"), disk),
        (MountRule(source="other:/export"), nfs),
        (MountRule(point="/mnt"), nfs),
        (MountRule(fstype="ext4", point="/mnt/disk"), disk),
    ]
    for rule, found in broken:
        with pytest.raises(StreamWeaveError, match="storage_not_mounted"):
            rule.check(found, tmp_path)


def test_open_folder_tells_what_it_lies_on(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        found = mount_of(descriptor)
    finally:
        os.close(descriptor)
    assert found is not None
    assert tmp_path.is_relative_to(found.point)
    assert not found.is_network


async def test_modes_and_group_are_set_before_a_file_appears(tmp_path: Path) -> None:
    place = PosixPlace(tmp_path / "root")
    await place.prepare()
    group = os.getgroups()[0] if os.getgroups() else os.getgid()
    storage = PosixStorage(
        place.folder,
        installation="0123456789abcdef",
        sentinel=place.sentinel,
        worker="w",
        ownership=Ownership(group=group, file_mode=0o640, folder_mode=0o2750),
    )
    aim = target(b"new/folder/file")
    async with storage.batch() as batch:
        await write(batch, aim, b"content")
        (temporary,) = (place.folder / "new/folder").iterdir()
        assert temporary.stat().st_mode & 0o7777 == 0o640
        assert await batch.publish(aim) is not None
    file = place.folder / "new/folder/file"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert file.stat().st_gid == group
    for folder in (file.parent, file.parent.parent):
        assert folder.stat().st_mode & 0o7777 == 0o2750
        assert folder.stat().st_gid == group
    assert place.folder.stat().st_mode & 0o7777 != 0o2750  # what stood there stays as it was


async def test_unknown_owner_is_told(tmp_path: Path) -> None:
    place = PosixPlace(tmp_path / "root")
    await place.prepare()
    storage = PosixStorage(
        place.folder,
        installation="0123456789abcdef",
        sentinel=place.sentinel,
        worker="w",
        ownership=Ownership(owner="nobody-knows-this-user"),
    )
    assert await code_of(storage) == "storage_permission_denied"
