"""Conditions that lists of several things share, as SQL."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Uuid, func, literal, or_

# Between a moment that a row tells of and the one in which its id was made.
SLACK = timedelta(minutes=10)


def id_at(time: datetime, slack: timedelta) -> ColumnElement[uuid.UUID]:
    """Return a UUIDv7 of about a time: its first 48 bits are milliseconds."""
    moved = (time - datetime(1970, 1, 1, tzinfo=UTC) + slack) // timedelta(milliseconds=1)
    milliseconds = max(0, min((1 << 48) - 1, moved))
    return literal(uuid.UUID(int=milliseconds << 80), Uuid())


def has_part(text: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that one of the columns has a text in it, in whatever case."""
    part = text.strip().lower()
    return or_(*(func.lower(column).contains(part, autoescape=True) for column in columns))
