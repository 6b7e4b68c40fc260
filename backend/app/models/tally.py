"""Numbers that are kept, because counting them anew would mean looking at every row."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UTCDateTime


class OutboxCursor(Base):
    """How far a consumer has read the outbox: rows up to `seq` are its no more."""

    __tablename__ = "outbox_cursors"

    consumer: Mapped[str] = mapped_column(String(60), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)


class HourlyTally(Base):
    """What an instrument made and what of it was delivered, in one hour (UTC).

    `files` are versions when they were planned, so complete ones; `copies` became available.
    """

    __tablename__ = "hourly_tallies"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    hour: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True, index=True)
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    file_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    copies: Mapped[int] = mapped_column(BigInteger, default=0)
    copy_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(BigInteger, default=0)


class CopyProgress(Base):
    """How much of a large file has come; only of what takes longer than a heartbeat.

    No foreign key: a row that nobody removed says nothing once its attempt is over.
    """

    __tablename__ = "copy_progress"

    copy_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column()
    received_bytes: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class StorageSample(Base):
    """How full a storage location was, once an hour; a worker that reaches it writes it."""

    __tablename__ = "storage_samples"

    storage_location_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("storage_locations.id", ondelete="CASCADE"), primary_key=True
    )
    hour: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True)
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    free_bytes: Mapped[int] = mapped_column(BigInteger)
