"""Storage locations: the places that files are delivered to."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Uuid
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


class StorageKind(StrEnum):
    """The kinds of storage that can be delivered to."""

    POSIX = "posix"
    NFS = "nfs"  # a mounted path; nothing is written when nothing is mounted
    CIFS = "cifs"  # a share, without a mount
    S3 = "s3"
    SFTP = "sftp"
    WEBDAV = "webdav"
    RSYNC = "rsync"  # a module of an rsync daemon

    @property
    def is_path(self) -> bool:
        """Whether it is reached by a path of the worker's machine."""
        return self in (StorageKind.POSIX, StorageKind.NFS)


class StorageState(StrEnum):
    """Whether files go there."""

    ACTIVE = "active"
    DRAINING = "draining"  # nothing new goes there; what lies there is copied elsewhere
    RETIRED = "retired"  # nothing there counts any more


class StorageLocation(Identified, Edited, Base):
    """A place to deliver to. `sentinel` is the id in the file that proves it is the right one.

    `path` is a local path (posix, nfs), `share/folder` (cifs), `bucket/prefix` (s3),
    `module/folder` (rsync), or a folder.
    `generation` counts changes of the address, so that adapters are made anew.
    """

    __tablename__ = "storage_locations"

    name: Mapped[str] = mapped_column(SortedText, unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(SortedText)
    host: Mapped[str | None] = mapped_column(String(400))
    port: Mapped[int | None] = mapped_column()
    url: Mapped[str | None] = mapped_column(String(2000))
    host_key: Mapped[str | None] = mapped_column(String(2000))
    options: Mapped[JsonDict] = mapped_column(Json, default=dict)
    service_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("service_accounts.id"))
    generation: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(20), default=StorageState.ACTIVE)
    # Never filled beyond: bytes that stay free, and bytes that may lie there at most.
    keep_free_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    zone: Mapped[str] = mapped_column(String(100), default="main")
    sentinel: Mapped[uuid.UUID] = mapped_column(Uuid)
    case_insensitive: Mapped[bool] = mapped_column(default=False)
    paused_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hold_failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(60))
    health: Mapped[JsonDict] = mapped_column(Json, default=dict)

    __table_args__ = (
        CheckConstraint(enum_check("kind", StorageKind), name="kind"),
        CheckConstraint(enum_check("state", StorageState), name="state"),
        Index(None, "service_account_id"),
    )
