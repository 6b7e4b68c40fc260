"""SMB destinations: samba."""

from pathlib import Path

from app.transfers.base import Storage
from app.transfers.file_server import ServerAddress
from app.transfers.served import ServedStorage
from app.transfers.smb import SmbFiles
from app.transfers.smb_names import from_server, to_server
from simlab.samba import SambaServer, samba_available
from tests.integration.conformance.places import Door, FolderPlace, Place
from tests.integration.conformance.server_destination import USER, ServerDestination

SHARE = "data"


class WritableSamba(SambaServer):
    """Samba, as a storage."""

    writable = True


class SmbPlace(FolderPlace):
    """A folder of a share; names are on its disk as Linux's cifs would write them."""

    def __init__(self, folder: Path, server: SambaServer, password: str) -> None:
        super().__init__(folder)
        self._server = server
        self._password = password

    def on_disk(self, path: bytes) -> bytes:
        """Map it."""
        return to_server(path).replace("\\", "/").encode()

    def from_disk(self, path: bytes) -> bytes:
        """Map it back."""
        return b"/".join(from_server(part) for part in path.decode().split("/"))

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        address = ServerAddress(
            host=door.host or self._server.host,
            port=door.port or self._server.port,
            root=f"{SHARE}/{self.folder.name}" if door.root is None else door.root,
            username=USER,
            secret=self._password if door.secret is None else door.secret,
            timeout_seconds=door.timeout_seconds,
        )
        return ServedStorage(
            SmbFiles(address),
            installation=door.installation,
            sentinel=self.sentinel,
            worker=door.worker,
            case_insensitive=True,
        )


class SmbDestination(ServerDestination[SambaServer]):
    """Samba with one share."""

    name = "smb"
    refuses_overwrite = True
    is_durable = True
    missing = "" if samba_available() else "smbd is missing: sh scripts/install-system-packages.sh"
    share_missing_door = Door(root="nothing")
    refused_line = "status [NT_STATUS_WRONG_PASSWORD]"
    writable: type[SambaServer] = WritableSamba

    def make(self, name: str) -> SambaServer:
        """Make a server."""
        kind = SambaServer if name == "read-only" else self.writable
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, shares={SHARE: self.files}, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: SambaServer) -> Place:
        """Make a place."""
        return SmbPlace(folder, server, self.password)
