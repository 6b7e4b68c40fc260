"""What the engine needs from the rooms above it, as protocols that these pass in."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError
from app.harvest.retry import RetryPolicy
from app.models import StorageLocation
from app.transfers.base import Source, Storage


class Mint(Protocol):
    """Makes identifiers, in the engine's transaction."""

    async def __call__(
        self, session: AsyncSession, source_file_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, str]:
        """Mint and store one identifier for each source file."""
        ...


class Record(Protocol):
    """Writes an audit event, in the engine's transaction."""

    async def __call__(
        self,
        session: AsyncSession,
        *,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Any] | None = None,
        instrument_id: uuid.UUID | None = None,
    ) -> uuid.UUID:
        """Record one event."""
        ...


class MerkleRoot(Protocol):
    """Computes the Merkle tree head of a batch's attempts."""

    def __call__(self, leaves: Sequence[bytes]) -> bytes:
        """Return the root."""
        ...


class OpenSource(Protocol):
    """Opens the reading end of an instrument; who answers knows the secrets, the engine does not.

    Raises `source_logon_failed`, `source_account_paused`, `rclone_unavailable`, ...
    """

    async def __call__(self, instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        """Open a source for `concurrency` calls in flight."""
        ...


class OpenStorage(Protocol):
    """Gives the adapter of a storage location, the same one for all work of this process.

    Raises `storage_account_paused`, `secret_unreadable`, ...
    """

    async def __call__(self, location: StorageLocation) -> Storage:
        """Return the adapter; it connects when it is first used."""
        ...

    async def note(self, location: StorageLocation, error: StreamWeaveError) -> None:
        """Hear of a failure: one refused log-on stops the trying (accounts get locked out)."""
        ...


@dataclass(frozen=True)
class EngineSettings:
    """The engine's limits; times in seconds."""

    installation: str
    worker: str
    lease_seconds: float = 60.0
    publish_timeout_seconds: float = 15.0
    stall_seconds: float = 60.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True)
class Ports:
    """All of them."""

    open_source: OpenSource
    open_storage: OpenStorage
    mint: Mint
    record: Record
    merkle_root: MerkleRoot
    settings: EngineSettings
