"""Who may see what. Every query over instruments and what hangs on them goes through here."""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError
from app.models import Grant, Instrument, User


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
