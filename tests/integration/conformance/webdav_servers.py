"""WebDAV destinations: rclone's server."""

from collections.abc import Mapping
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.file_server import FileServer, ServerAddress
from app.transfers.served import ServedStorage
from app.transfers.webdav import WebdavFiles
from simlab.servers import WebdavServer
from tests.integration.conformance.places import CachedPlace, Door, Place
from tests.integration.conformance.server_destination import USER, ServerDestination


class WritableWebdav(WebdavServer):
    """rclone's WebDAV server, as a storage."""

    writable = True
    directory_cache = "10ms"

    def environment(self) -> Mapping[str, str]:
        """It also tells whom it refused."""
        return {**super().environment(), "RCLONE_LOG_LEVEL": "INFO"}


class WebdavPlace(CachedPlace):
    """A folder behind a WebDAV server."""

    def __init__(self, folder: Path, server: WebdavServer, password: str) -> None:
        super().__init__(folder)
        self._server = server
        self._password = password

    def address(self, door: Door) -> ServerAddress:
        """Return where it is."""
        host, port = door.host or self._server.host, door.port or self._server.port
        return ServerAddress(
            url=f"http://{host}:{port}",
            root=self.folder.name if door.root is None else door.root,
            username=USER,
            secret=self._password if door.secret is None else door.secret,
            timeout_seconds=door.timeout_seconds,
        )

    def files(self) -> FileServer:
        """Return a view of the server."""
        return WebdavFiles(self.address(Door()))

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        return ServedStorage(
            WebdavFiles(self.address(door)),
            installation=door.installation,
            sentinel=self.sentinel,
            worker=door.worker,
        )


class WebdavDestination(ServerDestination[WebdavServer]):
    """rclone serve webdav."""

    name = "webdav-rclone"
    refuses_overwrite = False
    is_durable = False
    tells_full = False
    names_it_changes = frozenset({"control pictures"})
    share_missing_door = Door(root="nothing")
    refused_line = "Unauthorized request"

    def make(self, name: str) -> WebdavServer:
        """Make a server."""
        kind = WebdavServer if name == "read-only" else WritableWebdav
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, served=self.files, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: WebdavServer) -> Place:
        """Make a place."""
        return WebdavPlace(folder, server, self.password)
