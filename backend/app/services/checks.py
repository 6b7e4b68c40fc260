"""Connection tests: asked here, answered by a worker of the zone that can reach the place."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Check, Instrument, StorageLocation, new_id
from app.services.edits import find
from app.services.instruments import Editor
from app.services.secret_rules import confirm_address
from app.services.source_rules import check_source
from app.services.zones import check_zone, zone_is_served

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 45.0
_SOURCE_FIELDS = (
    "protocol", "host", "port", "url", "root", "host_key", "options", "service_account_id",
    "mover", "mover_options",
)  # fmt: skip


async def check_instrument(database: Database, instrument_id: uuid.UUID) -> dict[str, Any]:
    """Test the source of a stored instrument."""
    return await ask_instrument(database, instrument_id, "source")


async def ask_instrument(
    database: Database, instrument_id: uuid.UUID, kind: str, **more: Any
) -> dict[str, Any]:
    """Ask of the source of a stored instrument."""
    async with database.read() as session:
        instrument = await find(session, Instrument, instrument_id)
        request = {name: getattr(instrument, name) for name in _SOURCE_FIELDS}
        zone = instrument.zone
    return await _ask(database, zone, kind, {**request, **more})


async def check_draft(
    editor: Editor, values: Mapping[str, Any], secret: str | None = None
) -> dict[str, Any]:
    """Test a source before it is saved."""
    return await ask_draft(editor, values, secret, "source")


async def ask_draft(
    editor: Editor, values: Mapping[str, Any], secret: str | None, kind: str, **more: Any
) -> dict[str, Any]:
    """Ask of a source that is not saved; where its account may go is the same as for saving."""
    check_source(values, editor.settings)

    async def allow(session: AsyncSession) -> None:
        await check_zone(session, editor.settings, values["zone"])
        await confirm_address(session, editor.vault, values, secret)

    await editor.database.run(allow)
    request = {name: values.get(name) for name in _SOURCE_FIELDS}
    return await _ask(editor.database, values["zone"], kind, {**request, **more})


async def check_storage(database: Database, storage_id: uuid.UUID) -> dict[str, Any]:
    """Test a storage location from where it is mounted."""
    async with database.read() as session:
        location = await find(session, StorageLocation, storage_id)
        request = {"storage_location_id": location.id, "path": location.path}
        zone = location.zone
    return await _ask(database, zone, "storage", request)


async def _ask(
    database: Database, zone: str, kind: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    async with database.read() as session:
        if not await zone_is_served(session, zone):
            raise StreamWeaveError("zone_not_served", f"No worker of the zone '{zone}' is alive.")
    check_id = new_id()
    body = {k: str(v) if isinstance(v, uuid.UUID) else v for k, v in request.items()}

    async def work(session: AsyncSession) -> None:
        session.add(Check(id=check_id, zone=zone, kind=kind, request=body, created_at=utcnow()))

    await database.run(work)
    return await _wait(database, check_id)


async def _wait(database: Database, check_id: uuid.UUID) -> dict[str, Any]:
    query = select(Check.result).where(Check.id == check_id, Check.done_at.is_not(None))
    deadline = monotonic() + _PATIENCE_SECONDS
    while monotonic() < deadline:
        async with database.read() as session:
            row = (await session.execute(query)).one_or_none()
        if row is not None:
            return dict(row[0] or {})
        await asyncio.sleep(_POLL_SECONDS)
    raise StreamWeaveError("zone_not_served", "No worker answered within 45 seconds.")
