"""Configured hooks, and what each of them answered."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import (
    Base,
    Edited,
    Identified,
    Json,
    JsonDict,
    SortedText,
    UTCDateTime,
    enum_check,
)


class HookKind(StrEnum):
    """When a hook is asked."""

    PRE_TRANSFER = "pre_transfer"  # when a file is complete, before anything is copied
    POST_TRANSFER = "post_transfer"  # when a version is available


class FailurePolicy(StrEnum):
    """What becomes of a file for which a hook fails."""

    BLOCK = "block"  # it waits, with the cause, and is tried again
    WARN = "warn"  # it goes on as if the hook were not there; the failure is in the hook's log


class Hook(Identified, Edited, Base):
    """A hook with its configuration, asked in the order of `position`, then of `id`.

    Scope: all files, those of one instrument, and of these the ones whose path fits `pattern`.
    """

    __tablename__ = "hooks"

    name: Mapped[str] = mapped_column(SortedText, unique=True)
    hook: Mapped[str] = mapped_column(String(100))  # its name in the registry
    kind: Mapped[str] = mapped_column(String(20))
    position: Mapped[int] = mapped_column(default=100)
    enabled: Mapped[bool] = mapped_column(default=True)
    failure_policy: Mapped[str] = mapped_column(String(20), default=FailurePolicy.BLOCK)
    instrument_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE")
    )
    pattern: Mapped[str | None] = mapped_column(String(400))
    # Where a secret stands, `config` has a placeholder, and `secrets` its Fernet token by the
    # place (a JSON pointer).
    config: Mapped[JsonDict] = mapped_column(Json, default=dict)
    secrets: Mapped[JsonDict] = mapped_column(Json, default=dict)
    timeout_seconds: Mapped[float] = mapped_column(default=30.0)
    memory_bytes: Mapped[int] = mapped_column(BigInteger, default=1 << 30)

    __table_args__ = (
        CheckConstraint(enum_check("kind", HookKind), name="kind"),
        CheckConstraint(enum_check("failure_policy", FailurePolicy), name="failure_policy"),
        Index(None, "instrument_id"),
        Index(None, "kind", "enabled"),
    )


class HookRun(Identified, Base):
    """What a hook said of one file. No foreign keys: the history outlives hook and file."""

    __tablename__ = "hook_runs"

    hook_id: Mapped[uuid.UUID] = mapped_column()
    hook_revision: Mapped[int] = mapped_column()
    hook_version: Mapped[str] = mapped_column(String(100))
    instrument_id: Mapped[uuid.UUID] = mapped_column()
    source_file_id: Mapped[uuid.UUID] = mapped_column()
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(String(20))  # continue | skip | redirect | failed
    facts: Mapped[JsonDict] = mapped_column(Json)
    answer: Mapped[JsonDict | None] = mapped_column(Json)
    duration_ms: Mapped[float] = mapped_column()
    log: Mapped[list[str]] = mapped_column(Json)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)

    __table_args__ = (
        Index(None, "hook_id", "id"),
        Index(None, "source_file_id", "id"),
        Index(None, "at"),
    )
