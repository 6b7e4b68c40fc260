"""Tests of storage locations, by the worker that reaches them: the way of a file, with no file.

The first good test of a new location puts its sentinel there, or takes over the one that stands
there (an existing archive). Later a missing sentinel is an error: the wrong thing is mounted.
"""

import secrets
import uuid
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.instruments import let_storage_go
from app.models import ServiceAccount, StorageLocation
from app.services.storages import StorageOpener
from app.transfers.base import ReadBack, Storage, StorageBatch, Target

_CONTENT = b"streamweave"


class StorageChecker:
    """Tests locations for one worker."""

    def __init__(self, database: Database, opener: StorageOpener) -> None:
        self._database = database
        self._opener = opener

    async def check(self, location_id: uuid.UUID) -> dict[str, Any]:
        """Test a location as the engine would use it; what rests goes on when it is well."""
        async with self._database.read() as session:
            row = await session.get(StorageLocation, location_id)
            if row is None:
                raise StreamWeaveError("not_found", "The storage location is gone.")
            account = None
            if row.service_account_id is not None:
                account = await session.get(ServiceAccount, row.service_account_id)
        storage = self._opener.make(row, account)
        try:
            steps = await self._settle_sentinel(row, storage)
            if steps == ["sentinel_taken_over"]:
                await storage.close()
                storage = self._opener.make(row, account)
            answer = await check_storage(storage)
        except StreamWeaveError as error:
            await self._opener.note(row, error)
            raise
        finally:
            await storage.close()
        answer["steps"] = [*steps, *answer["steps"]]
        await self._database.run(lambda s: _note_well(s, row, account, answer["health"]))
        return answer

    async def _settle_sentinel(self, row: StorageLocation, storage: Storage) -> list[str]:
        """Place or take over the sentinel of a location that was never well yet."""
        found = await storage.found_sentinel()
        if found == row.sentinel:
            return []
        if "checked_at" in row.health:
            return []  # it was well before: check_ready says what is wrong
        if found is None:
            await storage.place_sentinel()
            return ["sentinel_placed"]
        async with self._database.read() as session:
            taken = await session.scalar(
                select(StorageLocation.name).where(StorageLocation.sentinel == found)
            )
        if taken is not None:
            raise StreamWeaveError(
                "storage_unreachable", f"The sentinel of '{taken}' stands there."
            )

        async def take_over(session: AsyncSession) -> None:
            await session.execute(
                update(StorageLocation)
                .where(StorageLocation.id == row.id)
                .values(sentinel=found, generation=StorageLocation.generation + 1)
            )

        await self._database.run(take_over)
        row.sentinel = found
        return ["sentinel_taken_over"]


async def _note_well(
    session: AsyncSession,
    row: StorageLocation,
    account: ServiceAccount | None,
    health: dict[str, Any],
) -> None:
    await let_storage_go(session, row.id)
    known = await session.get(StorageLocation, row.id)
    if known is not None:
        known.health = {**known.health, **health}
    if account is not None:
        await session.execute(
            update(ServiceAccount)
            .where(
                ServiceAccount.id == account.id,
                ServiceAccount.secret_version == account.secret_version,
            )
            .values(proven_version=account.secret_version, refused_version=0)
        )


async def check_storage(storage: Storage) -> dict[str, Any]:
    """Write, sync, publish, read back, refuse to overwrite, remove.

    Returns:
        The steps that went well, the free space, and what is known of the storage by now.
    """
    steps: list[str] = ["sentinel"]
    name = f".streamweave/check-{secrets.token_hex(6)}".encode()
    first, second = (Target(name, uuid.uuid4(), 1) for _ in range(2))
    try:
        async with storage.batch() as batch:
            await _go_the_way_of_a_file(batch, first, second, steps)
    finally:
        await storage.remove(name)
    steps.append("remove")
    space = await storage.space()
    can = storage.capabilities
    health: dict[str, Any] = {
        "checked_at": utcnow().isoformat(),
        "overwriting": can.overwriting.value,
        "durable": can.durable,
    }
    if space is not None:
        health |= {"free_bytes": space.free_bytes, "total_bytes": space.total_bytes}
    return {
        "steps": steps,
        "free_bytes": space.free_bytes if space else None,
        "entries": [],
        "health": health,
    }


async def _go_the_way_of_a_file(
    batch: StorageBatch, first: Target, second: Target, steps: list[str]
) -> None:
    for target in (first, second):
        temporary = await batch.create(target, len(_CONTENT))
        await temporary.write(_CONTENT)
        await temporary.finish(0)
    steps.append("write")
    failed = await batch.make_durable([first, second], b"")
    for error in failed.values():
        raise error
    steps.append("sync")
    late = batch.capabilities.publishes_by_writing
    if not late:
        steps.append(_read_back(await batch.read_back([first])))
    if await batch.publish(first) is None:
        raise StreamWeaveError("storage_error", "A free name could not be taken.")
    steps.append("publish")
    if late:
        steps.append(_read_back(await batch.read_back([first], final=True)))
    if await batch.publish(second) is not None:
        raise StreamWeaveError("storage_error", "An existing name was overwritten.")
    steps.append("refuse_overwrite")
    for target in (first, second):
        await batch.remove_temporary(target)


def _read_back(answers: Any) -> str:
    (found,) = answers
    if not isinstance(found, ReadBack):
        raise found
    return f"read_back:{found.read_back_from.value}"
