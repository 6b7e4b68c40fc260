"""Instruments behind real servers, reached as a worker reaches them: daemon, control socket, vault.

Servers live as long as a test module; the supervisor's daemon and its sockets as long as a test.
"""

import asyncio
import contextlib
import secrets
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import update

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import InstrumentStorage, ScanState, ServiceAccount
from app.services.credentials import Vault
from app.services.sources import SourceOpener
from app.worker.control import ControlServer
from app.worker.daemon import Daemon
from simlab.servers import (
    Login,
    S3Server,
    SambaServer,
    ServerProcess,
    SftpServer,
    WebdavServer,
    load_or_make_key,
)
from tests.integration.engine_fixtures import Lab, engine_for
from tests.integration.factories import make_instrument, make_storage

USER, ACCESS_KEY = "instrument", "STREAMWEAVETESTKEY"


@dataclass(frozen=True)
class Reach:
    """How an instrument is reached, and the folder that its server shows."""

    protocol: str
    folder: Path
    server: ServerProcess
    username: str
    secret: str = field(repr=False)
    secret_kind: str = "password"
    values: dict[str, Any] = field(default_factory=dict)

    def with_secret(self, secret: str) -> "Reach":
        """The same with another password."""
        return replace(self, secret=secret)

    def at_port(self, port: int) -> "Reach":
        """The same through another port of this machine (a proxy)."""
        if "url" in self.values:
            return replace(self, values={**self.values, "url": f"http://127.0.0.1:{port}"})
        return replace(self, values={**self.values, "port": port})

    def below(self, name: str) -> "Reach":
        """The same server, a new folder of it as the instrument's root."""
        folder = self.folder / name
        folder.mkdir()
        root = f"{self.values.get('root') or ''}/{name}".removeprefix("/")
        return replace(self, folder=folder, values={**self.values, "root": root})


@dataclass
class Supervisor:
    """The parts of a worker that reach sources, with labs on top of them."""

    database: Database
    settings: Settings
    vault: Vault
    daemon: Daemon
    control: Path
    folder: Path

    async def lab(self, reach: Reach, *, target: Path | None = None, **instrument: Any) -> Lab:
        """An engine for an instrument behind a server, its account in the database."""
        account = ServiceAccount(
            name=f"account {secrets.token_hex(4)}",
            username=reach.username,
            secret_kind=reach.secret_kind,
            secret_encrypted=self.vault.encrypt(reach.secret),
            created_at=utcnow(),
            updated_at=utcnow(),
        )
        async with self.database.write() as session:
            session.add(account)
        values = {"protocol": reach.protocol, "service_account_id": account.id, **reach.values}
        instrument_id = await make_instrument(self.database, **{**values, **instrument})
        if target is None:
            target = self.folder / f"archive-{secrets.token_hex(4)}"
            target.mkdir()
        storage = await make_storage(self.database, target, instrument_id)
        async with self.database.write() as session:
            await session.execute(update(InstrumentStorage).values(prefix=""))
        opener = SourceOpener(self.database, self.settings, self.control)
        engine = engine_for(self.database, opener, settings=self.settings)
        return Lab(self.database, engine, instrument_id, storage, reach.folder, target)


async def eventually(
    holds: Callable[[], Awaitable[bool]], *, within_seconds: float = 120.0
) -> None:
    """Ask again and again until the condition holds."""
    async with asyncio.timeout(within_seconds):
        while not await holds():  # noqa: ASYNC110  what is waited for is in another process
            await asyncio.sleep(0.05)


async def scan_error(lab: Lab) -> StreamWeaveError | None:
    """Scan once; return what stopped it, after checking that the instrument shows the same."""
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    async with lab.database.read() as session:
        state = await session.get(ScanState, lab.instrument)
    assert state is not None
    shown = result.scan.error.code if result.scan.error else None
    assert state.last_error_code == shown
    return result.scan.error


@contextlib.asynccontextmanager
async def supervisor(
    database: Database, folder: Path, *, io_timeout_seconds: float = 20.0
) -> AsyncIterator[Supervisor]:
    """A running daemon and control socket; both end with the block."""
    sockets = tempfile.TemporaryDirectory(prefix="sw-")  # a socket's path has 108 bytes in all
    settings = Settings(
        data=folder / "data",
        secret_keys=SecretStr(Fernet.generate_key().decode()),
        io_timeout_seconds=io_timeout_seconds,
        connect_timeout_seconds=2.0,
    )
    directory = Path(sockets.name)
    vault = Vault.from_settings(settings)
    daemon = Daemon(settings, directory)
    control = ControlServer(database, vault, daemon, directory / "control.sock")
    tasks = [asyncio.create_task(daemon.child.run()), asyncio.create_task(control.serve())]
    try:
        control_socket = directory / "control.sock"

        async def up() -> bool:
            return control_socket.exists() and await _is_up(daemon)

        await eventually(up)
        yield Supervisor(database, settings, vault, daemon, control_socket, folder)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sockets.cleanup()


async def _is_up(daemon: Daemon) -> bool:
    try:
        await daemon.client.call("rc/noop", "asking")
    except StreamWeaveError:
        return False
    return True


@pytest.fixture
async def worker(database: Database, tmp_path: Path) -> AsyncIterator[Supervisor]:
    """A supervisor with the usual patience."""
    async with supervisor(database, tmp_path) as running:
        yield running


class Servers:
    """One real server of each kind, started when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Reach] = {}

    def __getitem__(self, kind: str) -> Reach:
        if kind not in self._running:
            self._running[kind] = start_server(kind, self._folder / kind)
        return self._running[kind]

    def fresh(self, kind: str) -> Reach:
        """A folder of its own behind the server of this kind."""
        return self[kind].below(f"i{uuid.uuid4().hex[:8]}")

    def close(self) -> None:
        """End them all."""
        for reach in self._running.values():
            reach.server.close()


def start_server(kind: str, folder: Path) -> Reach:
    """Start one server: smb, sftp, sftp-key, s3 or webdav."""
    files = folder / "files"
    files.mkdir(parents=True)
    password = f"test-secret-{secrets.token_hex(8)}"
    places: dict[str, Any] = {"state": folder / "state", "logs": folder / "logs"}
    if kind == "smb":
        login = Login(USER, password)
        server: ServerProcess = SambaServer(kind, shares={"data": files}, login=login, **places)
    elif kind == "sftp-key":
        private, public = load_or_make_key(folder / "key")
        login = Login(USER, authorized_key=public)
        server = SftpServer(kind, served=files, login=login, **places)
    else:
        login = Login(ACCESS_KEY if kind == "s3" else USER, password)
        makers: dict[str, Callable[..., ServerProcess]] = {
            "sftp": SftpServer,
            "s3": S3Server,
            "webdav": WebdavServer,
        }
        server = makers[kind](kind, served=files, login=login, **places)
    server.start()
    values: dict[str, Any] = {"host": server.host, "port": server.port, "root": ""}
    if kind == "smb":
        values["root"] = "data"
    if isinstance(server, SftpServer):
        values["host_key"] = server.host_key
    if isinstance(server, S3Server):
        files = files / "bucket"
        files.mkdir()
        values = {"url": server.url, "root": "bucket"}
    if isinstance(server, WebdavServer):
        values = {"url": server.url, "root": ""}
    if kind == "sftp-key":
        return Reach("sftp", files, server, USER, private, "private_key", values)
    return Reach(kind, files, server, login.username, password, "password", values)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers of the test module."""
    running = Servers(tmp_path_factory.mktemp("servers"))
    try:
        yield running
    finally:
        running.close()
