"""Lists as CSV files."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse

from app.clock import utcnow

CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "RFC 4180, UTF-8; texts that could be formulas begin with an apostrophe",
        "content": {"text/csv": {"schema": {"$ref": "#/components/schemas/CsvText"}}},
        "headers": {
            "Content-Disposition": {"description": "its name", "schema": {"type": "string"}}
        },
    }
}
CSV_SCHEMA = {
    "CsvText": {
        "title": "CsvText",
        "type": "string",
        "description": "A table as text, its first line the names of the columns.",
    }
}


def csv_answer(name: str, body: AsyncIterator[bytes]) -> StreamingResponse:
    """Send a table as a file."""
    file_name = f"{name}-{utcnow():%Y%m%d-%H%M}.csv"
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(body, media_type="text/csv; charset=utf-8", headers=headers)
