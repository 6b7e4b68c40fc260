"""rsync destinations: a daemon that serves as nobody, and one that serves as root."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.transfers.base import Storage
from app.transfers.rsync.storage import RsyncStorage, Whose
from simlab.rsync_servers import MODULE, RsyncDaemon
from streamweave_sdk.transfers import Place as Reached
from tests.integration.conformance.places import Door, FolderPlace, Place
from tests.integration.conformance.server_destination import USER, ServerDestination

NOBODY = 65534


class WritableDaemon(RsyncDaemon):
    """A daemon that may be written to."""

    def settings(self) -> Sequence[str]:
        """Its module is written to; the last line of a kind counts."""
        return ["read only = no"]


class NobodysDaemon(WritableDaemon):
    """The same, serving as a user who is not root, as daemons do by themselves."""

    def settings(self) -> Sequence[str]:
        """Nobody writes."""
        as_whom = [f"uid = {NOBODY}", f"gid = {NOBODY}"] if os.getuid() == 0 else []
        return [*super().settings(), *as_whom]


class RsyncPlace(FolderPlace):
    """A folder behind a daemon."""

    def __init__(self, folder: Path, server: RsyncDaemon, password: str) -> None:
        super().__init__(folder)
        self._server = server
        self._password = password

    def reached(self, door: Door) -> Reached:
        """Return where it is."""
        root = self.folder.name if door.root is None else door.root
        return Reached(
            protocol="rsync",
            host=door.host or self._server.host,
            port=door.port or self._server.port,
            root=f"{MODULE}/{root}",
            username=USER,
            secret=self._password if door.secret is None else door.secret,
            timeout_seconds=door.timeout_seconds,
        )

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        return RsyncStorage(
            self.reached(door),
            Whose(door.installation, door.worker, self.sentinel),
            spool=self.folder.parent.parent / "spool",
        )


class RootsRsync(ServerDestination[RsyncDaemon]):
    """A daemon that serves as root: no folder takes no file of it."""

    name = "rsync-root"
    server_kind: type[RsyncDaemon] = WritableDaemon
    refuses_overwrite = os.getuid() != 0
    is_durable = False
    missing = "" if shutil.which("rsync") else "rsync is not installed"
    share_missing_door = Door(root="nothing/here")
    refused_line = "auth failed on module"

    def make(self, name: str) -> RsyncDaemon:
        """Make a server."""
        kind = RsyncDaemon if name == "read-only" else self.server_kind
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, served=self.files, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: RsyncDaemon) -> Place:
        """Make a place."""
        return RsyncPlace(folder, server, self.password)


class NobodysPlace(RsyncPlace):
    """A folder of nobody's."""

    def __init__(self, folder: Path, server: RsyncDaemon, password: str) -> None:
        super().__init__(folder, server, password)
        self._give(folder)

    def _give(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    async def put(self, path: bytes, content: bytes) -> None:
        """Write it, as nobody would."""
        await super().put(path, content)
        for folder, _, files in os.walk(self.folder):
            for name in (".", *files):
                self._give(Path(folder, name))


class NobodysRsync(RootsRsync):
    """A daemon that serves as nobody: links or nothing."""

    name = "rsync"
    server_kind = NobodysDaemon
    refuses_overwrite = True

    def start(self) -> None:
        """Nobody must find the way to what is served."""
        if os.getuid() == 0:
            for folder in (self.files, *self.files.parents):
                if folder.owner() == "root" and folder.is_relative_to("/tmp"):
                    folder.chmod(folder.stat().st_mode | 0o011)
        super().start()

    def place_at(self, folder: Path, server: RsyncDaemon) -> Place:
        """Make a place."""
        return NobodysPlace(folder, server, self.password)
