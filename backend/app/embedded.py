"""The embedded stack: API, Prefect server and worker on one machine, supervised by one process.

Everything is below the data directory; a lock there keeps a second `up` out. Children die with
this process, so that after a kill -9 the next start finds a clean machine.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from pydantic import SecretStr

from app.config import Settings, private_file
from app.database import Database
from app.errors import StreamWeaveError
from app.loopback import LoopbackPorts
from app.migrations import migrate
from app.services.installation import installation_id
from app.services.users import ensure_setup_code
from app.worker.main import prefect_environment
from app.worker.supervise import Child

_UP_SECONDS = 120.0


class EmbeddedStack:
    """The three children of `streamweave up`."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = self._take_lock(settings.data)
        auth = private_file(
            settings.data / "keys" / "prefect-auth",
            lambda: b"streamweave:" + secrets.token_urlsafe(24).encode(),
        ).decode()
        self._ports = LoopbackPorts()
        self._port = self._ports.take(settings.bind_port)
        self._prefect_port = self._choose_prefect_port(settings)
        self.settings = settings.model_copy(
            update={
                "bind_port": self._port,
                "prefect_api_url": f"http://127.0.0.1:{self._prefect_port}/api",
                "prefect_auth": SecretStr(auth),
            }
        )
        self.setup_code: str | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self._port}"

    @staticmethod
    def _take_lock(data: Path) -> int:
        descriptor = os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StreamWeaveError(
                "in_use", f"StreamWeave is running already with {data}. Stop it first."
            ) from None
        return descriptor

    def _choose_prefect_port(self, settings: Settings) -> int:
        """Return the port of last time when it is free: flow runs know it."""
        remembered = settings.data / "prefect" / "api-url"
        last = 4200
        if remembered.exists():
            last = httpx.URL(remembered.read_text().strip()).port or last
        port = self._ports.take(last)
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(f"http://127.0.0.1:{port}/api\n")
        return port

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        assert settings.prefect_auth is not None
        environment = prefect_environment(settings)
        environment |= {
            "STREAMWEAVE_DATA": str(settings.data),
            "STREAMWEAVE_BIND_PORT": str(settings.bind_port),
            "STREAMWEAVE_LOCAL_ROOTS": settings.local_roots,
            "STREAMWEAVE_PREFECT_API_URL": settings.prefect_url,
            "STREAMWEAVE_PREFECT_AUTH": settings.prefect_auth.get_secret_value(),
        }
        return environment

    def _children(self) -> list[Child]:
        environment = self._environment()
        logs = self.settings.data / "logs"
        python = sys.executable
        auth = environment["STREAMWEAVE_PREFECT_AUTH"]
        prefect = [
            python, "-m", "prefect", "server", "start",
            "--host", "127.0.0.1", "--port", str(self._prefect_port),
        ]  # fmt: skip
        api = [
            python, "-m", "uvicorn", "app.main:create_app", "--factory", "--no-access-log",
            "--host", self.settings.bind_host, "--port", str(self._port),
            "--timeout-graceful-shutdown", "2",  # live streams never end by themselves
        ]  # fmt: skip
        server = environment | {"PREFECT_SERVER_API_AUTH_STRING": auth}
        return [
            Child("prefect server", prefect, logs / "prefect-server.log", server),
            Child("api", api, logs / "api.log", environment),
            Child("worker", [python, "-m", "app.cli", "worker"], logs / "worker.log", environment),
        ]

    async def prepare(self) -> None:
        """Bring the database up and make the first admin's code when there is no admin."""
        await asyncio.to_thread(migrate, self.settings.url)
        database = Database.from_settings(self.settings)
        try:
            await database.forget_leases_of_earlier_boots()
            await installation_id(database)
            self.settings.fernet_keys()
            self.setup_code = await ensure_setup_code(database)
        finally:
            await database.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the children for the length of a block; they are up when it begins."""
        await self.prepare()
        children = self._children()
        tasks = [asyncio.create_task(child.run(), name=child.name) for child in children]
        try:
            await self._wait_until_up()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ports.give_back()
            os.close(self._lock)

    async def _wait_until_up(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(_UP_SECONDS):
            while True:
                try:
                    answer = await client.get(f"{self.url}/api/health")
                    if answer.status_code == 200:
                        return
                except httpx.TransportError:
                    pass  # not up yet
                await asyncio.sleep(0.2)
