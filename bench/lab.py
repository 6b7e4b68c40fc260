"""One instrument behind a real server, a worker's supervisor, and engine processes beside it."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.migrations import migrate
from app.models import (
    Hook,
    Instrument,
    InstrumentStorage,
    ScanState,
    ServiceAccount,
    Slot,
    StorageLocation,
)
from app.services.credentials import Vault
from app.transfers.posix import SENTINEL
from app.worker.control import ControlServer
from app.worker.daemon import Daemon
from simlab.process import Login, ServerProcess
from simlab.servers import SambaServer, SftpServer

USER = "bench"
_CONNECTIONS = 4


@dataclass(frozen=True)
class Served:
    """A folder, and how it is reached."""

    protocol: str
    folder: Path
    server: ServerProcess | None = None
    password: str = field(default="", repr=False)
    values: Mapping[str, Any] = field(default_factory=dict)
    username: str = USER
    secret_kind: str = "password"


@contextlib.contextmanager
def served(protocol: str, folder: Path, state: Path) -> Any:
    """Serve a folder read-only by the real server of a protocol."""
    if protocol == "local":
        yield Served("local", folder, values={"root": str(folder)})
        return
    password = secrets.token_urlsafe(12)
    login = Login(USER, password)
    server: ServerProcess
    if protocol == "smb":
        server = SambaServer(
            "smb", shares={"data": folder}, login=login, state=state / "smb", logs=state
        )
    else:
        server = SftpServer("sftp", served=folder, login=login, state=state / "sftp", logs=state)
    server.start()
    values: dict[str, Any] = {"host": server.host, "port": server.port}
    if isinstance(server, SftpServer):
        values |= {"root": "", "host_key": server.host_key}
    else:
        values["root"] = "data"
    try:
        yield Served(protocol, folder, server, password, values)
    finally:
        server.close()


class Bench:
    """A fresh installation: database, supervisor with its rclone daemon, storage."""

    def __init__(self, folder: Path, source: Served, database_url: str | None = None) -> None:
        self.folder = folder
        self.source = source
        folder.mkdir(parents=True)
        self.sockets = folder / "s"
        self.sockets.mkdir(mode=0o700)
        self.target = folder / "archive"
        self.target.mkdir()
        self._key = Fernet.generate_key().decode()
        self.environment = {
            "STREAMWEAVE_DATA": str(folder / "data"),
            "STREAMWEAVE_SECRET_KEYS": self._key,
            "STREAMWEAVE_CONTROL_SOCKET": str(self.sockets / "control.sock"),
            "STREAMWEAVE_WORKER_NAME": "bench",
        }
        (folder / "data").mkdir()
        if database_url is not None:
            self.environment["STREAMWEAVE_DATABASE_URL"] = database_url
        self.settings = Settings(
            _env_file=None,
            data=folder / "data",
            secret_keys=self._key,
            database_url=database_url,
        )
        migrate(self.settings.url, "head")
        self.database = Database.from_settings(self.settings)
        self.instrument = uuid.UUID(int=0)
        self.daemon = Daemon(self.settings, self.sockets)

    @contextlib.asynccontextmanager
    async def open(
        self, *, quiet_seconds: float = 0.0, hooks: Sequence[Hook] = (), **values: Any
    ) -> AsyncIterator["Bench"]:
        """Make the rows and start the supervisor's parts."""
        await self._make_rows(quiet_seconds, values)
        async with self.database.write() as session:
            session.add_all(hooks)
        tasks: list[asyncio.Task[None]] = []
        if self.source.server is not None:
            vault = Vault.from_settings(self.settings)
            control = ControlServer(
                self.database, vault, self.daemon, self.sockets / "control.sock"
            )
            tasks = [
                asyncio.create_task(self.daemon.child.run()),
                asyncio.create_task(control.serve()),
            ]
            await self._until_up()
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.database.close()

    async def _until_up(self) -> None:
        async with asyncio.timeout(30):
            while not (self.sockets / "control.sock").exists() or not self._is_daemon_up():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def _is_daemon_up(self) -> bool:
        return self.daemon.child.process is not None and self.daemon.rc.socket.exists()

    @property
    def daemon_pid(self) -> int:
        """The process id of rclone's daemon."""
        assert self.daemon.child.process is not None
        return self.daemon.child.process.pid

    async def _make_rows(self, quiet_seconds: float, values: Mapping[str, Any]) -> None:
        now = utcnow()
        stamp = {"created_at": now, "updated_at": now}
        sentinel = uuid.uuid4()
        (self.target / SENTINEL).parent.mkdir(parents=True)
        (self.target / SENTINEL).write_text(json.dumps({"storage": str(sentinel)}))
        async with self.database.write() as session:
            account = None
            if self.source.server is not None:
                vault = Vault.from_settings(self.settings)
                account = ServiceAccount(
                    name="bench",
                    username=self.source.username,
                    secret_kind=self.source.secret_kind,
                    secret_encrypted=vault.encrypt(self.source.password),
                    **stamp,
                )
                session.add(account)
                await session.flush()
            instrument = Instrument(
                name="Bench",
                slug="bench",
                protocol=self.source.protocol,
                quiet_seconds=quiet_seconds,
                connections=_CONNECTIONS,
                service_account_id=account.id if account else None,
                **{**self.source.values, **values},
                **stamp,
            )
            location = StorageLocation(
                name="Archive", kind="posix", path=str(self.target), sentinel=sentinel, **stamp
            )
            session.add_all([instrument, location])
            await session.flush()
            session.add(ScanState(instrument_id=instrument.id))
            session.add_all(
                Slot(instrument_id=instrument.id, number=n) for n in range(1, _CONNECTIONS + 1)
            )
            session.add(
                InstrumentStorage(instrument_id=instrument.id, storage_location_id=location.id)
            )
            self.instrument = instrument.id

    async def engine(self, *arguments: str, timeout_seconds: float = 7200.0) -> dict[str, Any]:
        """Run an engine process to its end; return what it says on its last line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.engine",
            str(self.instrument),
            *arguments,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise RuntimeError(f"the engine process ended with {process.returncode}")
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    def remove(self) -> None:
        """Remove everything that it wrote."""
        shutil.rmtree(self.folder)


def peak_mib(pid: int | str) -> int:
    """Return a process's largest resident size until now, in MiB (Linux's VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0
