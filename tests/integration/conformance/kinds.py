"""All destinations of the suite, by name: started when they are first asked for."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.transfers.base import Storage
from app.transfers.posix import PosixStorage
from tests.integration.conformance.mounted import MountedDestination
from tests.integration.conformance.places import Destination, Door, FolderPlace, Place, Server
from tests.integration.conformance.rsync_servers import NobodysRsync, RootsRsync
from tests.integration.conformance.s3_servers import MotoDestination, RcloneS3Destination
from tests.integration.conformance.sftp_servers import OpenSshSftp, RcloneSftp
from tests.integration.conformance.smb_servers import SmbDestination
from tests.integration.conformance.webdav_servers import WebdavDestination


class PosixPlace(FolderPlace):
    """A folder of this machine."""

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        return PosixStorage(
            self.folder,
            installation=door.installation,
            sentinel=self.sentinel,
            worker=door.worker,
            stall_seconds=door.timeout_seconds,
        )


class PosixDestination(Destination):
    """A local disk."""

    name = "posix"
    refuses_overwrite = True
    is_durable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Nothing to end."""

    def place(self) -> Place:
        """A folder of its own."""
        self._count += 1
        return PosixPlace(self._folder / f"root-{self._count}")


class TmpfsDestination(PosixDestination):
    """A file system in memory: it has no pages to drop, and forgets."""

    name = "posix-tmpfs"
    is_durable = False
    holds_large = False
    missing = "" if os.path.ismount("/dev/shm") else "no tmpfs here"

    def __init__(self, folder: Path) -> None:
        self._memory = tempfile.TemporaryDirectory(dir="/dev/shm", prefix="streamweave-")
        super().__init__(Path(self._memory.name))

    def close(self) -> None:
        """Give the memory back."""
        self._memory.cleanup()


SERVED: dict[str, Callable[[Path], Destination]] = {
    kind.name: kind
    for kind in (
        RcloneSftp,
        OpenSshSftp,
        SmbDestination,
        WebdavDestination,
        RcloneS3Destination,
        NobodysRsync,
        RootsRsync,
    )
}
ALL: dict[str, Callable[[Path], Destination]] = {
    "posix": PosixDestination,
    "posix-tmpfs": TmpfsDestination,
    "mounted": MountedDestination,
    "s3-moto": MotoDestination,
    **SERVED,
}


class Destinations:
    """Those that run already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Destination] = {}

    def __getitem__(self, name: str) -> Destination:
        if name not in self._running:
            destination = ALL[name](self._folder / name)
            if destination.missing:
                pytest.skip(destination.missing)
            destination.start()
            self._running[name] = destination
        return self._running[name]

    def close(self) -> None:
        """End them all."""
        for destination in self._running.values():
            destination.close()


class ServedDestination(Server, Destination):
    """For types: a destination with a server."""
