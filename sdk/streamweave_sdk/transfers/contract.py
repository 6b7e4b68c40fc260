"""The contract of movers: what brings an instrument's files to a worker.

A mover opens a source: it lists directories, tells size and time, and brings the bytes, either as
a stream or as files in a folder of the worker (`Fetches`). All else is StreamWeave's: it hashes
what came, writes it to the storage under a temporary name, makes it durable, reads it back,
publishes it and asks the source again. A mover's own checksum is noted, and proves nothing.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict


class TransferError(Exception):
    """Why something could not be done, by a code of the catalogue (docs/errors.md).

    A code that is not there is told as `mover_error`. `detail` says what happened, without secrets.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class FileFacts(NamedTuple):  # a million of them are made in a scan
    """Size and modification time (nanoseconds since 1970 UTC) of a source file."""

    size_bytes: int
    mtime_ns: int


class Entry(NamedTuple):
    """One name in a directory. `error_code` marks a name that cannot be carried."""

    name: bytes
    is_directory: bool
    facts: FileFacts
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to bring: its path, the bytes and the time that it must have.

    `object_id` names an object of a storage. `previous` is a local file with the content of the
    version before, for a mover that `uses_previous`; it may be read, and never be changed.
    """

    path: bytes
    size_bytes: int
    object_id: str = ""
    mtime_ns: int = 0
    previous: Path | None = None


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What a source can do. `mtime_precision_ns` is that of both list and stat.

    `window_files` and `window_bytes` bound what is asked for at once over one connection; a single
    file may be larger.
    """

    mover: str
    protocol: str
    mtime_precision_ns: int
    stat_opens: bool  # stat asks the server about the file itself, not a directory entry
    carries_any_name: bool  # names are bytes; otherwise they must be valid UTF-8
    window_files: int = 16
    window_bytes: int = 1 << 20
    splits: bool = True  # connections share a batch; otherwise one call is asked for all of it
    uses_previous: bool = False  # moves less when it has the version before
    limits_bandwidth: bool = False  # keeps to its place's bound by itself


class MoverSource(Protocol):
    """An open source. Paths are relative to its root, `/` between parts, never unsafe.

    It also is one of `Streams` and `Fetches`. Every call may be repeated, and must come to its end
    or raise within the place's `timeout_seconds` without progress.
    """

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""
        ...

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory (`b""` is the root), files and directories only.

        Raises:
            TransferError: `source_folder_missing`, `source_permission_denied`, ...
        """
        ...

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | TransferError]:
        """Ask for the facts of files, by opening them where the protocol has that.

        What is not there, or is no regular file, is `source_file_missing`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...


@runtime_checkable
class Streams(Protocol):
    """A source that gives a file's bytes as they come."""

    def stream(self, file: Wanted) -> AsyncGenerator[bytes, None]:
        """Give the bytes of one file, in chunks of up to some MiB.

        Raises:
            TransferError: `source_file_changed` when fewer or more bytes come than are wanted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came, or did not: its number among those wanted, and where it lies or why not.

    StreamWeave removes the file when it has read it. `notes` become part of the evidence.
    """

    number: int
    path: Path | None = None
    error: TransferError | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life while nothing has come yet; bytes that are known to have moved."""

    moved_bytes: int = 0


@runtime_checkable
class Fetches(Protocol):
    """A source that brings many files at once into a folder of the worker."""

    def fetch(self, files: Sequence[Wanted]) -> AsyncGenerator[Fetched | Progress, None]:
        """Bring files; each is told once, in any order, as soon as it is there.

        A sign of life is due every third of the place's `timeout_seconds`.

        Raises:
            TransferError: what concerns all files that were not told yet.
        """
        ...


class Need(StrEnum):
    """What must be there before a mover can work."""

    PROGRAM = "program"  # a program on the worker
    LOCAL_PATH = "local_path"  # the source is a path that the worker sees
    COLLECTION = "collection"  # collections of a transfer service, one of them seen by the worker


class Options(BaseModel):
    """A mover's own settings for an instrument; forms are made of its JSON Schema. No secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(Options):
    """Nothing to set."""


@dataclass(frozen=True, slots=True)
class Place:
    """How an instrument's source is reached, with its service account's secret in memory.

    `bandwidth_bytes_per_second` is what this opening may use; None is no bound.
    """

    protocol: str
    root: str = ""
    host: str = ""
    port: int | None = None
    url: str = ""
    host_key: str = ""
    username: str = ""
    secret: str = field(default="", repr=False)
    secret_kind: str = "password"  # or private_key
    connections: int = 1
    bandwidth_bytes_per_second: int | None = None
    timeout_seconds: float = 60.0


class TaskBook(Protocol):
    """Small records of an instrument that outlive the process: tasks of a transfer service."""

    async def remember(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record (JSON) under a key; committed when this returns."""
        ...

    async def recall(self) -> Mapping[str, Mapping[str, Any]]:
        """Return all records, by key, oldest first."""
        ...

    async def forget(self, key: str) -> None:
        """Drop a record; none there is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker gives an open source: a private folder for its files, and a book of tasks.

    The folder is empty, belongs to this opening, and is removed after it.
    """

    folder: Path
    tasks: TaskBook


O = TypeVar("O", bound=Options)  # noqa: E741


class Mover(Generic[O]):
    """A kind of mover. A package names its class by the entry point `streamweave.transfers`."""

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str] = "1"
    options_model: ClassVar[type[Options]] = NoOptions
    protocols: ClassVar[frozenset[str]] = frozenset({"adapter"})  # of instruments that it serves
    needs: ClassVar[frozenset[Need]] = frozenset()
    batch_files: ClassVar[int] = 200  # that it is given at once
    batch_bytes: ClassVar[int] = 256 << 20
    # Whether it mostly waits for a service that does the work, perhaps for hours: then few of its
    # batches are taken at a time, and none of them keeps others from being worked on.
    is_patient: ClassVar[bool] = False

    def problem(self) -> str | None:
        """Return why it cannot work on this machine (a program that is missing), or None."""
        return None

    def unsuitable(self, place: Place, options: O) -> str | None:
        """Return why this place cannot be reached with these options, or None. Connects nowhere."""
        return None

    async def open(self, place: Place, options: O, around: Surroundings) -> MoverSource:
        """Open a source; connecting may wait for its first call.

        Raises:
            TransferError: `source_logon_failed`, `source_unreachable`, ...
        """
        raise TypeError(f"{type(self).__name__} does not say how it opens a source.")
