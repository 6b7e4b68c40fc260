"""Keyset pages: a cursor is the key of the last row, bound to the list's filters.

No OFFSET, no count: a page costs the same at row ten and at row five million.
"""

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, Uuid, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError

T = TypeVar("T")
MAX_LIMIT = 500


@dataclass(frozen=True)
class PageRequest:
    """Which page is asked for; `filters` are bound into the cursor."""

    limit: int = 50
    cursor: str | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page; `next_cursor` is None on the last one."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Keyset:
    """The order of a list: columns that end in the primary key."""

    columns: tuple[Any, ...]
    descending: bool = False

    def after(self, key: list[Any]) -> ColumnElement[bool]:
        """Return the condition that holds for rows after a key."""
        values = [
            literal(value, column.type) for value, column in zip(key, self.columns, strict=True)
        ]
        left: Any = tuple_(*self.columns) if len(values) > 1 else self.columns[0]
        right: Any = tuple_(*values) if len(values) > 1 else values[0]
        condition: ColumnElement[bool] = left < right if self.descending else left > right
        return condition

    def parse(self, key: list[Any]) -> list[Any]:
        """Return the key's texts as values of their columns."""
        if len(key) != len(self.columns) or not all(isinstance(part, str) for part in key):
            raise ValueError("another list's key")
        if any("\x00" in part for part in key):
            raise ValueError("NUL in a key")
        return [_parsed(part, column) for part, column in zip(key, self.columns, strict=True)]


def _parsed(part: str, column: Any) -> Any:
    if isinstance(column.type, Uuid):
        return uuid.UUID(part)
    if isinstance(column.type, Integer):
        number = int(part)
        if abs(number) >= 1 << 31:
            raise ValueError("no number of a column")
        return number
    return part


def _filter_hash(filters: Mapping[str, Any]) -> str:
    text = json.dumps({k: str(v) for k, v in filters.items() if v is not None}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_cursor(key: list[Any], filters: Mapping[str, Any]) -> str:
    """Return the opaque text of a cursor."""
    body = json.dumps({"k": [str(part) for part in key], "f": _filter_hash(filters)})
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, filters: Mapping[str, Any], keyset: Keyset) -> list[Any]:
    """Return the key in a cursor.

    Raises:
        StreamWeaveError: `cursor_invalid` when it is damaged or belongs to another list.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        body = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if body["f"] != _filter_hash(filters):
            raise ValueError("other filters")
        return keyset.parse(body["k"])
    except (ValueError, KeyError, TypeError, UnicodeError, binascii.Error) as error:
        raise StreamWeaveError("cursor_invalid") from error


async def fetch_page(
    session: AsyncSession, query: Select[Any], request: PageRequest, keyset: Keyset
) -> Page[Any]:
    """Return one page of a query: entities when it selects one thing, tuples otherwise."""
    width = len(keyset.columns)
    query = query.add_columns(*keyset.columns)
    if request.cursor is not None:
        query = query.where(keyset.after(decode_cursor(request.cursor, request.filters, keyset)))
    order = [column.desc() if keyset.descending else column.asc() for column in keyset.columns]
    rows = (await session.execute(query.order_by(*order).limit(request.limit + 1))).all()
    shown = rows[: request.limit]
    items = [row[0] if len(row) == width + 1 else tuple(row[:-width]) for row in shown]
    more = len(rows) > request.limit
    cursor = encode_cursor(list(shown[-1][-width:]), request.filters) if more and shown else None
    return Page(items=items, next_cursor=cursor)
