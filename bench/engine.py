"""An engine process of a bench: one harvest run, as a flow run does it, without Prefect around it.

python -m bench.engine INSTRUMENT [--scan] [--where] [--profile FILE]
"""

import argparse
import asyncio
import cProfile
import json
import resource
import sys
import uuid
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from sqlalchemy import func, select

from app.flows.runtime import runtime
from app.harvest.run import Run, harvest
from app.models import Copy, CopyState
from app.services.orchestration import request_harvest
from bench.lab import peak_mib
from bench.where import Sampler


async def work(instrument: uuid.UUID, *, where: bool) -> dict[str, Any]:
    """Harvest once; return seconds, what is available, memory."""
    async with runtime() as parts:
        ticket = await request_harvest(parts.database, instrument, actor="system")
        run = Run(parts.engine, ticket.run_id, ["main"], parts.run_settings)
        sampler = Sampler() if where else None
        began, cpu_began = monotonic(), process_time()
        outcome = await harvest(run, instrument)
        seconds, cpu = monotonic() - began, process_time() - cpu_began
        async with parts.database.read() as session:
            available = await session.scalar(
                select(func.count()).select_from(Copy).where(Copy.state == CopyState.AVAILABLE)
            )
        return {
            "outcome": outcome.value,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "available": available,
            "peak_mib": peak_mib("self"),
            "where": sampler.stop() if sampler else None,
        }


async def rescan(instrument: uuid.UUID) -> dict[str, Any]:
    """Scan once; return seconds, what was seen, memory."""
    async with runtime() as parts:
        began = monotonic()
        result = await parts.engine.scan(instrument)
        seconds = monotonic() - began
        if result is None or result.scan.error is not None:
            raise RuntimeError(f"the scan failed: {result}")
        return {
            "seconds": seconds,
            "files": result.scan.files,
            "directories": result.scan.directories,
            "unchanged": result.scan.unchanged_directories,
            "peak_mib": peak_mib("self"),
        }


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("instrument", type=uuid.UUID)
    parser.add_argument("--scan", action="store_true", help="only one scan")
    parser.add_argument("--where", action="store_true")
    parser.add_argument("--profile", type=Path)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    profiler = cProfile.Profile() if given.profile else None
    if profiler is not None:
        profiler.enable()
    answer = asyncio.run(
        rescan(given.instrument) if given.scan else work(given.instrument, where=given.where)
    )
    if profiler is not None:
        profiler.disable()
        profiler.dump_stats(given.profile)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
