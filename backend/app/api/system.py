"""Health, system state and the audit trail."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.api.csv_answer import CSV, csv_answer
from app.api.deps import (
    LISTED,
    PUBLIC,
    SIGNED_IN,
    Admin,
    AppSettings,
    Caller,
    Cursor,
    Db,
    Id,
    Limit,
    page_request,
)
from app.api.version import VERSION
from app.api.views import AUDIT_COLUMNS, audit_row
from app.schemas.system import (
    AuditEventRead,
    AuditPage,
    HealthRead,
    SystemRead,
    VerificationRead,
)
from app.services import audit_log, health
from app.services.csv_text import stream_csv
from app.services.pagination import Page, PageRequest

router = APIRouter()
Word = Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]

Sealed = Annotated[bool | None, Query(description="whether the chain holds it already")]


@router.get(
    "/health",
    operation_id="getHealth",
    tags=["system"],
    response_model=HealthRead,
    responses=PUBLIC,
)
async def get_health() -> HealthRead:
    """Tell that the API answers."""
    return HealthRead(ok=True, version=VERSION)


@router.get(
    "/system",
    operation_id="getSystem",
    tags=["system"],
    response_model=SystemRead,
    responses=SIGNED_IN,
)
async def get_system(database: Db, settings: AppSettings, _admin: Admin) -> SystemRead:
    """Return the state of database, Prefect, workers, and what lags behind."""
    return SystemRead.model_validate(await health.read_system(database, settings))


def _event(view: audit_log.EventView) -> AuditEventRead:
    own = {"details", "seq", "hash"}
    values: dict[str, Any] = {
        name: getattr(view.event, name) for name in AuditEventRead.model_fields if name not in own
    }
    return AuditEventRead(
        **values,
        details=view.details,
        seq=view.seq,
        hash=view.hash.hex() if view.hash else None,
    )


@router.get(
    "/audit",
    operation_id="listAudit",
    tags=["audit"],
    response_model=AuditPage,
    responses={**SIGNED_IN, **LISTED},
)
async def list_audit(  # noqa: PLR0913  one parameter a filter
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    subject: Word | None = None,
    actor: Word | None = None,
    action: Word | None = None,
    sealed: Sealed = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    """List audit events, newest first; users see those of their instruments."""
    narrowed = audit_log.AuditFilter(instrument, subject, actor, action, sealed)
    request = page_request(limit, cursor, **vars(narrowed))
    page = await audit_log.list_events(database, caller, request, narrowed)
    return AuditPage(items=[_event(one) for one in page.items], next_cursor=page.next_cursor)


@router.get(
    "/audit.csv",
    operation_id="exportAudit",
    tags=["audit"],
    response_class=StreamingResponse,
    responses={**SIGNED_IN, **CSV},
)
async def export_audit(  # noqa: PLR0913  one parameter a filter
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    subject: Word | None = None,
    actor: Word | None = None,
    action: Word | None = None,
    sealed: Sealed = None,
) -> StreamingResponse:
    """Return all audit events of a filter as CSV, newest first."""
    narrowed = audit_log.AuditFilter(instrument, subject, actor, action, sealed)

    async def ask(request: PageRequest) -> Page[audit_log.EventView]:
        return await audit_log.list_events(database, caller, request, narrowed)

    return csv_answer("audit", await stream_csv(AUDIT_COLUMNS, ask, audit_row))


@router.get(
    "/audit/verify",
    operation_id="verifyAudit",
    tags=["audit"],
    response_model=VerificationRead,
    responses=SIGNED_IN,
)
async def verify_audit(database: Db, _admin: Admin) -> VerificationRead:
    """Compute the audit chain anew and say whether it fits."""
    return VerificationRead.model_validate(await audit_log.verify_chain(database))
