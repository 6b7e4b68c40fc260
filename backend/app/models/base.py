"""What every table shares: keys, times, texts with one collation, JSON on both databases."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

import uuid_utils
from sqlalchemy import JSON, DateTime, Dialect, MetaData, String, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _key(number: int) -> uuid.UUID:
    """Return the UUID of a number; its constructor takes four times as long to check what it is."""
    made = object.__new__(uuid.UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", uuid.SafeUUID.unknown)
    return made


class Key(Uuid[uuid.UUID]):
    """A UUID; where it is stored as 32 digits, each of a batch's thousands is read fast."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write 32 digits."""
        if self.native_uuid and dialect.supports_native_uuid:
            return super().bind_processor(dialect)
        return lambda value: None if value is None else f"{value.int:032x}"

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Read 32 digits."""
        if self.native_uuid and dialect.supports_native_uuid:
            return super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]
        return lambda value: None if value is None else _key(int(value, 16))


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {uuid.UUID: Key()}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC time on both databases; SQLite stores it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they have no meaning across machines."""
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's naive times their zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Text that is paged or compared has one collation, or keyset pages would skip rows.
SortedText = Text().with_variant(Text(collation="C"), "postgresql")
Json = JSON().with_variant(JSONB(), "postgresql")


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562): rows made together lie together in the index."""
    return _key(uuid_utils.uuid7().int)


def enum_check(column: str, values: type[StrEnum]) -> str:
    """Return the CHECK condition that holds a column to the members of an enum."""
    members = ", ".join(f"'{member.value}'" for member in values)
    return f"{column} IN ({members})"


class Identified:
    """A row with a UUIDv7 key."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


class Edited:
    """A row that people edit: `revision` is its ETag."""

    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


JsonDict = dict[str, Any]
ShortText = String(200)
