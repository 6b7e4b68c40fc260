"""A storage that is full says so, and takes files again when there is room."""

import ctypes
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import StreamWeaveError
from tests.integration.conformance.acts import deliver, everything, target, write
from tests.integration.conformance.kinds import Destinations
from tests.integration.conformance.places import Destination, FolderPlace

FOLDERS = ["posix", "sftp-openssh", "sftp-rclone", "smb", "webdav-rclone", "rsync"]
_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def _mount_small(folder: Path) -> None:
    if _libc.mount(b"small", os.fsencode(folder), b"tmpfs", 0, b"size=6m") != 0:
        pytest.skip(f"no mounting here: {os.strerror(ctypes.get_errno())}")


@pytest.fixture(params=FOLDERS)
async def small_place(
    request: pytest.FixtureRequest, destinations: Destinations
) -> AsyncIterator[tuple[FolderPlace, Destination]]:
    """A root of 6 MiB."""
    destination = destinations[request.param]
    place = destination.place()
    assert isinstance(place, FolderPlace)
    _mount_small(place.folder)
    await place.prepare()
    yield place, destination
    _libc.umount2(os.fsencode(place.folder), _DETACH)


@pytest.mark.parametrize("size", [16 << 20, 700 << 10])
async def test_full_storage_is_told_and_goes_on_when_there_is_room(
    small_place: tuple[FolderPlace, Destination], size: int
) -> None:
    place, destination = small_place
    storage = place.open()
    await storage.check_ready()
    filler = place.folder / "filler"
    if size < 1 << 20:
        filler.write_bytes(bytes(5_800_000))
    async with storage.batch() as batch:
        aim = target(b"folder/file")
        with pytest.raises(StreamWeaveError) as caught:
            await write(batch, aim, bytes(size))
        told = {"storage_full"} if destination.tells_full else {"storage_full", "storage_error"}
        assert caught.value.code in told, caught.value
        await batch.remove_temporary(aim)
    filler.unlink(missing_ok=True)
    await deliver(storage, b"folder/file", b"content")
    assert await everything(storage, b"folder/file") == b"content"
    await storage.close()
