"""What the operator wants to know: database, Prefect, workers, what lags behind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.database import Database, lease_clock_ms
from app.models import AuditPending, Copy, CopyState, Outbox, ScanState, StorageLocation, Worker


@dataclass(frozen=True)
class WorkerView:
    """A worker in a zone, and whether its lease holds."""

    name: str
    zone: str
    alive: bool
    seen_at: datetime


@dataclass(frozen=True)
class SystemView:
    """The state of the installation."""

    database: str
    prefect: dict[str, Any]
    workers: list[WorkerView]
    audit_unsealed: int
    outbox_waiting: int
    outbox_oldest_at: datetime | None
    copies_failed: int
    listings_held: int
    storage_with_errors: int


async def _count(session: AsyncSession, model: Any, *conditions: Any) -> int:
    query = select(func.count()).select_from(model).where(*conditions)
    return int((await session.execute(query)).scalar_one())


async def read_system(database: Database, settings: Settings) -> SystemView:
    """Gather the state of the installation."""
    from app.services.orchestration import prefect_health  # heavy: Prefect loads when asked

    async with database.read() as session:
        now = await lease_clock_ms(session)
        workers = await session.scalars(select(Worker).order_by(Worker.zone, Worker.name))
        waiting = Outbox.seq.is_(None)
        view = SystemView(
            database="sqlite" if database.is_sqlite else "postgresql",
            prefect={},
            workers=[WorkerView(w.name, w.zone, w.until_ms > now, w.seen_at) for w in workers],
            audit_unsealed=await _count(session, AuditPending),
            outbox_waiting=await _count(session, Outbox, waiting),
            outbox_oldest_at=await session.scalar(
                select(func.min(Outbox.created_at)).where(waiting)
            ),
            copies_failed=await _count(session, Copy, Copy.state == CopyState.FAILED),
            listings_held=await _count(
                session, ScanState, ScanState.breaker_tripped_at.is_not(None)
            ),
            storage_with_errors=await _count(
                session, StorageLocation, StorageLocation.error_code.is_not(None)
            ),
        )
    view.prefect.update(await prefect_health(settings))
    return view
