"""`streamweave worker`: supervises one rclone daemon and one Prefect worker for its zones."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database, lease_clock_ms
from app.errors import StreamWeaveError
from app.hooks.runner import HookRunner
from app.migrations import head
from app.models import Worker, new_id
from app.services.credentials import Vault
from app.services.downloads import Sender
from app.services.engine_ports import engine_ports
from app.services.hook_posting import PostHooks, PostSettings
from app.services.hook_reading import Reading, Room
from app.services.movers import MoverOpener
from app.services.prefect_api import PrefectApi
from app.services.storages import StorageOpener, Writer
from app.worker.checks import Checker
from app.worker.control import ControlServer
from app.worker.daemon import Daemon
from app.worker.flights import Flights
from app.worker.samples import measure_storage
from app.worker.storage_checks import StorageChecker
from app.worker.supervise import Child

logger = logging.getLogger("streamweave.worker")
_REGISTER_SECONDS = 20.0
_MEASURE_SECONDS = 60.0
_LONGEST_DIRECTORY = 60  # a socket's path has 108 bytes in all


def socket_directory(settings: Settings) -> Path:
    """Return a private directory for sockets, in the data directory where its path is short."""
    preferred = settings.run_directory / f"worker-{secrets.token_hex(3)}"
    if len(str(preferred)) <= _LONGEST_DIRECTORY:
        preferred.mkdir(parents=True, mode=0o700)
        return preferred
    return Path(tempfile.mkdtemp(prefix="streamweave-"))


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which Prefect's processes run; it holds no service account."""
    environment = {
        **os.environ,
        "PREFECT_HOME": str(settings.data / "prefect"),
        "PREFECT_API_URL": settings.prefect_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DO_NOT_TRACK": "1",
    }
    if settings.prefect_auth is not None:
        environment["PREFECT_API_AUTH_STRING"] = settings.prefect_auth.get_secret_value()
    return environment


class WorkerSupervisor:
    """The parts of one worker, run together until stopped."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        os.umask(0o077)
        self._directory = socket_directory(settings)
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        vault = Vault.from_settings(settings)
        self.daemon = Daemon(settings, self._directory)
        control = self._directory / "control.sock"
        self._control = ControlServer(database, vault, self.daemon, control)
        self._storages = StorageOpener(database, settings, Writer("check000", self.name))
        storage_checker = StorageChecker(database, self._storages)
        movers = MoverOpener(database, settings, vault)
        self._checker = Checker(database, movers, self.daemon, self.name, storage_checker)
        ports = engine_ports(database, settings, self._storages, control)
        self._flights = Flights(database, ports)
        self._hooks = self._post_hooks(vault)
        self._prefect = [self._prefect_worker(zone, control) for zone in settings.zone_names]

    def _post_hooks(self, vault: Vault) -> PostHooks:
        settings, database = self._settings, self._database
        room = Room(settings.data / "hook-files" / self.name, settings.hooks_room_bytes)
        reading = Reading(database, Sender(database, self._storages), room)
        return PostHooks(
            reading,
            HookRunner(settings.hooks_folder),
            vault,
            PostSettings(
                self.name,
                settings.zone_names,
                settings.lease_seconds,
                settings.retry_base_seconds,
                settings.retry_cap_seconds,
            ),
        )

    def _prefect_worker(self, zone: str, control: Path) -> Child:
        environment = prefect_environment(self._settings)
        environment["STREAMWEAVE_CONTROL_SOCKET"] = str(control)
        environment["STREAMWEAVE_WORKER_NAME"] = self.name
        environment["STREAMWEAVE_DATA"] = str(self._settings.data)
        pool = f"streamweave-{zone}"
        command = [
            sys.executable, "-m", "prefect", "worker", "start", "--pool", pool,
            "--type", "process", "--name", self.name,
        ]  # fmt: skip
        log = self._settings.data / "logs" / f"prefect-worker-{zone}.log"
        return Child(f"prefect worker {zone}", command, log, environment, gate=self._prefect_is_up)

    async def _prefect_is_up(self) -> None:
        """Wait for Prefect's server: its worker gives up when there is none."""
        api = PrefectApi(self._settings)
        try:
            while True:
                try:
                    if await api.is_healthy():
                        return
                except StreamWeaveError:
                    await asyncio.sleep(0.5)
        finally:
            await api.close()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; children end with it."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        children = [self.daemon.child, *self._prefect]
        tasks = [asyncio.create_task(child.run(), name=child.name) for child in children]
        tasks += [
            asyncio.create_task(self._control.serve(), name="control"),
            asyncio.create_task(self._register(), name="register"),
            asyncio.create_task(self._check(), name="checks"),
            asyncio.create_task(self._fly(), name="flights"),
            asyncio.create_task(self._measure(), name="samples"),
            asyncio.create_task(self._hooks.run(), name="hooks"),
        ]
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, *tasks):
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("a part of the worker failed: %r", result)
        await self._unregister()
        await self._storages.close()
        for path in self._directory.glob("*"):
            if not path.is_dir():
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # rclone's cache folder may stay
            self._directory.rmdir()

    async def _register(self) -> None:
        """Say which zones are served, again and again: the row runs out with the worker."""
        while True:
            try:
                await self._database.run(self._say_zones)
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            await asyncio.sleep(_REGISTER_SECONDS / 4)

    async def _say_zones(self, session: AsyncSession) -> None:
        until = await lease_clock_ms(session) + int(_REGISTER_SECONDS * 1000)
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        for zone in self._settings.zone_names:
            values = {"until_ms": until, "seen_at": utcnow()}
            await session.execute(
                dialect.insert(Worker)
                .values(id=new_id(), name=self.name, zone=zone, **values)
                .on_conflict_do_update(index_elements=["name", "zone"], set_=values)
            )

    async def _unregister(self) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(delete(Worker).where(Worker.name == self.name))

        await self._database.run(work)

    async def _check(self) -> None:
        while True:
            try:
                if await self._checker.answer_next(self._settings.zone_names):
                    continue
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            await asyncio.sleep(0.5)

    async def _fly(self) -> None:
        while True:
            try:
                if await self._flights.fly_next(self._settings.zone_names):
                    continue
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            await asyncio.sleep(0.5)

    async def _measure(self) -> None:
        """Measure storage; a new location is measured within a minute, others once an hour."""
        while True:
            try:
                await measure_storage(self._database, self._storages, self._settings.zone_names)
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            await asyncio.sleep(_MEASURE_SECONDS)


async def run_worker(settings: Settings) -> None:
    """Open the database and run one worker."""
    database = Database.from_settings(settings)
    await database.check_migrated(head())
    await database.forget_leases_of_earlier_boots()
    try:
        await WorkerSupervisor(settings, database).run()
    finally:
        await database.close()
