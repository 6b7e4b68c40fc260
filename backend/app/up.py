"""`streamweave up`: the embedded stack until Ctrl-C or SIGTERM."""

import asyncio
import logging
import signal
from pathlib import Path

from rich.console import Console

from app.config import Settings, get_settings
from app.embedded import EmbeddedStack


def run_up(data: Path | None, port: int | None) -> int:
    """Run the stack; return the exit code."""
    logging.basicConfig(level="WARNING", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = get_settings()
    changes: dict[str, object] = {}
    if data is not None:
        changes["data"] = data.absolute()
    if port is not None:
        changes["bind_port"] = port
    settings = settings.model_copy(update=changes)
    settings.check()
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    console = Console(stderr=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print("Starting API, Prefect server, worker and rclone ...")
    stack = EmbeddedStack(settings)
    async with stack.running():
        console.print(f"StreamWeave is up at [bold]{stack.url}[/]. Data: {settings.data}")
        if stack.setup_code is not None:
            console.print(f"There is no admin yet. One-time code: [bold]{stack.setup_code}[/]")
        await stop.wait()
        console.print("Stopping ...")
