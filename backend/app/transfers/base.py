"""The adapter protocol: what a mover must do at each end, and what it may say about itself.

A source lists, stats by opening, and streams. A storage takes a batch: write each file to a
temporary name, make the batch durable, read back, publish under a name that must be free. The
engine calls in that order and may stop after any call; every call is safe to repeat. Failures are
`StreamWeaveError` from the catalogue; the engine never reads an error's text.
"""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from app.errors import StreamWeaveError
from streamweave_sdk.transfers import Entry, FileFacts, SourceCapabilities, Wanted

__all__ = ["Entry", "FileFacts", "SourceCapabilities", "Wanted"]


class ReadBackFrom(StrEnum):
    """Where the bytes of a read-back came from, as far as can be said truthfully."""

    DEVICE = "device"
    PAGE_CACHE = "page_cache"
    SERVER_CACHE = "server_cache"
    STORAGE_CHECKSUM = "storage_checksum"
    MOVER_CHECKSUM = "mover_checksum"


class Overwriting(StrEnum):
    """How a storage keeps a published name from being overwritten."""

    REFUSED = "refused"  # by the storage itself, in one step
    EXCLUSIVE_WRITER_ONLY = "exclusive_writer_only"  # we look first: nobody else may write there


@dataclass(frozen=True, slots=True)
class StorageCapabilities:
    """What a storage adapter can do.

    `publishes_by_writing`: nothing stands at the storage under a temporary name; publishing writes
    the object under its final name, so what was written is read back after it (S3).
    `sends_batches`: what is written lies on the worker until `make_durable` sends it all (rsync).
    """

    kind: str
    overwriting: Overwriting
    durable: bool  # a finished sync survives loss of power
    case_insensitive: bool
    publishes_by_writing: bool = False
    concurrency: int = 1  # files that are published at a time: a network has latency to hide
    sends_batches: bool = False


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object at a storage: its identity there and its size."""

    object_id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Space:
    """The space of a storage, in bytes; what only root may use counts as used."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read back: hash, size, identity, and where the bytes came from."""

    sha256: bytes
    size_bytes: int
    object_id: str
    read_back_from: ReadBackFrom


@dataclass(frozen=True, slots=True)
class Target:
    """Where one copy goes: its final path below the storage's root, and its copy and attempt.

    ARK, version and modification time are what a storage may keep beside the object.
    """

    dest_path: bytes
    copy_id: uuid.UUID
    attempt: int
    ark: str = field(default="", compare=False)
    version: int = field(default=1, compare=False)
    mtime_ns: int = field(default=0, compare=False)


class Source(Protocol):
    """The reading end. Paths are relative to the source's root, `/` between parts, never unsafe."""

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""
        ...

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory (`b""` is the root).

        Raises:
            StreamWeaveError: `source_folder_missing`, `source_permission_denied`, ...
        """
        ...

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Ask for each file's facts, by opening it where the protocol has that."""
        ...

    def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes; fewer or more than `size_bytes` is `source_file_changed`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


# What a mover noted of files that came, by path, until their evidence is written.
Notes = dict[bytes, Mapping[str, Any]]
# What comes of several files: which one, and a chunk, its end (None), or why it cannot be read.
Piece = tuple[int, bytes | StreamWeaveError | None]


@runtime_checkable
class ReadsAhead(Protocol):
    """A source that can be asked for several files at once over one connection."""

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""
        ...

    def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream files one after the other; an error is that file's, the next ones follow."""
        ...


def notes_of(source: object) -> Notes:
    """Return where a source keeps what its mover noted; most note nothing."""
    notes = getattr(source, "notes", None)
    return notes if isinstance(notes, dict) else {}


async def chunks_of(pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[bytes, None]:
    """Stream one file's chunks out of its pieces; its error is raised."""
    async with aclosing(pieces):
        async for _, piece in pieces:
            if isinstance(piece, StreamWeaveError):
                raise piece
            if piece is not None:
                yield piece


async def read_many(
    source: Source | ReadsAhead, files: Sequence[Wanted]
) -> AsyncGenerator[Piece, None]:
    """Stream several files of any source, by one connection where it can."""
    if isinstance(source, ReadsAhead):
        async with aclosing(source.read_many(files)) as pieces:
            async for piece in pieces:
                yield piece
        return
    for number, file in enumerate(files):
        try:
            async with aclosing(source.read(file.path, file.size_bytes)) as chunks:
                async for chunk in chunks:
                    yield number, chunk
        except StreamWeaveError as error:
            yield number, error
        else:
            yield number, None


class Temporary(Protocol):
    """A file being written under its temporary name."""

    target: Target

    async def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        ...

    async def finish(self, mtime_ns: int) -> ObjectFacts:
        """Set the modification time and close; nothing is durable yet."""
        ...

    async def abandon(self) -> None:
        """Close and remove it."""
        ...


class StorageBatch(Protocol):
    """The writing end for one batch."""

    @property
    def capabilities(self) -> StorageCapabilities:
        """What the storage can do, as far as is known by now."""
        ...

    async def create(self, target: Target, size_bytes: int) -> Temporary:
        """Make the directories and an empty temporary file next to the final name.

        `size_bytes` is what is expected to come.
        """
        ...

    async def make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        """Append the journal and sync all temporaries; return those whose sync failed."""
        ...

    async def read_back(
        self, targets: Sequence[Target], *, final: bool = False
    ) -> Sequence[ReadBack | StreamWeaveError]:
        """Read temporaries (or, synced first, the final objects), each through a new opening."""
        ...

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Give the temporary its final name; None when that name exists (it stays untouched)."""
        ...

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """Make the published names durable."""
        ...

    async def look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        """Return what stands at the final name and at the temporary name."""
        ...

    async def remove_temporary(self, target: Target) -> None:
        """Remove the temporary name; none there is fine."""
        ...

    async def withdraw(self, target: Target) -> bool:
        """Remove the final object if this very copy published it by writing, unproven.

        Returns whether it was ours. A storage that publishes by renaming has none.
        """
        ...


class Storage(Protocol):
    """A place to deliver to."""

    @property
    def capabilities(self) -> StorageCapabilities:
        """What it can do, as far as is known by now."""
        ...

    async def check_ready(self) -> None:
        """Raise `storage_unreachable` unless the sentinel is there and is this storage's.

        What only the server can tell of the capabilities is known after the first time.
        """
        ...

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        ...

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        ...

    def batch(self) -> AbstractAsyncContextManager[StorageBatch]:
        """Open one batch."""
        ...

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal files here: name to size in bytes."""
        ...

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal file from a position."""
        ...

    def temporaries(self) -> AsyncIterator[tuple[bytes, uuid.UUID, int]]:
        """Walk this installation's temporaries: path, copy, attempt."""
        ...

    async def remove(self, path: bytes) -> None:
        """Remove one temporary that `temporaries` named."""
        ...

    async def space(self) -> Space | None:
        """Return the space of the storage; None where nobody can tell."""
        ...

    def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a published object, or `size_bytes` of it from `offset`.

        `object_id` is that of the evidence; a storage that keeps versions reads that one.

        Raises:
            StreamWeaveError: `storage_object_missing`, or what the storage says.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
