"""What all edits share: guarded UPDATE by revision, translated constraint errors, old and new."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.errors import StreamWeaveError

M = TypeVar("M")


class InvalidField(StreamWeaveError):
    """A request whose named field is not acceptable."""

    def __init__(self, pointer: str, detail: str, code: str = "invalid_request") -> None:
        super().__init__(code, detail)
        self.pointer = pointer


class InvalidFields(StreamWeaveError):
    """A request of which several fields are not acceptable: JSON pointers with their reasons."""

    def __init__(self, code: str, fields: Sequence[tuple[str, str]]) -> None:
        super().__init__(code, " ".join(f"{where}: {why}" for where, why in fields)[:2000])
        self.fields = fields


async def find(session: AsyncSession, model: type[M], key: uuid.UUID) -> M:
    """Return a row by its key, or raise `not_found`."""
    row = await session.get(model, key)
    if row is None:
        raise StreamWeaveError("not_found")
    return row


@asynccontextmanager
async def translated(session: AsyncSession, code: str) -> AsyncIterator[None]:
    """Turn a violated constraint inside the block into a catalogued error."""
    try:
        yield
        await session.flush()
    except IntegrityError as error:
        raise StreamWeaveError(code) from error


async def guarded_update(
    session: AsyncSession, row: Any, revision: int, values: Mapping[str, Any]
) -> None:
    """Change a row if it still has the revision that the caller read.

    Raises:
        StreamWeaveError: `edit_conflict` when somebody else was faster.
    """
    model = type(row)
    statement = (
        update(model)
        .where(model.id == row.id, model.revision == revision)
        .values(**values, revision=revision + 1, updated_at=utcnow())
        .returning(model.id)
        .execution_options(synchronize_session=False)
    )
    async with translated(session, "name_taken"):
        changed = (await session.execute(statement)).first()
    if changed is None:
        raise StreamWeaveError("edit_conflict")
    await session.refresh(row)


def plain(value: Any) -> Any:
    """Return a value as the audit trail writes it: no floats, no objects."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    return str(value)


def changes(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the row."""
    return {key: value for key, value in values.items() if getattr(row, key) != value}


def old_and_new(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the audit details of a change, read before it is made."""
    return {
        "old": {key: plain(getattr(row, key)) for key in values},
        "new": {key: plain(value) for key, value in values.items()},
    }


def user_actor(user_id: uuid.UUID) -> str:
    """Return how the audit trail names a person."""
    return f"user:{user_id}"
