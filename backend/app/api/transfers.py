"""Transfers: copies as work."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.api.csv_answer import CSV, csv_answer
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
from app.api.views import (
    TRANSFER_COLUMNS,
    read_cause,
    read_transfer,
    read_transfer_detail,
    transfer_row,
)
from app.models import CopyState
from app.schemas.transfers import (
    CauseList,
    RetriedRead,
    RetryMany,
    TransferCounts,
    TransferDetail,
    TransferPage,
)
from app.services import causes, transfers
from app.services.csv_text import stream_csv
from app.services.pagination import Page, PageRequest

router = APIRouter(prefix="/transfers", tags=["transfers"], responses=SIGNED_IN)
States = Annotated[
    list[CopyState], Query(default_factory=list, max_length=20, description="any of these states")
]
Code = Annotated[str | None, Query(max_length=60, pattern=r"^[a-z0-9_]+$")]


def _named(states: list[CopyState]) -> tuple[str, ...]:
    return tuple(sorted({one.value for one in states}))


@router.get("", operation_id="listTransfers", response_model=TransferPage, responses=LISTED)
async def list_transfers(  # noqa: PLR0913  one parameter a filter
    database: Db,
    caller: Caller,
    state: States,
    instrument: Id | None = None,
    storage: Id | None = None,
    error_code: Code = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TransferPage:
    """List transfers, newest first."""
    narrowed = transfers.TransferFilter(instrument, storage, _named(state), error_code)
    request = page_request(limit, cursor, **vars(narrowed))
    page = await transfers.list_transfers(database, caller, request, narrowed)
    items = [read_transfer(one) for one in page.items]
    return TransferPage(items=items, next_cursor=page.next_cursor)


@router.get(".csv", operation_id="exportTransfers", response_class=StreamingResponse, responses=CSV)
async def export_transfers(
    database: Db,
    caller: Caller,
    state: States,
    instrument: Id | None = None,
    storage: Id | None = None,
    error_code: Code = None,
) -> StreamingResponse:
    """Return all transfers of a filter as CSV, newest first."""
    narrowed = transfers.TransferFilter(instrument, storage, _named(state), error_code)

    async def ask(request: PageRequest) -> Page[transfers.TransferView]:
        return await transfers.list_transfers(database, caller, request, narrowed)

    return csv_answer("transfers", await stream_csv(TRANSFER_COLUMNS, ask, transfer_row))


@router.get("/counts", operation_id="countTransfers", response_model=TransferCounts)
async def count_transfers(
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    storage: Id | None = None,
    error_code: Code = None,
) -> TransferCounts:
    """Count copies by state; exact to 10,000."""
    narrowed = transfers.TransferFilter(instrument, storage, (), error_code)
    states = await causes.count_transfers(database, caller, narrowed)
    return TransferCounts.model_validate({"states": states})


@router.get("/causes", operation_id="listCauses", response_model=CauseList)
async def list_causes(database: Db, caller: Caller, instrument: Id | None = None) -> CauseList:
    """Group what is wrong by cause; retry one by `POST /api/transfers/retry` with its code."""
    found = await causes.list_causes(database, caller, instrument)
    return CauseList(items=[read_cause(one) for one in found])


@router.post("/retry", operation_id="retryTransfers", response_model=RetriedRead)
async def retry_transfers(body: RetryMany, database: Db, admin: Admin) -> RetriedRead:
    """Put all failed and conflicting copies of a filter back in line."""
    narrowed = transfers.TransferFilter(
        body.instrument_id, body.storage_location_id, (), body.error_code
    )
    return RetriedRead(retried=await transfers.retry_transfers(database, actor_of(admin), narrowed))


@router.get(
    "/{transfer_id:uuid}", operation_id="getTransfer", response_model=TransferDetail, responses=ONE
)
async def get_transfer(transfer_id: Id, database: Db, caller: Caller) -> TransferDetail:
    """Return one transfer with its attempts and its evidence."""
    view, attempts = await transfers.get_transfer(database, caller, transfer_id)
    return read_transfer_detail(view, attempts)


@router.post(
    "/{transfer_id}/retry",
    operation_id="retryTransfer",
    response_model=TransferDetail,
    responses={**ONE, **documented("not_retryable")},
)
async def retry_transfer(transfer_id: Id, database: Db, admin: Admin) -> TransferDetail:
    """Put a failed or conflicting copy back in line."""
    await transfers.retry_transfer(database, actor_of(admin), transfer_id)
    view, attempts = await transfers.get_transfer(database, admin, transfer_id)
    return read_transfer_detail(view, attempts)
