"""A worker's post-transfer hooks in a process of their own, to be killed."""

import asyncio
import json
import sys
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.config import Settings
from app.database import Database
from app.hooks.runner import HookRunner
from app.services.credentials import Vault
from app.services.downloads import Sender
from app.services.hook_posting import PostHooks, PostSettings
from app.services.hook_reading import Reading, Room
from app.services.storages import StorageOpener, Writer


async def main(url: str, hooks: Path, data: Path) -> None:
    """Ask hooks until killed."""
    settings = Settings(
        _env_file=None,
        data=data,
        database_url=SecretStr(url),
        secret_keys=SecretStr(Fernet.generate_key().decode()),
    )
    database = Database(url)
    opener = StorageOpener(database, settings, Writer("check000", "w"))
    room = Room(data / "room" / "w", 1000)
    reading = Reading(database, Sender(database, opener), room)
    vault = Vault.from_settings(settings)
    mine = PostSettings("killed", ["main"], lease_seconds=2.0)
    await PostHooks(reading, HookRunner(hooks), vault, mine).run()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.run(main(given["url"], Path(given["hooks"]), Path(given["data"])))
