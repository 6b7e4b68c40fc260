"""What was seen on the sources: directories, files, and the state of each scan."""

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

from app.models.base import Base, Identified, SortedText, UTCDateTime, enum_check


class FileState(StrEnum):
    """Where a source file is before it has copies; with copies, these speak for it."""

    SETTLING = "settling"  # still being written, or not yet proven complete
    PLANNED = "planned"  # its newest content has a version and copies
    HELD = "held"  # a hook or a configuration cannot answer
    SKIPPED = "skipped"  # left out by a named rule
    REFUSED = "refused"  # cannot even be asked for: its name is unsafe or undecodable


class SourceFile(Identified, Base):
    """A path on an instrument: identity is instrument + hash of the path's bytes + incarnation.

    `listed_*` is what the last listing said; `size_bytes` and `mtime_ns` are the best facts (by
    opening, once asked). `unchanged_since` is the time of our clock from which they have held.
    """

    __tablename__ = "source_files"

    instrument_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("instruments.id"))
    path: Mapped[str] = mapped_column(SortedText)
    path_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    path_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    directory_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    incarnation: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(20))
    listed_size_bytes: Mapped[int] = mapped_column(BigInteger)
    listed_mtime_ns: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    unchanged_since: Mapped[datetime] = mapped_column(UTCDateTime)
    absent_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason_code: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(SortedText)
    next_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    latest_version: Mapped[int] = mapped_column(default=0)
    ark: Mapped[str | None] = mapped_column(String(300), unique=True)

    __table_args__ = (
        UniqueConstraint("instrument_id", "path_hash", "incarnation"),
        CheckConstraint(enum_check("state", FileState), name="state"),
        Index(None, "instrument_id", "directory_hash", "path_hash"),
        Index(None, "instrument_id", "id"),
        Index("ix_source_files_path_start", text("substr(path, 1, 200)"), "id"),
        # What people ask for by a state of its own is rare; most files are planned.
        Index(
            "ix_source_files_unplanned",
            "state",
            "id",
            sqlite_where=text("state IN ('held', 'skipped', 'refused')"),
            postgresql_where=text("state IN ('held', 'skipped', 'refused')"),
        ),
        Index(
            "ix_source_files_settling",
            "instrument_id",
            "unchanged_since",
            "id",
            sqlite_where=text("state IN ('settling', 'held')"),
            postgresql_where=text("state IN ('settling', 'held')"),
        ),
    )


class Directory(Base):
    """A directory at its last complete listing; an equal fingerprint skips its comparison."""

    __tablename__ = "directories"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    path_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    path_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    parent_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    rules_generation: Mapped[int] = mapped_column()
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[str | None] = mapped_column(String(60))
    absent_since: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "instrument_id", "parent_hash"),)


class ScanState(Base):
    """The scan of one instrument: its lease, its last result, and what was asked of it.

    Every scan transaction begins with an UPDATE of `generation` by its owner: no row, no write.
    """

    __tablename__ = "scan_state"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    rescan_requested_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    scan_started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_scan_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_scan_started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_error_code: Mapped[str | None] = mapped_column(String(60))
    last_error_detail: Mapped[str | None] = mapped_column(SortedText)
    next_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    # Until then no copy is claimed: the instrument's own trouble is not tried once a file.
    held_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hold_failures: Mapped[int] = mapped_column(default=0)
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    breaker_tripped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    breaker_detail: Mapped[str | None] = mapped_column(SortedText)
    breaker_confirmed: Mapped[bool] = mapped_column(default=False)
