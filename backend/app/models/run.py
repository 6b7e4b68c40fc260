"""Runs, leases, slots and workers: who does what right now."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import (
    Base,
    Identified,
    Json,
    JsonDict,
    SortedText,
    UTCDateTime,
    enum_check,
)


class RunKind(StrEnum):
    """What a run does."""

    HARVEST = "harvest"  # one instrument: scan, plan, transfer
    WATCH = "watch"  # all watched instruments of a zone
    DRAIN = "drain"  # what is due in a zone


class RunState(StrEnum):
    """Whether a run lives; how it ended is its outcome."""

    LIVE = "live"
    ENDED = "ended"


class RunOutcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its heartbeat stopped


class Run(Identified, Base):
    """A run. Requests from people (cancel, rescan) are flags, not states."""

    __tablename__ = "runs"

    kind: Mapped[str] = mapped_column(String(20))
    zone: Mapped[str] = mapped_column(String(100))
    instrument_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE")
    )
    state: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(20))
    trigger: Mapped[str] = mapped_column(String(20))  # manual | cron | watch | drain
    requested_by: Mapped[uuid.UUID | None] = mapped_column()
    requested_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    rescan_requested_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    scan_started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    flow_run_id: Mapped[str | None] = mapped_column(String(60))
    flow_run_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    counters: Mapped[JsonDict] = mapped_column(Json, default=dict)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)

    __table_args__ = (
        CheckConstraint(enum_check("kind", RunKind), name="kind"),
        CheckConstraint(enum_check("state", RunState), name="state"),
        CheckConstraint("(kind = 'harvest') = (instrument_id IS NOT NULL)", name="instrument"),
        Index(
            "uq_runs_live_harvest",
            "instrument_id",
            unique=True,
            sqlite_where=text("state = 'live' AND kind = 'harvest'"),
            postgresql_where=text("state = 'live' AND kind = 'harvest'"),
        ),
        Index(
            "uq_runs_live_zone",
            "zone",
            "kind",
            unique=True,
            sqlite_where=text("state = 'live' AND kind <> 'harvest'"),
            postgresql_where=text("state = 'live' AND kind <> 'harvest'"),
        ),
        Index(None, "instrument_id", "id"),
    )


class Lease(Base):
    """A named right of one process, for a time: dispatcher, sealer, reconciler."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    until_ms: Mapped[int] = mapped_column(BigInteger)


class Slot(Base):
    """One of an instrument's connections; whoever holds it may have one call in flight."""

    __tablename__ = "slots"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str | None] = mapped_column(String(200))
    until_ms: Mapped[int] = mapped_column(BigInteger, default=0)


class Worker(Identified, Base):
    """A registered worker and the zones it serves."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(100))
    until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("name", "zone"),)


class Check(Identified, Base):
    """A connection test, asked by the API and answered by a worker of the zone.

    `request` holds no secret: the worker decrypts the service account's itself.
    """

    __tablename__ = "checks"

    zone: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))  # source | storage | browse | sample | flight
    request: Mapped[JsonDict] = mapped_column(Json)
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    result: Mapped[JsonDict | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "zone", "created_at"),)
