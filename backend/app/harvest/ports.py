"""What the engine needs from the rooms above it, as protocols that these pass in."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StreamWeaveError
from app.harvest.plan import Destination
from app.harvest.retry import RetryPolicy
from app.harvest.store.instruments import InstrumentFacts
from app.models import StorageLocation
from app.transfers.base import FileFacts, Source, Storage


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


@dataclass(frozen=True, slots=True)
class Complete:
    """A complete file of which nothing was copied yet, as hooks are asked about it."""

    source_file_id: uuid.UUID
    path: bytes
    facts: FileFacts


@dataclass(frozen=True, slots=True)
class Decision:
    """What the hooks decided about a file: left out, waiting, or where it goes instead.

    `destinations` and `dest_path` are None where nothing was decided.
    """

    skipped: str | None = None  # the sentence for people: hook, rule, reason
    error: StreamWeaveError | None = None  # it waits
    destinations: tuple[Destination, ...] | None = None
    dest_path: bytes | None = None


class Decisions(Protocol):
    """What the hooks decided about a batch."""

    def of(self, source_file_id: uuid.UUID) -> Decision:
        """Return the decision about one file."""
        ...

    async def note(self, session: AsyncSession) -> None:
        """Write what each hook said, in the transaction of what follows from it."""
        ...


class PreTransfer(Protocol):
    """Asks the hooks of an instrument; called only when it has any, outside of transactions.

    A file may be asked about again after a crash: nothing was written then.
    """

    async def __call__(
        self, instrument: InstrumentFacts, files: Sequence[Complete], source: Source
    ) -> Decisions:
        """Return the decisions; a hook's failure is one, never an exception."""
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
    pre_transfer: PreTransfer | None = None
