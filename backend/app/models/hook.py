"""Configured hooks, and what each of them answered."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
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
    # Why it asked to be asked no more; a person who saves it or switches it on takes it away.
    stopped_reason: Mapped[str | None] = mapped_column(SortedText)
    stopped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(enum_check("kind", HookKind), name="kind"),
        CheckConstraint(enum_check("failure_policy", FailurePolicy), name="failure_policy"),
        Index(None, "instrument_id"),
        Index(None, "kind", "enabled"),
    )


_HAS_FAILED = text("outcome = 'failed'")


class HookRun(Identified, Base):
    """What a hook said of one file. No foreign keys: the history outlives hook and file."""

    __tablename__ = "hook_runs"

    hook_id: Mapped[uuid.UUID] = mapped_column()
    hook_revision: Mapped[int] = mapped_column()
    hook_version: Mapped[str] = mapped_column(String(100))
    instrument_id: Mapped[uuid.UUID] = mapped_column()
    source_file_id: Mapped[uuid.UUID] = mapped_column()
    version_id: Mapped[uuid.UUID | None] = mapped_column()  # of hooks after a transfer
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    # continue | skip | redirect | answered | later | failed
    outcome: Mapped[str] = mapped_column(String(20))
    facts: Mapped[JsonDict] = mapped_column(Json)
    answer: Mapped[JsonDict | None] = mapped_column(Json)
    duration_ms: Mapped[float] = mapped_column()
    log: Mapped[list[str]] = mapped_column(Json)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)

    __table_args__ = (
        Index(None, "hook_id", "id"),
        Index(None, "source_file_id", "id"),
        Index(None, "instrument_id", "id"),
        Index(None, "at"),
        Index("ix_hook_runs_failed", "id", sqlite_where=_HAS_FAILED, postgresql_where=_HAS_FAILED),
    )


class TaskState(StrEnum):
    """Where a hook stands with a version."""

    WAITING = "waiting"  # to be asked, at `due_at`; a worker holds it while its lease lasts
    DONE = "done"  # it answered
    FAILED = "failed"  # it failed as often as a `warn` hook is asked; a person can replay it


_WAITING_TASK = text("state = 'waiting'")


class HookTask(Identified, Base):
    """What a post-transfer hook is to be asked: one version, at least once."""

    __tablename__ = "hook_tasks"

    hook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hooks.id", ondelete="CASCADE"))
    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    source_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("source_files.id"))
    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE")
    )
    zone: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20), default=TaskState.WAITING)
    failures: Mapped[int] = mapped_column(default=0)
    delays: Mapped[int] = mapped_column(default=0)  # how often it asked to be asked later
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(enum_check("state", TaskState), name="state"),
        UniqueConstraint("hook_id", "version_id"),
        Index(None, "version_id"),
        Index(None, "source_file_id"),
        Index(None, "instrument_id"),
        Index(
            "ix_hook_tasks_waiting",
            "hook_id",
            "id",
            sqlite_where=_WAITING_TASK,
            postgresql_where=_WAITING_TASK,
        ),
    )


class HookAnswer(Identified, Base):
    """What a hook said of a version, the last time it was asked. No foreign key to the hook."""

    __tablename__ = "hook_answers"

    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    source_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("source_files.id"))
    hook_id: Mapped[uuid.UUID] = mapped_column()
    hook_name: Mapped[str] = mapped_column(SortedText)
    hook_version: Mapped[str] = mapped_column(String(100))
    hook_revision: Mapped[int] = mapped_column()
    position: Mapped[int] = mapped_column()
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    fields: Mapped[JsonDict] = mapped_column(Json)  # its metadata
    tags: Mapped[list[str]] = mapped_column(Json)
    access: Mapped[list[str]] = mapped_column(Json)  # e-mail addresses
    notices: Mapped[list[JsonDict]] = mapped_column(Json)
    preview: Mapped[JsonDict | None] = mapped_column(Json)  # without the bytes of an image
    image: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    __table_args__ = (
        UniqueConstraint("version_id", "hook_id"),
        Index(None, "source_file_id"),
    )


class FileNote(Edited, Base):
    """What people say of a file, kept apart from what hooks said; theirs is what is shown."""

    __tablename__ = "file_notes"

    # Of the file.
    id: Mapped[uuid.UUID] = mapped_column(
        "source_file_id", ForeignKey("source_files.id"), primary_key=True
    )
    fields: Mapped[JsonDict] = mapped_column(Json)  # null hides what hooks say
    tags_added: Mapped[list[str]] = mapped_column(Json)
    tags_removed: Mapped[list[str]] = mapped_column(Json)
    edited_by: Mapped[uuid.UUID] = mapped_column()


class FileWord(Base):
    """A tag (its key is empty) or a plain metadata value of a file, to find it by."""

    __tablename__ = "file_words"

    source_file_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("source_files.id"), primary_key=True
    )
    key: Mapped[str] = mapped_column(SortedText, primary_key=True)
    value: Mapped[str] = mapped_column(SortedText, primary_key=True)

    __table_args__ = (Index(None, "key", "value", "source_file_id"),)


class FileGrant(Base):
    """The right of a person to see one file, given by a hook."""

    __tablename__ = "file_grants"

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    source_file_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("source_files.id"), primary_key=True
    )
    hook_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "source_file_id"),)
