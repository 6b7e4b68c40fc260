"""SFTP destinations: rclone's server, OpenSSH's, asyncssh's."""

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.file_server import ServerAddress
from app.transfers.served import ServedStorage
from app.transfers.sftp import SftpFiles
from simlab.process import Login
from simlab.servers import SftpServer, load_or_make_key
from tests.integration.conformance import ssh_server
from tests.integration.conformance.places import (
    Destination,
    Door,
    FolderPlace,
    Place,
    Server,
    shown,
)

USER = "storage"
# rclone writes control pictures as control characters, and its own quoting character twice.
RCLONE_CHANGES = frozenset({"control pictures"})


class WritableSftp(SftpServer):
    """rclone's SFTP server, as a storage."""

    writable = True
    directory_cache = "10ms"


class OpenSshServer(SftpServer):
    """OpenSSH's sftp-server behind a log-on of ours."""

    read_only = False

    def command(self, port: int) -> Sequence[str]:
        """Run our module."""
        load_or_make_key(self._host_key_path)
        places = [str(self._served.resolve()), str(port), str(self._host_key_path.resolve())]
        return [sys.executable, "-m", ssh_server.__name__, *places]

    def environment(self) -> Mapping[str, str]:
        """User and password, and where our modules are."""
        values = {
            "STREAMWEAVE_TEST_USER": self._login.username,
            "STREAMWEAVE_TEST_PASSWORD": self._login.required_password(),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        return values | ({"STREAMWEAVE_TEST_READ_ONLY": "1"} if self.read_only else {})


@dataclass(frozen=True)
class _Way:
    server: SftpServer
    root: str
    password: str


class SftpPlace(FolderPlace):
    """A folder behind an SFTP server."""

    def __init__(self, folder: Path, way: _Way) -> None:
        super().__init__(folder)
        self._way = way

    def address(self, door: Door) -> ServerAddress:
        """Return where it is."""
        server = self._way.server
        return ServerAddress(
            host=door.host or server.host,
            port=door.port or server.port,
            root=self._way.root if door.root is None else door.root,
            username=USER,
            secret=self._way.password if door.secret is None else door.secret,
            host_key=server.host_key if door.host_key is None else door.host_key,
            timeout_seconds=door.timeout_seconds,
        )

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        return ServedStorage(
            SftpFiles(self.address(door)),
            installation=door.installation,
            sentinel=self.sentinel,
            worker=door.worker,
        )


class RcloneSftpPlace(SftpPlace):
    """rclone keeps listings for a moment: what is put behind its back is waited for."""

    async def put(self, path: bytes, content: bytes) -> None:
        """Write it, and wait until the server shows it."""
        await super().put(path, content)
        await self._shown(path, len(content))

    async def remove(self, path: bytes) -> None:
        """Unlink it, and wait until the server does not show it."""
        await super().remove(path)
        await self._shown(path, None)

    async def _shown(self, path: bytes, size: int | None) -> None:
        files = SftpFiles(self.address(Door()))
        try:
            await shown(files, path, size)
        finally:
            await files.close()


class SftpDestination(Server, Destination):
    """An SFTP server with a folder."""

    share_missing_door = Door(root="nothing/here")
    refused_line = ""
    make_place: type[SftpPlace] = SftpPlace
    make: type[SftpServer]
    make_read_only: type[SftpServer]

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / "files"
        self._files.mkdir(parents=True)
        self._password = f"test-secret-{secrets.token_hex(8)}"
        self._server = self._made(self.make, "server")
        self._read_only = self._made(self.make_read_only, "read-only")

    def _made(self, kind: type[SftpServer], name: str) -> SftpServer:
        return kind(
            name,
            served=self._files,
            state=self._folder / name,
            logs=self._folder / "logs",
            login=Login(USER, self._password),
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def start(self) -> None:
        """Start it."""
        self._server.start()

    def kill(self) -> None:
        """End it."""
        self._server.kill()

    def freeze(self) -> None:
        """Stop it."""
        self._server.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self._server.thaw()

    def close(self) -> None:
        """End all."""
        self._server.close()
        self._read_only.close()

    def refused_logons(self) -> int:
        """Count the server's own words."""
        return self._server.log_path.read_text().count(self.refused_line)

    def place(self) -> Place:
        """A folder of its own."""
        return self._place(self._server)

    def read_only_place(self) -> Place:
        """The same behind a second server."""
        self._read_only.start()
        return self._place(self._read_only)

    def _place(self, server: SftpServer) -> Place:
        name = f"root-{secrets.token_hex(4)}"
        return self.make_place(self._files / name, _Way(server, name, self._password))


class RcloneSftp(SftpDestination):
    """rclone serve sftp: its rename overwrites, and it has no fsync."""

    name = "sftp-rclone"
    refuses_overwrite = False
    is_durable = False
    refused_line = "password rejected for"
    names_it_changes = RCLONE_CHANGES
    make = WritableSftp
    make_place = RcloneSftpPlace
    make_read_only = SftpServer


class _ReadOnlyOpenSsh(OpenSshServer):
    read_only = True


class OpenSshSftp(SftpDestination):
    """OpenSSH's sftp-server: plain rename by link, fsync."""

    name = "sftp-openssh"
    refuses_overwrite = True
    is_durable = True
    refused_line = ssh_server.REFUSED
    missing = (
        ""
        if ssh_server.OPENSSH.exists()
        else "sftp-server is not installed: sh scripts/install-system-packages.sh"
    )
    make = OpenSshServer
    make_read_only = _ReadOnlyOpenSsh
