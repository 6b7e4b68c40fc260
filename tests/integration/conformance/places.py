"""Destinations of the conformance suite, seen from behind: what stands there, told by others.

A `Destination` is one kind of storage with its server; a `Place` is a fresh root on it. To add a
kind, write its `Destination` and name it in `kinds.py`. The suite itself uses nothing but
`transfers/base.py` and this file.
"""

import asyncio
import json
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.base import Storage
from app.transfers.file_server import FileServer

INSTALLATION = "0123456789abcdef0123456789abcdef"
OWN = b".streamweave"
# rclone takes control pictures and characters for one another, and doubles its quoting mark.
RCLONE_CHANGES = frozenset({"control pictures", "control characters", "newline and tab"})


@dataclass(frozen=True)
class Door:
    """How a storage is opened; everything has a right value when it is not given."""

    worker: str = "worker-1"
    installation: str = INSTALLATION
    secret: str | None = None
    host: str | None = None
    port: int | None = None
    root: str | None = None
    host_key: str | None = None
    timeout_seconds: float = 20.0


class Place(ABC):
    """A fresh root with a sentinel. Paths are those that the engine uses."""

    def __init__(self) -> None:
        self.sentinel = uuid.uuid4()

    async def prepare(self) -> None:
        """Put the sentinel there."""
        text = json.dumps({"storage": str(self.sentinel)}).encode()
        await self.put(OWN + b"/sentinel.json", text)

    @abstractmethod
    def open(self, door: Door = Door()) -> Storage:
        """Return a new storage object on this root."""

    @abstractmethod
    async def put(self, path: bytes, content: bytes) -> None:
        """Put an object there, behind the storage's back; its folders are made."""

    @abstractmethod
    async def content(self, path: bytes) -> bytes | None:
        """Return what stands at exactly this name; None for nothing."""

    @abstractmethod
    async def remove(self, path: bytes) -> None:
        """Remove an object."""

    @abstractmethod
    async def paths(self) -> set[bytes]:
        """Return the names of all objects below the root, as the storage's paths."""


class Destination(ABC):
    """One kind of storage."""

    name: str
    refuses_overwrite: bool  # in one step, by itself
    is_durable: bool
    # Whether two who come at the same moment are kept apart: a test's server may not be.
    keeps_racers_apart = True
    names_it_changes: frozenset[str] = frozenset()  # of test_names, on its disk, where none can see

    tells_full = True  # in a way that can be understood
    name_errors = frozenset({"storage_name_refused"})  # what is said of names it cannot hold
    holds_large = True  # 5 GiB
    shows_times_late = False  # another modification time until an upload ended
    missing = ""  # why this machine cannot run it

    @abstractmethod
    def start(self) -> None:
        """Start its server, if it has one; again after `kill`, at the same address."""

    @abstractmethod
    def close(self) -> None:
        """End everything."""

    @abstractmethod
    def place(self) -> Place:
        """Make a fresh root."""


class Server(ABC):
    """What a destination with a server can do besides; mixed into its `Destination`."""

    denied_codes = frozenset({"storage_permission_denied", "storage_read_only"})
    wrong_password_code = "storage_logon_failed"
    share_missing_door: Door

    @property
    @abstractmethod
    def port(self) -> int:
        """Where it listens."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""

    @abstractmethod
    def freeze(self) -> None:
        """Let it fall silent with all connections open."""

    @abstractmethod
    def thaw(self) -> None:
        """Let it go on."""

    @abstractmethod
    def refused_logons(self) -> int:
        """Return how many log-ons it has refused so far."""

    @abstractmethod
    def read_only_place(self) -> Place:
        """Make a fresh root that this server lets nobody write to."""


class FolderPlace(Place):
    """A root that is a folder of this machine, whoever serves it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir(parents=True)

    def on_disk(self, path: bytes) -> bytes:
        """Return the path under which the server keeps a path."""
        return path

    def from_disk(self, path: bytes) -> bytes:
        """Return the path that the server keeps under a path."""
        return path

    def _file(self, path: bytes) -> Path:
        return self.folder / os_text(self.on_disk(path))

    async def put(self, path: bytes, content: bytes) -> None:
        """Write it."""
        file = self._file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    async def content(self, path: bytes) -> bytes | None:
        """Read it."""
        file = self._file(path)
        return file.read_bytes() if file.is_file() else None

    async def remove(self, path: bytes) -> None:
        """Unlink it."""
        self._file(path).unlink()

    async def paths(self) -> set[bytes]:
        """Walk."""
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        kept = [bytes(file.relative_to(self.folder)) for file in files]
        return {self.from_disk(path) for path in kept}


class CachedPlace(FolderPlace):
    """A folder behind rclone, which keeps listings for a moment: what is put is waited for."""

    @abstractmethod
    def files(self) -> FileServer:
        """Return a view of the server."""

    async def put(self, path: bytes, content: bytes) -> None:
        """Write it, and wait until the server shows it."""
        await super().put(path, content)
        await self._shown(path, len(content))

    async def remove(self, path: bytes) -> None:
        """Unlink it, and wait until the server does not show it."""
        await super().remove(path)
        await self._shown(path, None)

    async def _shown(self, path: bytes, size: int | None) -> None:
        files = self.files()
        try:
            async with asyncio.timeout(20):
                while await self._size(files, path) != size:  # noqa: ASYNC110  it tells nobody
                    await asyncio.sleep(0.01)
        finally:
            await files.close()

    async def _size(self, files: FileServer, path: bytes) -> int | None:
        try:
            found = await files.stat(path)
        except StreamWeaveError as error:
            if error.code != "storage_share_missing":
                raise
            files.renew()  # the root itself is new, and not shown yet
            return None
        return None if found is None else found.size_bytes


def os_text(path: bytes) -> str:
    """Return a path as Python's file functions want it."""
    return path.decode("utf-8", "surrogateescape")
