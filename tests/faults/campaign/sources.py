"""Instruments behind real servers in a round: daemon, control socket, and a proxy in between."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from app.database import Database
from app.models import Instrument
from simlab.process import ServerProcess
from tests.faults.campaign.lying_proxy import LyingProxy
from tests.faults.campaign.setting import Services
from tests.faults.tcp_proxy import TcpProxy
from tests.integration.source_fixtures import Reach, Supervisor, supervisor

# Short, so that a frozen server is soon given up. After a time-out over SMB rclone's connections
# are dead until they rest for 15 s, so there a busy machine must not be taken for a frozen server.
_IO_TIMEOUT_SECONDS = {"smb": 2.5}
_USUAL_SECONDS = 1.0


@dataclass
class Remote:
    """A remote source: its server, the way to it, and the daemon that reads it."""

    kind: str
    reach: Reach
    supervisor: Supervisor
    proxy: TcpProxy
    io_timeout_seconds: float

    @property
    def control(self) -> Path:
        """The socket that workers ask."""
        return self.supervisor.control

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
        return lab.instrument, row.slug, self.reach.folder


@contextlib.asynccontextmanager
async def remote_source(
    kind: str, services: Services, database: Database, folder: Path
) -> AsyncIterator[Remote]:
    """A fresh folder behind the server of a kind, reached through a proxy."""
    reach = services.servers.fresh(kind)
    proxy = LyingProxy(reach.server.port) if kind == "webdav" else TcpProxy(reach.server.port)
    seconds = _IO_TIMEOUT_SECONDS.get(kind, _USUAL_SECONDS)
    await proxy.start()
    try:
        async with supervisor(database, folder, io_timeout_seconds=seconds) as supervised:
            yield Remote(kind, reach, supervised, proxy, seconds)
    finally:
        await proxy.stop()
