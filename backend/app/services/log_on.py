"""A secret that never logged on does so once, alone among all workers (accounts get locked out)."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Instrument, ServiceAccount
from app.services.leases import give_lease_back, take_lease

_LEASE_SECONDS = 60.0


async def usable_account(database: Database, instrument: Instrument) -> ServiceAccount | None:
    """Return the account of an instrument, None where it has none.

    Raises:
        StreamWeaveError: `source_account_paused` after a refused log-on.
    """
    if instrument.service_account_id is None:
        return None
    async with database.read() as session:
        account = await session.get(ServiceAccount, instrument.service_account_id)
    if account is not None and account.refused_version == account.secret_version:
        detail = f"The server refused '{account.name}' and is not asked again."
        raise StreamWeaveError("source_account_paused", detail)
    return account


async def prove_log_on(
    database: Database, account: ServiceAccount | None, try_it: Callable[[], Awaitable[None]]
) -> None:
    """Let a secret version that never logged on do so once, alone among all workers.

    Raises:
        StreamWeaveError: `source_logon_failed` (then nobody tries it again), or what happened.
    """
    if account is None or account.proven_version == account.secret_version:
        return
    name, owner = f"logon:{account.id}", uuid.uuid4().hex
    if not await database.run(lambda s: take_lease(s, name, owner, _LEASE_SECONDS)):
        raise StreamWeaveError("instrument_busy", "Another worker tries the new secret just now.")
    try:
        await _once(database, account, try_it)
    finally:
        await database.run(lambda s: give_lease_back(s, name, owner))


async def _once(
    database: Database, account: ServiceAccount, try_it: Callable[[], Awaitable[None]]
) -> None:
    async with database.read() as session:
        now = await session.scalar(
            select(ServiceAccount.refused_version).where(ServiceAccount.id == account.id)
        )
    if now == account.secret_version:
        raise StreamWeaveError("source_account_paused", "The server refused it a moment ago.")
    version = account.secret_version
    try:
        await try_it()
    except StreamWeaveError as error:
        if error.code == "source_logon_failed":
            refused = {"refused_version": version, "refused_at": utcnow()}
            await database.run(lambda s: _note(s, account, refused))
        raise
    await database.run(lambda s: _note(s, account, {"proven_version": version}))


async def _note(session: AsyncSession, account: ServiceAccount, values: dict[str, Any]) -> None:
    await session.execute(
        update(ServiceAccount)
        .where(
            ServiceAccount.id == account.id,
            ServiceAccount.secret_version == account.secret_version,
        )
        .values(**values)
    )
