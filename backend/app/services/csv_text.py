"""Rows as CSV (RFC 4180, UTF-8), page by page, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from app.services.pagination import MAX_LIMIT, Page, PageRequest

T = TypeVar("T")
# A spreadsheet takes a text that begins so for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """Return a value as a cell; a text that could be a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return str(value)
    text = str(value.value if isinstance(value, Enum) else value)
    # Not a text of Unicode: bytes of a name that nobody could decode.
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as lines."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([[cell(v) for v in row] for row in rows])
    return written.getvalue().encode()


async def stream_csv(
    columns: Sequence[str],
    ask: Callable[[PageRequest], Awaitable[Page[T]]],
    row: Callable[[T], Sequence[Any]],
) -> AsyncIterator[bytes]:
    """Return the lines of a whole list; its first page is asked before anything is sent."""
    page = await ask(PageRequest(MAX_LIMIT))

    async def all_lines() -> AsyncIterator[bytes]:
        shown = page
        yield lines([columns])
        while True:
            if shown.items:
                yield lines([row(item) for item in shown.items])
            if shown.next_cursor is None:
                return
            shown = await ask(PageRequest(MAX_LIMIT, shown.next_cursor))

    return all_lines()
