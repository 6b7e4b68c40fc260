"""Who may see what. Every query over instruments and what hangs on them goes through here."""

import uuid
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError
from app.models import FileGrant, Grant, Instrument, SourceFile, User


def readable_instruments(user: User) -> Select[tuple[uuid.UUID]]:
    """Return the ids of the instruments that a person may see; an admin sees all."""
    if user.is_superuser:
        return select(Instrument.id)
    return select(Grant.instrument_id).where(Grant.user_id == user.id)


def only_readable(query: Select[Any], user: User, column: Any) -> Select[Any]:
    """Narrow a query to rows whose instrument the person may see."""
    if user.is_superuser:
        return query
    return query.where(column.in_(readable_instruments(user)))


def granted_files(user: User) -> Select[tuple[uuid.UUID]]:
    """Return the ids of the single files that hooks let a person see."""
    return select(FileGrant.source_file_id).where(FileGrant.user_id == user.id)


def only_readable_files(query: Select[Any], user: User) -> Select[Any]:
    """Narrow a query over files: of instruments that the person may see, and single ones."""
    if user.is_superuser:
        return query
    return query.where(
        or_(
            SourceFile.instrument_id.in_(readable_instruments(user)),
            SourceFile.id.in_(granted_files(user)),
        )
    )


async def readable_instrument(
    session: AsyncSession, user: User, instrument_id: uuid.UUID
) -> Instrument:
    """Return an instrument, or raise `not_found` when it is missing or hidden."""
    query = only_readable(
        select(Instrument).where(Instrument.id == instrument_id), user, Instrument.id
    )
    instrument: Instrument | None = (await session.scalars(query)).one_or_none()
    if instrument is None:
        raise StreamWeaveError("not_found")
    return instrument
