"""Instruments with their sources, service accounts, and schedules."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
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


class Protocol(StrEnum):
    """How a source is reached. An NFS source is a mounted local path."""

    SMB = "smb"
    SFTP = "sftp"
    S3 = "s3"
    WEBDAV = "webdav"
    LOCAL = "local"
    RSYNC = "rsync"  # an rsync daemon
    GLOBUS = "globus"
    ADAPTER = "adapter"  # whatever the instrument's mover of a third party reaches


class IncarnationPolicy(StrEnum):
    """What a name means that was absent and comes back."""

    VERSION = "version"  # the same file, changed
    NEW_FILE = "new_file"  # another file that reuses the name


class ScheduleKind(StrEnum):
    """What makes an instrument harvested."""

    CRON = "cron"
    WATCH = "watch"


class ServiceAccount(Identified, Edited, Base):
    """Credentials for sources or storage; the secret is encrypted by MultiFernet."""

    __tablename__ = "service_accounts"

    name: Mapped[str] = mapped_column(SortedText, unique=True)
    username: Mapped[str] = mapped_column(String(400))
    secret_kind: Mapped[str] = mapped_column(String(20), default="password")
    secret_encrypted: Mapped[str] = mapped_column(SortedText)
    secret_version: Mapped[int] = mapped_column(default=1)
    # A secret version proves itself by one log-on; until then the account has one slot in all.
    proven_version: Mapped[int] = mapped_column(default=0)
    refused_version: Mapped[int] = mapped_column(default=0)
    refused_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Set when an instrument uses it, for ever: then a new address needs the secret again.
    is_used: Mapped[bool] = mapped_column(default=False)


class Instrument(Identified, Edited, Base):
    """A thing that makes data: one source, a completeness policy, a storage policy, a zone."""

    __tablename__ = "instruments"

    name: Mapped[str] = mapped_column(SortedText, unique=True)
    slug: Mapped[str] = mapped_column(SortedText, unique=True)
    description: Mapped[str] = mapped_column(SortedText, default="")
    zone: Mapped[str] = mapped_column(String(100), default="main")
    paused: Mapped[bool] = mapped_column(default=False)
    protocol: Mapped[str] = mapped_column(String(20))
    host: Mapped[str | None] = mapped_column(String(400))
    port: Mapped[int | None] = mapped_column()
    url: Mapped[str | None] = mapped_column(String(2000))
    root: Mapped[str] = mapped_column(SortedText, default="")
    host_key: Mapped[str | None] = mapped_column(String(2000))
    options: Mapped[JsonDict] = mapped_column(Json, default=dict)
    service_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_accounts.id"))
    # What brings the files; empty is the protocol's default.
    mover: Mapped[str] = mapped_column(String(60), default="")
    mover_options: Mapped[JsonDict] = mapped_column(Json, default=dict)
    quiet_seconds: Mapped[float] = mapped_column(default=120.0)
    incarnation_policy: Mapped[str] = mapped_column(String(20), default=IncarnationPolicy.VERSION)
    start_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    connections: Mapped[int] = mapped_column(default=2)
    bandwidth_bytes_per_second: Mapped[int | None] = mapped_column(BigInteger)
    quiet_hours: Mapped[JsonDict | None] = mapped_column(Json)
    shrink_ratio: Mapped[float] = mapped_column(default=0.5)
    # Part of every directory fingerprint: a changed rule makes all directories be looked at again.
    rules_generation: Mapped[int] = mapped_column(default=1)
    # Part of the daemon's remote name: a changed address makes a new remote.
    source_generation: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint(enum_check("protocol", Protocol), name="protocol"),
        CheckConstraint(
            enum_check("incarnation_policy", IncarnationPolicy), name="incarnation_policy"
        ),
        CheckConstraint("connections BETWEEN 1 AND 64", name="connections"),
        Index(None, "service_account_id"),
    )


class MoverTask(Base):
    """What a mover must remember of an instrument beyond its process: tasks that it submitted."""

    __tablename__ = "mover_tasks"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    record: Mapped[JsonDict] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class InstrumentStorage(Base):
    """The storage policy: where an instrument's files are copied to."""

    __tablename__ = "instrument_storage"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    storage_location_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("storage_locations.id"), primary_key=True
    )
    required: Mapped[bool] = mapped_column(default=True)
    # The folder below the storage's root; None means the instrument's slug.
    prefix: Mapped[str | None] = mapped_column(SortedText)
    # How destination paths are made (harvest/template.py); None: the prefix and the source's path.
    template: Mapped[str | None] = mapped_column(String(400))
    # Where a read-back must come from to be proof enough (ReadBackFrom); None: what can be had.
    enough: Mapped[list[str] | None] = mapped_column(Json)
    # A location that was added later: files up to this one have their copies there.
    backfill_pending: Mapped[bool] = mapped_column(default=False)
    backfill_after: Mapped[uuid.UUID | None] = mapped_column()


class Schedule(Identified, Edited, Base):
    """When an instrument is harvested: cron with a time zone, or a rescan every few seconds."""

    __tablename__ = "schedules"

    instrument_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(String(20))
    cron: Mapped[str | None] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(100), default="UTC")
    jitter_seconds: Mapped[float] = mapped_column(default=0.0)
    rescan_seconds: Mapped[float] = mapped_column(default=30.0)
    enabled: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        UniqueConstraint("instrument_id", "kind"),
        CheckConstraint(enum_check("kind", ScheduleKind), name="kind"),
        CheckConstraint("kind <> 'cron' OR cron IS NOT NULL", name="cron_given"),
    )
