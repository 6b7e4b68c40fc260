"""SMB destinations: samba."""

import secrets
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.file_server import ServerAddress
from app.transfers.served import ServedStorage
from app.transfers.smb import SmbFiles
from app.transfers.smb_names import from_server, to_server
from simlab.process import Login
from simlab.samba import SambaServer, samba_available
from tests.integration.conformance.places import Destination, Door, FolderPlace, Place, Server

USER, SHARE = "storage", "data"


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


class SmbDestination(Server, Destination):
    """Samba with one share."""

    name = "smb"
    refuses_overwrite = True
    is_durable = True
    missing = (
        "" if samba_available() else "smbd is not installed: scripts/install-system-packages.sh"
    )
    share_missing_door = Door(root="nothing")
    make: type[SambaServer] = WritableSamba

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / "files"
        self._files.mkdir(parents=True)
        self._password = f"test-secret-{secrets.token_hex(8)}"
        self._server = self._made(self.make, "server")
        self._read_only = self._made(SambaServer, "read-only")

    def _made(self, kind: type[SambaServer], name: str) -> SambaServer:
        return kind(
            name,
            shares={SHARE: self._files},
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
        """Count samba's own words."""
        return self._server.log_path.read_text().count("status [NT_STATUS_WRONG_PASSWORD]")

    def place(self) -> Place:
        """A folder of its own."""
        return self._place(self._server)

    def read_only_place(self) -> Place:
        """The same behind a second server."""
        self._read_only.start()
        return self._place(self._read_only)

    def _place(self, server: SambaServer) -> Place:
        return SmbPlace(self._files / f"root-{secrets.token_hex(4)}", server, self._password)
