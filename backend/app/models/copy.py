"""Versions, their copies (the unit of work and of state), attempts and identifiers."""

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
    Identified,
    Json,
    JsonDict,
    SortedText,
    UTCDateTime,
    enum_check,
)


class CopyState(StrEnum):
    """The states of a copy; `harvest/states.py` has the allowed moves."""

    QUEUED = "queued"  # waits for a worker
    TRANSFERRING = "transferring"  # bytes are on their way to a temporary name
    PROVING = "proving"  # made durable, being read back
    PUBLISHING = "publishing"  # proven; intent written, name being given
    AVAILABLE = "available"  # proven and in place
    RETRY_WAIT = "retry_wait"  # failed for now, tried again at due_at
    FAILED = "failed"  # a person must look
    CONFLICT = "conflict"  # other content stands there; a person decides
    SUPERSEDED = "superseded"  # the source changed before the copy was made
    DAMAGED = "damaged"  # fixity found other bytes
    MISSING = "missing"  # fixity found nothing
    REMOVED = "removed"  # taken away by authority, with a reason

    @property
    def is_final(self) -> bool:
        """Whether no worker will touch it without a person or a new fact."""
        return self not in _MOVING

    @property
    def is_in_flight(self) -> bool:
        """Whether a worker holds it by lease."""
        return self in _IN_FLIGHT


NEW_FILE, BACKLOG = PRIORITIES = 0, 1  # what is older than its instrument comes later
_IN_FLIGHT = {CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING}
_MOVING = _IN_FLIGHT | {CopyState.QUEUED, CopyState.RETRY_WAIT}

_WAITING_SQL = "state IN ('queued', 'retry_wait')"
_IN_FLIGHT_SQL = "state IN ('transferring', 'proving', 'publishing')"
_TROUBLED_SQL = "state IN ('failed', 'conflict', 'damaged', 'missing')"


class Version(Identified, Base):
    """One content of a source file, numbered from 1.

    Size and mtime are what the deciding observation said; `aim` counts how often they were set.
    The SHA-256 is fixed once, in the transaction that writes the first intent to publish.
    """

    __tablename__ = "versions"

    source_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("source_files.id"))
    number: Mapped[int] = mapped_column()
    aim: Mapped[int] = mapped_column(default=1)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    seen_mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    legal_hold: Mapped[bool] = mapped_column(default=False)
    retain_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("source_file_id", "number"),
        Index(None, "sha256"),
    )


class Copy(Identified, Base):
    """A version at a storage location.

    Whoever holds a copy has its `attempt` number; every change asks for it, so a worker that was
    stopped and wakes up changes nothing. `intent` is the evidence written before publishing.
    """

    __tablename__ = "copies"

    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("versions.id"))
    source_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("source_files.id"))
    instrument_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("instruments.id"))
    storage_location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("storage_locations.id"))
    state: Mapped[str] = mapped_column(String(20))
    required: Mapped[bool] = mapped_column(default=True)
    # The location whose copy is made first: this one is filled from it, the source is read once.
    follows: Mapped[uuid.UUID | None] = mapped_column()
    dest_path: Mapped[str] = mapped_column(SortedText)
    dest_path_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    dest_key: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    priority: Mapped[int] = mapped_column(default=NEW_FILE)
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    batch_files: Mapped[int] = mapped_column(default=200)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    intent: Mapped[JsonDict | None] = mapped_column(Json)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state_since: Mapped[datetime] = mapped_column(UTCDateTime)
    available_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("version_id", "storage_location_id"),
        UniqueConstraint("storage_location_id", "dest_key"),
        CheckConstraint(enum_check("state", CopyState), name="state"),
        CheckConstraint("state <> 'available' OR intent IS NOT NULL", name="available_is_proven"),
        Index(None, "source_file_id", "id"),
        Index(None, "state", "id"),
        Index(None, "instrument_id", "id"),
        Index(
            "ix_copies_failing",
            "error_code",
            "id",
            sqlite_where=text("error_code IS NOT NULL"),
            postgresql_where=text("error_code IS NOT NULL"),
        ),
        Index(
            "ix_copies_waiting",
            "instrument_id",
            "storage_location_id",
            "priority",
            "due_at",
            "id",
            sqlite_where=text(_WAITING_SQL),
            postgresql_where=text(_WAITING_SQL),
        ),
        Index(
            "ix_copies_following",
            "follows",
            "due_at",
            "id",
            sqlite_where=text("follows IS NOT NULL"),
            postgresql_where=text("follows IS NOT NULL"),
        ),
        # What needs a person is rare, and counted by instrument on every first page.
        Index(
            "ix_copies_troubled",
            "instrument_id",
            "state",
            "id",
            sqlite_where=text(_TROUBLED_SQL),
            postgresql_where=text(_TROUBLED_SQL),
        ),
        Index(
            "ix_copies_leased",
            "lease_until_ms",
            "id",
            sqlite_where=text(_IN_FLIGHT_SQL),
            postgresql_where=text(_IN_FLIGHT_SQL),
        ),
    )


class Attempt(Identified, Base):
    """One try to make a copy, written at its end (or as `lost` by the next claimant)."""

    __tablename__ = "attempts"

    # No foreign key: the history of a version that was taken back stays.
    copy_id: Mapped[uuid.UUID] = mapped_column()
    number: Mapped[int] = mapped_column()
    aim: Mapped[int] = mapped_column()
    outcome: Mapped[str] = mapped_column(String(20))  # available | adopted | failed | lost | ...
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(SortedText)
    worker: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime] = mapped_column(UTCDateTime)
    evidence: Mapped[JsonDict | None] = mapped_column(Json)
    # The audit event of this batch holds the Merkle root over its attempts, in this order.
    batch_id: Mapped[uuid.UUID] = mapped_column()
    leaf_index: Mapped[int] = mapped_column()

    __table_args__ = (
        UniqueConstraint("copy_id", "number"),
        UniqueConstraint("batch_id", "leaf_index"),
    )


class Identifier(Base):
    """A minted identifier; its normalised text is the key, so none is minted twice."""

    __tablename__ = "identifiers"

    value: Mapped[str] = mapped_column(String(300), primary_key=True)
    scheme: Mapped[str] = mapped_column(String(20))
    source_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("source_files.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "source_file_id"),)


class JournalEntry(Base):
    """A version that a destination's journal knows and this database does not (restored backup).

    Planning takes its ARK and its number from here, so that none is minted twice.
    """

    __tablename__ = "journal_entries"

    ark: Mapped[str] = mapped_column(String(300), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    instrument_id: Mapped[uuid.UUID] = mapped_column()
    path_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    incarnation: Mapped[int] = mapped_column()
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index(None, "instrument_id", "path_hash"),)


class JournalPosition(Base):
    """How far a journal file of a storage location has been read, in bytes."""

    __tablename__ = "journal_positions"

    storage_location_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("storage_locations.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
