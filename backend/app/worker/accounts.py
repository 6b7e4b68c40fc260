"""From rows to the daemon's source addresses, with the decrypted secret."""

import uuid
from collections.abc import Mapping
from typing import Any

from app.database import Database
from app.errors import StreamWeaveError
from app.models import Instrument, ServiceAccount
from app.services.credentials import Vault
from app.services.log_on import usable_account
from app.transfers.rclone.remotes import SourceAddress


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
    account = await usable_account(database, instrument)
    version = account.secret_version if account else 0
    key = f"sw{instrument.id.hex[-16:]}g{instrument.source_generation}v{version}"
    facts = {name: getattr(instrument, name) for name in _ADDRESS}
    return address(facts, account, vault, key), account


_ADDRESS = ("protocol", "host", "port", "url", "root", "host_key", "options")
