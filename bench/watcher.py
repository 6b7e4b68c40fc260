"""An engine process of a bench: one watch run of the zone `main`, until standard input closes."""

import asyncio
import sys

from app.clock import utcnow
from app.flows.runtime import runtime
from app.harvest.run import Run, watch
from app.models import Run as RunRow
from app.models import RunKind, RunState


async def work() -> None:
    """Watch as a flow run does, without Prefect around it."""
    async with runtime() as parts:
        async with parts.database.write() as session:
            row = RunRow(
                kind=RunKind.WATCH, zone="main", state=RunState.LIVE, trigger="watch",
                requested_at=utcnow(), counters={},
            )  # fmt: skip
            session.add(row)
        run = Run(parts.engine, row.id, ["main"], parts.run_settings)
        watching = asyncio.create_task(watch(run, "main"))
        await asyncio.to_thread(sys.stdin.read)
        run.stopping.set()
        await watching


if __name__ == "__main__":
    asyncio.run(work())
