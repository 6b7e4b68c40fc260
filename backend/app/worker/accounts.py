"""From rows to source addresses: decrypts the secret, and lets a new one log on once only."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Instrument, ServiceAccount
from app.services.credentials import Vault
from app.services.leases import give_lease_back, take_lease
from app.transfers.rclone.remotes import SourceAddress
from app.worker.daemon import Daemon

_LOGON_LEASE_SECONDS = 60.0


def address(
    source: Mapping[str, Any], account: ServiceAccount | None, vault: Vault, key: str
) -> SourceAddress:
    """Return a source's address with its decrypted secret."""
    return SourceAddress(
        key=key,
        protocol=str(source["protocol"]),
        host=source.get("host"),
        port=source.get("port"),
        url=source.get("url"),
        root=str(source.get("root") or ""),
        host_key=source.get("host_key"),
        options=dict(source.get("options") or {}),
        username=account.username if account else "",
        secret=vault.decrypt(account.secret_encrypted) if account else "",
        secret_kind=account.secret_kind if account else "password",
    )


async def instrument_address(
    database: Database, vault: Vault, instrument_id: uuid.UUID
) -> tuple[SourceAddress, ServiceAccount | None]:
    """Return the address of an instrument's source and its account.

    Raises:
        StreamWeaveError: `not_found`; `source_account_paused` after a refused log-on.
    """
    async with database.read() as session:
        instrument = await session.get(Instrument, instrument_id)
        if instrument is None:
            raise StreamWeaveError("not_found", "The instrument is gone.")
        account = None
        if instrument.service_account_id is not None:
            account = await session.get(ServiceAccount, instrument.service_account_id)
    if account is not None and account.refused_version == account.secret_version:
        raise StreamWeaveError(
            "source_account_paused", f"The server refused '{account.name}' and is not asked again."
        )
    version = account.secret_version if account else 0
    key = f"sw{instrument.id.hex[-16:]}g{instrument.source_generation}v{version}"
    facts = {name: getattr(instrument, name) for name in _ADDRESS}
    return address(facts, account, vault, key), account


_ADDRESS = ("protocol", "host", "port", "url", "root", "host_key", "options")


async def prove_log_on(
    database: Database, daemon: Daemon, source: SourceAddress, account: ServiceAccount | None
) -> None:
    """Let a secret version that never logged on do so once, alone among all workers.

    Raises:
        StreamWeaveError: `source_logon_failed` (then nobody tries it again), or what happened.
    """
    if account is None or account.proven_version == account.secret_version:
        return
    name, owner = f"logon:{account.id}", uuid.uuid4().hex
    taken = await database.run(lambda s: take_lease(s, name, owner, _LOGON_LEASE_SECONDS))
    if not taken:
        raise StreamWeaveError("instrument_busy", "Another worker tries the new secret just now.")
    try:
        await _log_on_once(database, daemon, source, account)
    finally:
        await database.run(lambda s: give_lease_back(s, name, owner))


async def _log_on_once(
    database: Database, daemon: Daemon, source: SourceAddress, account: ServiceAccount
) -> None:
    async with database.read() as session:
        now = await session.scalar(
            select(ServiceAccount.refused_version).where(ServiceAccount.id == account.id)
        )
    if now == account.secret_version:
        raise StreamWeaveError("source_account_paused", "The server refused it a moment ago.")
    version = account.secret_version
    try:
        await daemon.try_log_on(source)
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
