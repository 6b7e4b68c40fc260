"""What a flow run's process needs: settings, database, ports, engine."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings, get_settings
from app.database import Database
from app.harvest.engine import Engine
from app.harvest.run import RunSettings
from app.hooks.runner import HookRunner
from app.interpreter import prepare_interpreter
from app.services.credentials import Vault
from app.services.engine_ports import engine_ports
from app.services.hook_asking import HookAsker
from app.services.installation import installation_id
from app.services.storages import StorageOpener, Writer


@dataclass(frozen=True)
class Runtime:
    """The parts of one process."""

    settings: Settings
    database: Database
    engine: Engine

    @property
    def run_settings(self) -> RunSettings:
        """How runs live here."""
        return RunSettings(
            heartbeat_seconds=self.settings.run_heartbeat_seconds,
            lost_seconds=self.settings.run_lost_seconds,
        )


@contextlib.asynccontextmanager
async def runtime(settings: Settings | None = None) -> AsyncIterator[Runtime]:
    """Open everything for one flow run."""
    settings = settings or get_settings()
    prepare_interpreter()
    database = Database.from_settings(settings)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(database.close)
        await database.forget_leases_of_earlier_boots()
        control = os.environ.get("STREAMWEAVE_CONTROL_SOCKET")
        worker = os.environ.get("STREAMWEAVE_WORKER_NAME") or socket.gethostname()
        installation = await installation_id(database)
        storages = StorageOpener(database, settings, Writer(installation, worker))
        closing.push_async_callback(storages.close)
        hooks = HookRunner(settings.hooks_folder)
        closing.push_async_callback(hooks.close)
        ports = engine_ports(
            database,
            settings,
            storages,
            Path(control) if control else None,
            pre_transfer=HookAsker(database, hooks, Vault.from_settings(settings)),
        )
        yield Runtime(settings, database, Engine(database, ports))
