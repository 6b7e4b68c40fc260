"""What a file server must be asked for, whatever its protocol: the floor under `served`.

One file a protocol implements `FileServer`. Paths are relative to the storage's root, `/` between
parts. Each call has an end (`storage_stalled`), raises only catalogued errors, and makes the
connection again where it broke before. `storage_object_missing` means that nothing stands at the
path, or that its folder is missing.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.errors import StreamWeaveError
from app.transfers.base import Space
from app.transfers.paths import display


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a file server is, and who asks.

    `root` is the path of the storage's root there (SMB: `share/folder`), `url` replaces host and
    port for HTTP. `secret_kind` is `password` or `private_key`. `options` are the protocol's own:
    `domain` and `encrypt` (SMB), `ca` (WebDAV: certificates to trust, PEM).
    """

    host: str = ""
    port: int | None = None
    url: str = ""
    root: str = ""
    username: str = ""
    secret: str = field(default="", repr=False)
    secret_kind: str = "password"
    host_key: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at a path. `mark` is what the protocol has that tells objects apart, or empty."""

    size_bytes: int
    mtime_seconds: int
    mark: str = ""
    is_folder: bool = False


class Listed(NamedTuple):
    """One name in a folder."""

    name: bytes
    is_folder: bool
    size_bytes: int


class Reading(Protocol):
    """An object that was opened for reading; `standing` was asked of this very opening."""

    standing: Standing

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the bytes that it was opened for; stops at the object's end."""
        ...


class Writing(Protocol):
    """An object that is being written; its calls come one after the other."""

    async def write(self, block: bytes) -> None:
        """Append a block."""
        ...

    async def finish(self, mtime_ns: int) -> Standing:
        """Set the time, flush to the server's disk where the protocol can, close."""
        ...

    async def abandon(self) -> None:
        """Close it; what stands is removed by the caller."""
        ...


class FileServer(Protocol):
    """A file server at one root."""

    kind: str
    place: str  # for people: no secret in it
    is_durable: bool  # a finished object survives the server's loss of power; known once written
    refuses_in_one_step: bool  # a rename that finds the name taken, also by one who came with it
    appends: bool  # otherwise each batch has a journal object of its own

    def check_path(self, path: bytes) -> None:
        """Raise `storage_name_refused` for a path that cannot be carried exactly."""
        ...

    def renew(self) -> None:
        """Allow one more log-on after a refused one."""
        ...

    async def stat(self, path: bytes) -> Standing | None:
        """Ask the server about a path, links not followed; None for nothing."""
        ...

    async def list_folder(self, path: bytes) -> Sequence[Listed]:
        """Return all names in a folder."""
        ...

    async def make_folder(self, path: bytes) -> None:
        """Make one folder; one that exists is fine."""
        ...

    async def put(self, path: bytes, content: bytes, mtime_ns: int) -> Standing:
        """Write a small object whole, as `create`, `write` and `finish` do."""
        ...

    async def create(self, path: bytes, size_bytes: int) -> Writing:
        """Begin an object of which `size_bytes` are expected, emptying one that stands there."""
        ...

    def open(
        self, path: bytes, offset: int = 0, size_bytes: int | None = None
    ) -> AbstractAsyncContextManager[Reading]:
        """Open an object for reading all of it, or `size_bytes` from `offset`."""
        ...

    async def rename_if_free(self, old: bytes, new: bytes) -> Standing | None:
        """Rename unless `new` exists: then None. Whether the server refuses is found by a probe."""
        ...

    async def remove(self, path: bytes) -> None:
        """Remove an object; none there is fine."""
        ...

    async def sync(self, path: bytes) -> None:
        """Flush an object that stands, as far as the protocol can."""
        ...

    async def sync_names(self, folder: bytes) -> None:
        """Flush the names in a folder, as far as the protocol can."""
        ...

    async def append(self, path: bytes, lines: bytes) -> None:
        """Append to an object (made when missing) and flush; a torn last line is ended first."""
        ...

    async def space(self) -> Space | None:
        """Return the space at the root; None where nobody can tell."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def must_stand(found: Standing | None, path: bytes) -> Standing:
    """Return what was found.

    Raises:
        StreamWeaveError: `storage_object_missing` when nothing was.
    """
    if found is None:
        raise StreamWeaveError("storage_object_missing", display(path))
    return found
