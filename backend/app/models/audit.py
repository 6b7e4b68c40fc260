"""Audit trail, outbox, settings."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified, Json, JsonDict, SortedText, UTCDateTime


class AuditEvent(Identified, Base):
    """One fact: who did what to what, when, why. Never updated, never deleted (triggers)."""

    __tablename__ = "audit_events"

    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(String(100))  # user:<id> | worker:<name> | system
    action: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(200))  # instrument:<id>, ...
    instrument_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    canonical: Mapped[str] = mapped_column(SortedText)  # RFC 8785 JSON: what the chain hashes

    __table_args__ = (Index(None, "subject", "id"), Index(None, "instrument_id", "id"))


class AuditPending(Base):
    """An event that no link of the chain holds yet."""

    __tablename__ = "audit_pending"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_events.id"), primary_key=True)


class AuditLink(Base):
    """A link of the chain: hash = SHA-256(previous hash || canonical event)."""

    __tablename__ = "audit_links"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_events.id"), unique=True)
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Outbox(Identified, Base):
    """A fact for consumers, written with the fact; the dispatcher gives it its `seq`."""

    __tablename__ = "outbox"

    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    topic: Mapped[str] = mapped_column(String(60))
    instrument_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    payload: Mapped[JsonDict] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index(
            "ix_outbox_unnumbered",
            "id",
            sqlite_where=text("seq IS NULL"),
            postgresql_where=text("seq IS NULL"),
        ),
    )


class Setting(Base):
    """A value that the installation keeps for itself: its id, its boot, its first-admin code."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[JsonDict] = mapped_column(Json)


class IdempotencyKey(Base):
    """The answer to a trigger, replayed when the same key comes again (for 24 hours)."""

    __tablename__ = "idempotency_keys"

    scope_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int] = mapped_column()
    body: Mapped[JsonDict] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
