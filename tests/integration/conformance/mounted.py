"""A destination that is mounted: rclone mount of an SFTP server, in the place of NFS and CIFS.

Their clients are in the kernel, and not in every kernel; FUSE is in more of them. It has the same
traits: it can be gone, it is no local disk, and its errors come with the closing of a file.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.mounts import MountRule
from app.transfers.posix import PosixStorage
from simlab.process import ServerProcess
from simlab.servers import rclone_path
from tests.integration.conformance.places import (
    RCLONE_CHANGES,
    Destination,
    Door,
    FolderPlace,
    Place,
)
from tests.integration.conformance.server_destination import USER
from tests.integration.conformance.sftp_servers import OpenSshSftp


def _missing() -> str:
    if OpenSshSftp.missing:
        return OpenSshSftp.missing
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no FUSE here"
    if shutil.which("fusermount3") is None:
        return "fusermount3 is missing: sh scripts/install-system-packages.sh"
    return ""


class Mounting(ServerProcess):
    """rclone mount, as long as it runs."""

    def __init__(self, served: OpenSshSftp, point: Path, state: Path) -> None:
        super().__init__("mount", logs=state / "logs")
        self.point = point
        self._served = served
        self._state = state
        point.mkdir()

    def command(self, port: int) -> Sequence[str]:
        """Mount the server's whole folder."""
        self.unmount()  # a killed one leaves a mount of which nothing can be read
        known = self._state / "known_hosts"
        server = self._served.server
        known.write_text(f"[{server.host}]:{server.port} {server.host_key}\n")
        remote = f":sftp,host={server.host},port={server.port},user={USER},shell_type=none:"
        return [
            rclone_path(),
            "mount",
            "--config=",
            f"--sftp-known-hosts-file={known}",
            "--vfs-cache-mode=writes",
            "--vfs-write-back=0",
            "--dir-cache-time=10ms",
            "--attr-timeout=0s",
            "--inplace",
            f"--cache-dir={self._state / 'cache'}",
            remote,
            str(self.point),
        ]

    def environment(self) -> Mapping[str, str]:
        """The password."""
        obscured = subprocess.run(
            [rclone_path(), "obscure", "-"],
            input=self._served.password,
            capture_output=True,
            text=True,
            check=True,
        )
        return {"RCLONE_SFTP_PASS": obscured.stdout.strip()}

    def answers(self, port: int) -> bool:
        """Whether it is mounted."""
        return os.path.ismount(self.point)

    def unmount(self) -> None:
        """Take the mount away, whatever its program does; none is fine."""
        subprocess.run(["fusermount3", "-uz", str(self.point)], capture_output=True, check=False)

    def close(self) -> None:
        """End it."""
        self.unmount()
        super().close()


class MountedPlace(FolderPlace):
    """A folder at the server, and where it is mounted."""

    def __init__(self, folder: Path, mounted: Path) -> None:
        super().__init__(folder)
        self.mounted = mounted

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        return PosixStorage(
            self.mounted,
            installation=door.installation,
            sentinel=self.sentinel,
            worker=door.worker,
            stall_seconds=door.timeout_seconds,
            mount=MountRule(),
        )

    async def put(self, path: bytes, content: bytes) -> None:
        """Write it, and wait until the mount shows it.

        What was written through the mount just before is sent a moment later, over it.
        """
        async with asyncio.timeout(60):
            mounted = os.fsencode(self.mounted) + b"/" + path
            while _size(mounted) != _size(os.fsencode(self._file(path))):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await super().put(path, content)
        await self._shown(path, len(content))
        async with asyncio.timeout(60):
            while _content(mounted) != content:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def remove(self, path: bytes) -> None:
        """Unlink it, and wait until the mount does not show it."""
        await super().remove(path)
        await self._shown(path, None)

    async def _shown(self, path: bytes, size: int | None) -> None:
        file = os.fsencode(self.mounted) + b"/" + path
        async with asyncio.timeout(60):
            while _size(file) != size:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _content(file: bytes) -> bytes:
    with open(file, "rb") as opened:  # bytes are no path
        return opened.read()


def _size(file: bytes) -> int | None:
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return None


class MountedDestination(Destination):
    """A FUSE mount."""

    name = "mounted"
    refuses_overwrite = False  # rclone mount can neither link nor rename without replacing
    is_durable = False
    shows_times_late = True
    names_it_changes = RCLONE_CHANGES
    missing = _missing()

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._server = OpenSshSftp(folder / "server")
        self.mounting = Mounting(self._server, folder / "mount", folder)
        self._count = 0

    def start(self) -> None:
        """Start the server and mount it."""
        self._server.start()
        self.mounting.start()

    def close(self) -> None:
        """Unmount and end."""
        self.mounting.close()
        self._server.close()

    def place(self) -> Place:
        """A folder of its own."""
        self._count += 1
        name = f"root-{self._count}"
        return MountedPlace(self._server.files / name, self.mounting.point / name)
