"""Instruments behind real servers in a round: rclone's daemon or rsync, and a proxy in between."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.database import Database
from app.models import Instrument, ServiceAccount
from simlab.process import ServerProcess
from tests.faults.campaign.lying_proxy import LyingProxy
from tests.faults.campaign.mounts import Disk, disk
from tests.faults.campaign.setting import RSYNC, Services
from tests.faults.tcp_proxy import Ends, TcpProxy
from tests.integration.rsync_fixtures import plain_worker
from tests.integration.source_fixtures import Reach, Supervisor, supervisor

# Short, so that a frozen server is soon given up. After a time-out over SMB rclone's connections
# are dead until they rest for 15 s, so there a busy machine must not be taken for a frozen server.
_IO_TIMEOUT_SECONDS = {"smb": 2.5, RSYNC: 3.0}
_USUAL_SECONDS = 1.0
_LANDING_BYTES = 32 << 20


class GreetingProxy(TcpProxy):
    """Lets the next connections meet a daemon of an age that nobody speaks any more."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.strangers = 0

    async def talk(self, here: Ends, there: Ends) -> None:
        """Greet wrongly, or carry."""
        if not self.strangers:
            await super().talk(here, there)
            return
        self.strangers -= 1
        here[1].write(b"@RSYNCD: 10.0\n")
        with contextlib.suppress(OSError):
            await here[1].drain()
            await here[0].read()


@dataclass
class Remote:
    """A remote source: its server, the way to it, and the daemon that reads it."""

    kind: str
    reach: Reach
    supervisor: Supervisor
    proxy: TcpProxy
    io_timeout_seconds: float
    landing: Disk | None = None  # where movers bring files, where it can be filled

    def for_workers(self) -> dict[str, Any]:
        """What workers need to reach it."""
        if self.kind != RSYNC:
            return {"control": self.supervisor.control}
        settings = self.supervisor.settings
        assert settings.secret_keys is not None
        return {"data": settings.data, "secret_keys": settings.secret_keys.get_secret_value()}

    @property
    def server(self) -> ServerProcess:
        """The instrument's server."""
        return self.reach.server

    @property
    def liar(self) -> LyingProxy:
        """The proxy, where it can lie."""
        assert isinstance(self.proxy, LyingProxy)
        return self.proxy

    async def instrument(self, archive: Path) -> tuple[uuid.UUID, str, Path]:
        """Make the instrument and its storage; return its id, slug and folder."""
        lab = await self.supervisor.lab(
            self.reach.at_port(self.proxy.port), target=archive, quiet_seconds=0.0
        )
        async with lab.database.read() as session:
            row = await session.get(Instrument, lab.instrument)
        assert row is not None
        if self.kind == RSYNC:  # a worker that proves a secret first lets the others wait
            async with lab.database.write() as session:
                await session.execute(update(ServiceAccount).values(proven_version=1))
        return lab.instrument, row.slug, self.reach.folder


@contextlib.asynccontextmanager
async def remote_source(
    kind: str, services: Services, database: Database, folder: Path
) -> AsyncIterator[Remote]:
    """A fresh folder behind the server of a kind, reached through a proxy."""
    if kind == RSYNC:
        async with _by_rsync(services, database, folder) as remote:
            yield remote
        return
    reach = services.servers.fresh(kind)
    proxy = LyingProxy(reach.server.port) if kind == "webdav" else TcpProxy(reach.server.port)
    seconds = _IO_TIMEOUT_SECONDS.get(kind, _USUAL_SECONDS)
    await proxy.start()
    try:
        async with supervisor(database, folder, io_timeout_seconds=seconds) as supervised:
            yield Remote(kind, reach, supervised, proxy, seconds)
    finally:
        await proxy.stop()


@contextlib.asynccontextmanager
async def _by_rsync(services: Services, database: Database, folder: Path) -> AsyncIterator[Remote]:
    """The daemon; where mounting is possible, files land on a small disk of their own."""
    reach = services.rsync_servers().reach("daemon")
    proxy, seconds = GreetingProxy(reach.server.port), _IO_TIMEOUT_SECONDS[RSYNC]
    worker = plain_worker(database, folder, io_timeout_seconds=seconds)
    await proxy.start()
    try:
        with contextlib.ExitStack() as stack:
            place = worker.settings.data / "landing"
            place.mkdir(parents=True)
            landing = None
            if services.can_mount:
                landing = stack.enter_context(disk(folder / "small", place, _LANDING_BYTES))
            yield Remote(RSYNC, reach, worker, proxy, seconds, landing)
    finally:
        await proxy.stop()
