"""Runs: what worked when, for whom, and the wish to stop one."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import StreamWeaveError
from app.models import Run, RunState, User
from app.services import audit
from app.services.access import only_readable
from app.services.edits import find
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_ORDER = Keyset((Run.id,), descending=True)


@dataclass(frozen=True)
class RunFilter:
    """What a list of runs is narrowed by."""

    instrument_id: uuid.UUID | None = None
    state: str | None = None
    kind: str | None = None
    outcome: str | None = None
    ended_after: datetime | None = None


async def list_runs(
    database: Database, user: User, request: PageRequest, narrowed: RunFilter
) -> Page[Run]:
    """Return a page of runs, newest first; a user sees those of their instruments."""
    query = only_readable(select(Run), user, Run.instrument_id)
    for name, value in vars(narrowed).items():
        if value is not None and name != "ended_after":
            query = query.where(getattr(Run, name) == value)
    if narrowed.ended_after is not None:
        query = query.where(Run.ended_at >= narrowed.ended_after)
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def get_run(database: Database, user: User, run_id: uuid.UUID) -> Run:
    """Return one run."""
    query = only_readable(select(Run).where(Run.id == run_id), user, Run.instrument_id)
    async with database.read() as session:
        run: Run | None = await session.scalar(query)
    if run is None:
        raise StreamWeaveError("not_found")
    return run


async def cancel_run(database: Database, actor: str, run_id: uuid.UUID) -> Run:
    """Ask a live run to stop; it ends at its next safe point.

    Raises:
        StreamWeaveError: `run_ended` when it is over.
    """

    async def work(session: AsyncSession) -> Run:
        run = await find(session, Run, run_id)
        asked = await session.execute(
            update(Run)
            .where(Run.id == run_id, Run.state == RunState.LIVE)
            .values(cancel_requested=True)
            .returning(Run.id)
            .execution_options(synchronize_session=False)
        )
        if asked.first() is None:
            raise StreamWeaveError("run_ended")
        await audit.record(
            session,
            actor=actor,
            action="run.cancel_requested",
            subject=f"run:{run_id}",
            instrument_id=run.instrument_id,
        )
        await session.refresh(run)
        return run

    return await database.run(work)
