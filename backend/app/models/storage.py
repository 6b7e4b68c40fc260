"""Storage locations: the places that files are delivered to."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String, Uuid
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


class StorageLocation(Identified, Edited, Base):
    """A place to deliver to. `sentinel` is the id in the file that proves it is mounted."""

    __tablename__ = "storage_locations"

    name: Mapped[str] = mapped_column(SortedText, unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(SortedText)
    zone: Mapped[str] = mapped_column(String(100), default="main")
    sentinel: Mapped[uuid.UUID] = mapped_column(Uuid)
    case_insensitive: Mapped[bool] = mapped_column(default=False)
    paused_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hold_failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(60))
    health: Mapped[JsonDict] = mapped_column(Json, default=dict)

    __table_args__ = (CheckConstraint(enum_check("kind", StorageKind), name="kind"),)
