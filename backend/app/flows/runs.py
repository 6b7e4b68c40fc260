"""The three flows: few tasks a run, never one a file; what is to be seen of files is in rows."""

import asyncio
import random
import resource
import uuid

from prefect import flow

from app.errors import StreamWeaveError
from app.flows.runtime import Runtime, runtime
from app.harvest import run as engine_runs
from app.models import RunOutcome
from app.services.orchestration import request_harvest
from app.transfers.children import die_with_parent
from app.worker.supervise import end_if_orphaned


@flow(name="streamweave-harvest", validate_parameters=False)
async def harvest(
    instrument_id: str, zone: str = "main", run_id: str | None = None, jitter_seconds: float = 0.0
) -> str:
    """Harvest one instrument: scan, plan, transfer."""
    _begin()
    await asyncio.sleep(random.uniform(0, jitter_seconds))
    async with runtime() as parts:
        if run_id is None:
            # Cron: join what is live, else a row is made, and this flow run does its work.
            ticket = await request_harvest(
                parts.database, uuid.UUID(instrument_id), actor="system", trigger="cron"
            )
            if ticket.joined:
                return "joined"
            run_id = str(ticket.run_id)
        run = _run(parts, run_id, zone)
        return _told(await engine_runs.harvest(run, uuid.UUID(instrument_id)))


@flow(name="streamweave-watch", validate_parameters=False)
async def watch(zone: str, run_id: str) -> str:
    """Rescan the watched instruments of a zone, and transfer what is due."""
    _begin()
    async with runtime() as parts:
        return _told(await engine_runs.watch(_run(parts, run_id, zone), zone))


@flow(name="streamweave-drain", validate_parameters=False)
async def drain(zone: str, run_id: str) -> str:
    """Transfer what is due in a zone."""
    _begin()
    async with runtime() as parts:
        return _told(await engine_runs.drain(_run(parts, run_id, zone)))


def _begin() -> None:
    """Tie this process to its worker, and let it open as many files as it may."""
    die_with_parent()
    end_if_orphaned()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(parts: Runtime, run_id: str, zone: str) -> engine_runs.Run:
    return engine_runs.Run(parts.engine, uuid.UUID(run_id), [zone], parts.run_settings)


def _told(outcome: RunOutcome) -> str:
    """Let Prefect show a failed run as failed; the cause is in the run's row."""
    if outcome is RunOutcome.FAILED:
        raise StreamWeaveError("internal_error", "The run failed; its row has the cause.")
    return outcome.value
