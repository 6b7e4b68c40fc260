"""Transfers: copies as work."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
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
    ErrorCode,
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
from app.schemas.base import UtcTime
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
_MANY = 100


def get_transfer_filter(
    instrument: Annotated[
        list[Id],
        Query(default_factory=list, max_length=_MANY, description="any of these instruments"),
    ],
    state: Annotated[
        list[CopyState],
        Query(default_factory=list, max_length=20, description="any of these states"),
    ],
    storage: Id | None = None,
    error_code: ErrorCode | None = None,
    available_after: Annotated[
        UtcTime | None, Query(description="became available then or later")
    ] = None,
    available_before: Annotated[
        UtcTime | None, Query(description="became available before")
    ] = None,
) -> transfers.TransferFilter:
    """Return the filter that the query says."""
    return transfers.TransferFilter(
        tuple(sorted(set(instrument))),
        storage,
        tuple(sorted({one.value for one in state})),
        error_code,
        available_after,
        available_before,
    )


TransferQuery = Annotated[transfers.TransferFilter, Depends(get_transfer_filter)]


@router.get("", operation_id="listTransfers", response_model=TransferPage, responses=LISTED)
async def list_transfers(
    database: Db,
    caller: Caller,
    narrowed: TransferQuery,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TransferPage:
    """List transfers, newest first."""
    request = page_request(limit, cursor, **vars(narrowed))
    page = await transfers.list_transfers(database, caller, request, narrowed)
    items = [read_transfer(one) for one in page.items]
    return TransferPage(items=items, next_cursor=page.next_cursor)


@router.get(".csv", operation_id="exportTransfers", response_class=StreamingResponse, responses=CSV)
async def export_transfers(
    database: Db, caller: Caller, narrowed: TransferQuery
) -> StreamingResponse:
    """Return all transfers of a filter as CSV, newest first."""

    async def ask(request: PageRequest) -> Page[transfers.TransferView]:
        return await transfers.list_transfers(database, caller, request, narrowed)

    return csv_answer("transfers", await stream_csv(TRANSFER_COLUMNS, ask, transfer_row))


@router.get("/counts", operation_id="countTransfers", response_model=TransferCounts)
async def count_transfers(database: Db, caller: Caller, narrowed: TransferQuery) -> TransferCounts:
    """Count copies by state, with the filters of the list; exact to 10,000.

    The filter `state` is left aside, so that the numbers can be shown beside each choice.
    """
    states = await causes.count_transfers(database, caller, replace(narrowed, states=()))
    return TransferCounts.model_validate({"states": states})


@router.get("/causes", operation_id="listCauses", response_model=CauseList)
async def list_causes(database: Db, caller: Caller, instrument: Id | None = None) -> CauseList:
    """Group what is wrong by cause; retry one by `POST /api/transfers/retry` with its code."""
    found = await causes.list_causes(database, caller, instrument)
    return CauseList(items=[read_cause(one) for one in found])


@router.post("/retry", operation_id="retryTransfers", response_model=RetriedRead)
async def retry_transfers(body: RetryMany, database: Db, admin: Admin) -> RetriedRead:
    """Put all failed and conflicting copies of a filter back in line."""
    instruments = (body.instrument_id,) if body.instrument_id else ()
    narrowed = transfers.TransferFilter(
        instruments, body.storage_location_id, error_code=body.error_code
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
