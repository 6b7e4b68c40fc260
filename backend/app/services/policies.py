"""The storage policy of an instrument: where its files go, how their paths are made, what follows.

A place that is added later is back-filled from proven copies (harvest/backfill.py).
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError
from app.harvest.template import parse_template
from app.models import InstrumentStorage, SourceFile, StorageKind, StorageLocation, StorageState
from app.services.edits import InvalidField
from app.services.storage_rules import READ_BACKS


def check_template(text: str | None, pointer: str) -> None:
    """Refuse a template that cannot be used, with what is wrong.

    Raises:
        InvalidField: `template_invalid`.
    """
    if text is None:
        return
    try:
        parse_template(text)
    except StreamWeaveError as error:
        raise InvalidField(pointer, error.detail, error.code) from error


async def set_policy(
    session: AsyncSession, instrument_id: uuid.UUID, storage: Sequence[Mapping[str, Any]]
) -> None:
    """Make an instrument's files go to these places, and to no others from now on."""
    wanted = {policy["storage_location_id"]: policy for policy in storage}
    if len(wanted) != len(storage):
        raise InvalidField("/storage", "A storage location is named twice.")
    for number, policy in enumerate(storage):
        check_template(policy.get("template"), f"/storage/{number}/template")
        place = await _find_place(session, policy["storage_location_id"])
        check_enough(place, policy.get("enough"), f"/storage/{number}/enough")
    known = await session.scalars(
        select(InstrumentStorage).where(InstrumentStorage.instrument_id == instrument_id)
    )
    for row in known.all():
        # A place that stays keeps its row, and with it the folder that it has there.
        if row.storage_location_id not in wanted:
            await session.delete(row)
            continue
        policy = wanted.pop(row.storage_location_id)
        row.required = policy["required"]
        if "template" in policy:
            row.template = policy["template"]
        if "enough" in policy:
            row.enough = policy["enough"]
    has_files = await session.scalar(
        select(exists().where(SourceFile.instrument_id == instrument_id))
    )
    for policy in wanted.values():
        session.add(
            InstrumentStorage(
                instrument_id=instrument_id,
                storage_location_id=policy["storage_location_id"],
                required=policy["required"],
                template=policy.get("template"),
                enough=policy.get("enough"),
                backfill_pending=bool(has_files) and policy.get("backfill", True),
            )
        )
    await session.flush()


def check_enough(place: StorageLocation, enough: list[str] | None, pointer: str) -> None:
    """Refuse to wait for a proof that a place can never give.

    Raises:
        InvalidField: what it can give.
    """
    possible = READ_BACKS[StorageKind(place.kind)]
    if enough is not None and possible.isdisjoint(enough):
        told = " or ".join(sorted(possible))
        raise InvalidField(pointer, f"'{place.name}' ({place.kind}) can be read back from {told}.")


async def _find_place(session: AsyncSession, location_id: uuid.UUID) -> StorageLocation:
    place = await session.get(StorageLocation, location_id)
    if place is None:
        raise InvalidField("/storage", "There is no such storage location.")
    if place.state != StorageState.ACTIVE:
        raise InvalidField("/storage", f"'{place.name}' is {place.state}: nothing goes there.")
    return place
