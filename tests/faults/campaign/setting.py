"""In which setting a round plays: source, storage, database; and what all rounds share."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.campaign.databases import PostgresqlDatabases, SqliteDatabases
from tests.integration.rsync_fixtures import RsyncServers
from tests.integration.source_fixtures import Servers

REMOTE = ("sftp", "webdav", "smb", "s3")  # by rclone
RSYNC = "rsync"  # its daemon, by rsync
BY_SERVICE = ("globus",)  # moved by a service that is asked to
SERVED = ("s3", "smb", "rsync")  # storage behind a server


@dataclass(frozen=True)
class Setting:
    """Where a round's files come from and go to, and what keeps its rows."""

    source: str = "local"
    storage: str = "folder"  # or "disk": small, mounted, can be full, read-only, gone; or SERVED
    database: str = "sqlite"

    @property
    def is_posix(self) -> bool:
        """Whether the storage is a path of this machine."""
        return self.storage not in SERVED


@dataclass
class Services:
    """What rounds share because it is slow to start: servers, PostgreSQL, a migrated template."""

    folder: Path
    sqlite: SqliteDatabases
    servers: Servers
    can_mount: bool
    samba: bool
    rsync: bool
    _postgresql: PostgresqlDatabases | None = field(default=None)
    _rsync: RsyncServers | None = field(default=None)

    def postgresql(self) -> PostgresqlDatabases:
        """The campaign's PostgreSQL, started when it is first asked for."""
        if self._postgresql is None:
            self._postgresql = PostgresqlDatabases()
        return self._postgresql

    def rsync_servers(self) -> RsyncServers:
        """The campaign's rsync daemon, started when it is first asked for."""
        if self._rsync is None:
            self._rsync = RsyncServers(self.folder / "rsync")
        return self._rsync

    def close(self) -> None:
        """End all of it."""
        self.servers.close()
        if self._rsync is not None:
            self._rsync.close()
        if self._postgresql is not None:
            self._postgresql.close()


def setting_of(number: int, services: Services) -> Setting:
    """The setting of a round by its number: mostly local, each combination in its turn."""
    source = "local"
    if number % 5 == 4:
        has = {"smb": services.samba, RSYNC: services.rsync}
        kinds = [kind for kind in (*REMOTE, *BY_SERVICE, RSYNC) if has.get(kind, True)]
        source = kinds[(number // 5) % len(kinds)]
    storage = "disk" if services.can_mount and number % 3 == 1 else "folder"
    if source == "local" and number % 7 in (3, 5, 6):
        by_turn = {5: "rsync" if services.rsync else storage, 6: "smb" if services.samba else "s3"}
        storage = by_turn.get(number % 7, "s3")
    database = "postgresql" if number % 8 == 2 else "sqlite"
    return Setting(source, storage, database)
