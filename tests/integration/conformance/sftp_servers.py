"""SFTP destinations: rclone's server and OpenSSH's."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.file_server import FileServer, ServerAddress
from app.transfers.served import ServedStorage
from app.transfers.sftp import SftpFiles
from simlab.servers import SftpServer, load_or_make_key
from tests.integration.conformance import ssh_server
from tests.integration.conformance.places import (
    RCLONE_CHANGES,
    CachedPlace,
    Door,
    FolderPlace,
    Place,
)
from tests.integration.conformance.server_destination import USER, ServerDestination


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


class SftpPlace(FolderPlace):
    """A folder behind an SFTP server."""

    def __init__(self, folder: Path, server: SftpServer, password: str) -> None:
        super().__init__(folder)
        self._server = server
        self._password = password

    def address(self, door: Door) -> ServerAddress:
        """Return where it is."""
        return ServerAddress(
            host=door.host or self._server.host,
            port=door.port or self._server.port,
            root=self.folder.name if door.root is None else door.root,
            username=USER,
            secret=self._password if door.secret is None else door.secret,
            host_key=self._server.host_key if door.host_key is None else door.host_key,
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


class RcloneSftpPlace(SftpPlace, CachedPlace):
    """The same behind rclone."""

    def files(self) -> FileServer:
        """Return a view of the server."""
        return SftpFiles(self.address(Door()))


class RcloneSftp(ServerDestination[SftpServer]):
    """rclone serve sftp: its rename overwrites, and it has no fsync."""

    name = "sftp-rclone"
    refuses_overwrite = False
    is_durable = False
    tells_full = False
    names_it_changes = RCLONE_CHANGES
    share_missing_door = Door(root="nothing/here")
    refused_line = "password rejected for"

    def make(self, name: str) -> SftpServer:
        """Make a server."""
        kind = SftpServer if name == "read-only" else WritableSftp
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, served=self.files, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: SftpServer) -> Place:
        """Make a place."""
        return RcloneSftpPlace(folder, server, self.password)


class _ReadOnlyOpenSsh(OpenSshServer):
    read_only = True


class OpenSshSftp(ServerDestination[SftpServer]):
    """OpenSSH's sftp-server: plain rename by link, fsync."""

    name = "sftp-openssh"
    refuses_overwrite = True
    is_durable = True
    missing = (
        ""
        if ssh_server.OPENSSH.exists()
        else "sftp-server is missing: sh scripts/install-system-packages.sh"
    )
    share_missing_door = Door(root="nothing/here")
    refused_line = ssh_server.REFUSED

    def make(self, name: str) -> SftpServer:
        """Make a server."""
        kind = _ReadOnlyOpenSsh if name == "read-only" else OpenSshServer
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, served=self.files, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: SftpServer) -> Place:
        """Make a place."""
        return SftpPlace(folder, server, self.password)
