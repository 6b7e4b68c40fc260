"""Instruments that rsync reaches: a path, its daemon, OpenSSH with a key, SSH with a password."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.config import Settings
from app.database import Database
from app.services.credentials import Vault
from app.services.movers import NoTasks
from app.transfers.rsync import Rsync, RsyncOptions
from app.transfers.rsync.source import RsyncSource
from app.worker.daemon import Daemon
from simlab.process import Login, ServerDidNotStart
from simlab.rsync_servers import MODULE, OpenSshd, RsyncDaemon
from streamweave_sdk.transfers import Fetched, Place, Surroundings, Wanted
from tests.integration.source_fixtures import USER, Reach, Supervisor

KINDS = ("daemon", "ssh", "local")


class RsyncServers:
    """One server of each kind, started when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, RsyncDaemon | OpenSshd] = {}
        self.password = f"test-secret-{secrets.token_hex(8)}"

    def place(self, kind: str, below: str = "") -> tuple[Place, Path]:
        """A new folder and how it is reached."""
        name = below or f"i{secrets.token_hex(4)}"
        folder = self._folder / "files" / name
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "local":
            return Place("local", root=str(folder)), folder
        server = self.server(kind)
        at = Place("rsync", host=server.host, port=server.port, timeout_seconds=20.0)
        if isinstance(server, RsyncDaemon):
            return replace(at, root=f"{MODULE}/{name}", username=USER, secret=self.password), folder
        return replace(
            at,
            protocol="sftp",
            root=str(folder),
            username=server.username,
            secret=server.private_key,
            secret_kind="private_key",
            host_key=server.host_key,
        ), folder

    def reach(self, kind: str) -> Reach:
        """The same as an instrument has it."""
        place, folder = self.place(kind)
        server = None if kind == "local" else self.server(kind)
        values: dict[str, Any] = {"root": place.root, "mover": "rsync"}
        if server is not None:
            values |= {"host": place.host, "port": place.port, "host_key": place.host_key}
        secret = (place.username, place.secret, place.secret_kind)
        return Reach(place.protocol, folder, server, *secret, values)  # type: ignore[arg-type]

    def server(self, kind: str) -> RsyncDaemon | OpenSshd:
        """The server of this kind, running."""
        if kind not in self._running:
            (self._folder / "files").mkdir(exist_ok=True)
            places: dict[str, Any] = {"state": self._folder / kind, "logs": self._folder / "logs"}
            self._running[kind] = server = (
                OpenSshd(kind, **places)
                if kind == "ssh"
                else RsyncDaemon(
                    kind,
                    served=self._folder / "files",
                    login=Login(USER, self.password),
                    **places,
                )
            )
            server.start()
        return self._running[kind]

    def daemon(self) -> RsyncDaemon:
        """The daemon itself."""
        server = self.server("daemon")
        assert isinstance(server, RsyncDaemon)
        return server

    def close(self) -> None:
        """End them all."""
        for server in self._running.values():
            server.close()


@pytest.fixture(scope="module")
def rsync_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RsyncServers]:
    """Servers of the test module; without the programs its tests are skipped."""
    running = RsyncServers(tmp_path_factory.mktemp("rsync"))
    try:
        running.place("daemon")
        running.place("ssh")
    except ServerDidNotStart as error:
        running.close()
        pytest.skip(str(error))
    try:
        yield running
    finally:
        running.close()


def plain_worker(database: Database, folder: Path, **settings: Any) -> Supervisor:
    """What reaches sources without rclone's daemon: movers need none."""
    made = Settings(
        data=folder / "data",
        secret_keys=SecretStr(Fernet.generate_key().decode()),
        **{"io_timeout_seconds": 20.0, "connect_timeout_seconds": 2.0, **settings},
    )
    vault = Vault.from_settings(made)
    return Supervisor(
        database, made, vault, Daemon(made, folder), folder / "no-control.sock", folder
    )


@pytest.fixture
async def plain(database: Database, tmp_path: Path) -> Supervisor:
    """A worker that runs no daemon."""
    return plain_worker(database, tmp_path)


class _PasswordGuard(asyncssh.SSHServer):
    def __init__(self, password: str, offered: list[str], *, asks: bool) -> None:
        self._password = password
        self._offered = offered
        self._asks = asks

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return not self._asks

    def kbdint_auth_supported(self) -> bool:
        return self._asks

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        return self.validate_password(username, responses[0])

    def validate_password(self, username: str, password: str) -> bool:
        self._offered.append(password)
        return password == self._password


async def _run(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_shell(
        process.command or "exit 1", stdin=pipe, stdout=pipe, stderr=pipe
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())


@contextlib.asynccontextmanager
async def password_server(
    password: str, *, asks: bool = False
) -> AsyncIterator[tuple[Place, list[str]]]:
    """An SSH server that wants a password and runs commands; with what was offered to it.

    It may ask for it (keyboard-interactive) instead of taking it.
    """
    offered: list[str] = []
    key = asyncssh.generate_private_key("ssh-ed25519")
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncssh.create_server(
            lambda: _PasswordGuard(password, offered, asks=asks),
            "127.0.0.1",
            0,
            server_host_keys=[key],
            process_factory=_run,
            encoding=None,
        )
        try:
            place = Place(
                "sftp", root=folder, host="127.0.0.1", port=server.get_port(), username="u",
                secret=password, timeout_seconds=20.0,
                host_key=key.export_public_key().decode().strip(),
            )  # fmt: skip
            yield place, offered
        finally:
            server.close()
            await server.wait_closed()


async def opened(place: Place, folder: Path, **options: Any) -> RsyncSource:
    """Open a source as a worker does."""
    folder.mkdir(exist_ok=True)
    return await Rsync().open(place, RsyncOptions(**options), Surroundings(folder, NoTasks()))


async def fetched(source: RsyncSource, files: Sequence[Wanted]) -> dict[int, Fetched]:
    """Bring files; each must be told once."""
    found: dict[int, Fetched] = {}
    async for arrival in source.fetch(files):
        if isinstance(arrival, Fetched):
            assert arrival.number not in found
            found[arrival.number] = arrival
    return found
