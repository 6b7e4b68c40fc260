"""Secrets of service accounts: encrypted by MultiFernet, so that keys can be rotated.

The newest key encrypts; all keys of the ring decrypt. Nothing here logs or returns a secret
inside an error.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.errors import StreamWeaveError
from app.models import Hook, ServiceAccount


class Vault:
    """Encrypts and decrypts with the key ring of the settings."""

    def __init__(self, keys: list[bytes]) -> None:
        self._ring = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_settings(cls, settings: Settings) -> "Vault":
        """Open the vault with the configured key ring."""
        return cls(settings.fernet_keys())

    def encrypt(self, secret: str) -> str:
        """Return the secret as a Fernet token of the newest key."""
        return self._ring.encrypt(secret.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Return the secret.

        Raises:
            StreamWeaveError: `secret_unreadable` when no key of the ring fits.
        """
        try:
            return self._ring.decrypt(token.encode()).decode()
        except InvalidToken:
            raise StreamWeaveError("secret_unreadable") from None

    def rotate(self, token: str) -> str:
        """Return the token encrypted anew with the newest key."""
        try:
            return self._ring.rotate(token.encode()).decode()
        except InvalidToken:
            raise StreamWeaveError("secret_unreadable") from None


async def rotate_secrets(session: AsyncSession, vault: Vault) -> int:
    """Encrypt every stored secret with the newest key; return how many there are."""
    accounts = (
        await session.scalars(select(ServiceAccount).order_by(ServiceAccount.id).with_for_update())
    ).all()
    for account in accounts:
        account.secret_encrypted = vault.rotate(account.secret_encrypted)
    hooks = (await session.scalars(select(Hook).order_by(Hook.id).with_for_update())).all()
    for hook in hooks:
        hook.secrets = {where: vault.rotate(token) for where, token in hook.secrets.items()}
    return len(accounts) + sum(len(hook.secrets) for hook in hooks)
