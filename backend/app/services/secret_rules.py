"""A stored secret is only sent to an address that its owner confirmed. One rule, here.

Using a service account for an address needs the secret again, unless the account was never used
before, or an instrument or storage location that uses it has exactly this address already.
"""

import hmac
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Instrument, ServiceAccount, StorageLocation
from app.services.credentials import Vault
from app.services.edits import InvalidField

# What decides where the bytes of a log-on go. All options: a vendor, a region or a domain names
# other servers to ask, and a mover sends it wherever it likes.
ADDRESS = ("protocol", "host", "port", "url", "host_key", "options", "mover", "mover_options")
_OF_STORAGE = ADDRESS[:-2]  # nothing but us writes there


async def confirm_address(
    session: AsyncSession, vault: Vault, source: Mapping[str, Any], secret: str | None
) -> ServiceAccount | None:
    """Return the account of a source if its secret may be sent to the source's address.

    Args:
        session: a writing transaction: the account's row is locked, so that of two first uses at
            the same time one is not the first.
        vault: reads the stored secret for the comparison.
        source: the fields of `ADDRESS` and `service_account_id`, as they would be stored.
        secret: what the caller knows the secret to be.

    Raises:
        InvalidField: there is no such account, or `secret_required`.
    """
    account_id = source.get("service_account_id")
    if account_id is None:
        return None
    account = await session.get(
        ServiceAccount, account_id, with_for_update=True, populate_existing=True
    )
    if account is None:
        raise InvalidField("/service_account_id", "There is no such service account.")
    if not await _is_confirmed(session, account, source):
        _compare(vault, account, secret)
    return account


async def note_use(session: AsyncSession, account_id: uuid.UUID) -> None:
    """Remember that an account is used: unlinking it does not make it new again."""
    await session.execute(
        update(ServiceAccount).where(ServiceAccount.id == account_id).values(is_used=True)
    )


async def _is_confirmed(
    session: AsyncSession, account: ServiceAccount, source: Mapping[str, Any]
) -> bool:
    known = []
    for model in (Instrument, StorageLocation):
        # A share is reached in the same way whether it is read or written.
        first = Instrument.protocol if model is Instrument else StorageLocation.kind
        names = ADDRESS if model is Instrument else _OF_STORAGE
        columns = [first, *(getattr(model, name) for name in names[1:])]
        query = select(*columns).where(model.service_account_id == account.id)
        rows = (await session.execute(query)).all()
        known += [_address(dict(zip(names, row, strict=True))) for row in rows]
    is_new = not account.is_used and account.proven_version == 0 and not known
    return is_new or _address(source) in known


def _address(source: Mapping[str, Any]) -> tuple[Any, ...]:
    protocol = "smb" if source.get("protocol") == "cifs" else source.get("protocol")
    return (protocol, *(source.get(name) or None for name in ADDRESS[1:]))


def _compare(vault: Vault, account: ServiceAccount, secret: str | None) -> None:
    if secret is not None:
        stored = vault.decrypt(account.secret_encrypted)
        if hmac.compare_digest(stored.encode(), secret.encode("utf-8", "surrogatepass")):
            return
    raise InvalidField(
        "/secret",
        f"The secret of '{account.name}' is needed: nobody confirmed this address with it.",
        "secret_required",
    )
