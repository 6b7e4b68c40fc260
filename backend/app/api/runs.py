"""Runs."""

from fastapi import APIRouter

from app.api.deps import (
    LISTED,
    ONE,
    SIGNED_IN,
    Admin,
    Caller,
    Cursor,
    Db,
    Id,
    Limit,
    actor_of,
    page_request,
)
from app.api.problems import documented
from app.models import RunKind, RunOutcome, RunState
from app.schemas.base import UtcTime
from app.schemas.runs import RunPage, RunRead
from app.services import runs

router = APIRouter(prefix="/runs", tags=["runs"], responses=SIGNED_IN)


@router.get("", operation_id="listRuns", response_model=RunPage, responses=LISTED)
async def list_runs(  # noqa: PLR0913  one parameter a filter
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    state: RunState | None = None,
    kind: RunKind | None = None,
    outcome: RunOutcome | None = None,
    ended_after: UtcTime | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RunPage:
    """List runs, newest first."""
    narrowed = runs.RunFilter(instrument, state, kind, outcome, ended_after)
    request = page_request(limit, cursor, **vars(narrowed))
    page = await runs.list_runs(database, caller, request, narrowed)
    return RunPage.model_validate(page)


@router.get("/{run_id}", operation_id="getRun", response_model=RunRead, responses=ONE)
async def get_run(run_id: Id, database: Db, caller: Caller) -> RunRead:
    """Return one run."""
    return RunRead.model_validate(await runs.get_run(database, caller, run_id))


@router.post(
    "/{run_id}/cancel",
    operation_id="cancelRun",
    response_model=RunRead,
    responses={**ONE, **documented("run_ended")},
)
async def cancel_run(run_id: Id, database: Db, admin: Admin) -> RunRead:
    """Ask a live run to stop; copies in flight go on with the next run."""
    return RunRead.model_validate(await runs.cancel_run(database, actor_of(admin), run_id))
