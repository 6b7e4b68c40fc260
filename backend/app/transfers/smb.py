"""SMB without a mount: a share's folder as a file server (CIFS destinations).

A small file is one frame: create, write, set the time, flush, close. Publishing is a second name
that the server refuses when it exists. The object's identity is what the server tells of its place
on the disk (QFid), so it survives the rename and no other object has it. DFS is not followed.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Literal

from smbprotocol.exceptions import (  # type: ignore[import-untyped]
    SMBAuthenticationError,
    SMBConnectionClosed,
    SMBException,
    SMBResponseException,
)

from app.errors import StreamWeaveError
from app.transfers import smb_messages as messages
from app.transfers.base import Space
from app.transfers.file_server import Listed, Reading, ServerAddress, Standing, Writing
from app.transfers.line import LISTING_SECONDS, Line, network_error
from app.transfers.smb_errors import (
    CANNOT_FLUSH,
    CANNOT_LINK,
    END_OF_FILE,
    NAME_COLLISION,
    NO_MORE_FILES,
    SmbRefused,
    error_of,
)
from app.transfers.smb_logon import PORT, log_on
from app.transfers.smb_messages import Opened, Part, Reply
from app.transfers.smb_names import from_server, to_server
from app.transfers.smb_wire import LoggedOn, Wire

_SMALL_BYTES = 64 << 10  # one credit: fits into a compound
_FLUSH_EVERY = 64 << 20  # or the flush of a large file would be silent for minutes
_LISTING_BYTES = 256 << 10
_READ = messages.READ_DATA | messages.READ_ATTRIBUTES
_WRITE = messages.WRITE_DATA | messages.READ_ATTRIBUTES | messages.WRITE_ATTRIBUTES
_RENAME = messages.DELETE | messages.READ_ATTRIBUTES
_NAMES = messages.WRITE_DATA | messages.READ_ATTRIBUTES  # of a folder: to add files to it


class _Connector:
    raises: tuple[type[Exception], ...] = (OSError, SMBException, SmbRefused, ValueError)

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    async def connect(self) -> Wire:
        logging_on = asyncio.get_running_loop().run_in_executor(None, log_on, self._address)
        try:
            wire = Wire(await asyncio.shield(logging_on))
        except asyncio.CancelledError:
            logging_on.add_done_callback(_hang_up)
            raise
        await wire.start()
        return wire

    def is_open(self, session: Wire) -> bool:
        return session.is_open

    def cut(self, session: Wire) -> None:
        session.cut()

    def error(self, raised: Exception, step: str) -> StreamWeaveError:
        if isinstance(raised, SmbRefused | SMBResponseException):
            error = error_of(int(raised.status), step)
            if step == "connecting" and error.code == "storage_object_missing":
                return StreamWeaveError("storage_share_missing", error.detail)
            return error
        if isinstance(raised, SMBAuthenticationError):
            return StreamWeaveError("storage_logon_failed", f"{step}: {raised}")
        if isinstance(raised, SMBConnectionClosed):
            return StreamWeaveError("storage_connection_lost", f"{step}: {raised}")
        if isinstance(raised, OSError):
            return network_error(raised, step)
        return StreamWeaveError("storage_error", f"{step}: {raised}")


def _hang_up(logging_on: "asyncio.Future[LoggedOn]") -> None:
    """Nobody waits for this log-on any more."""
    if not logging_on.cancelled() and logging_on.exception() is None:
        logging_on.result().socket.close()


class SmbFiles:
    """The files of a share below one folder."""

    kind = "smb"
    appends = True
    is_durable = True  # every file is flushed by its own handle, or its copy fails
    refuses_in_one_step = True  # until a server has no links

    def __init__(self, address: ServerAddress) -> None:
        root = address.root.replace("\\", "/").strip("/")
        self.place = f"smb://{address.host}:{address.port or PORT}/{root}"
        self._root = to_server(root.partition("/")[2].encode())
        self._line: Line[Wire] = Line(_Connector(address), self.place, address.timeout_seconds)

    def renew(self) -> None:
        """Allow one more log-on after a refused one."""
        self._line.renew()

    def check_path(self, path: bytes) -> None:
        """Refuse names that Windows cannot hold, or that would not come back as they were."""
        to_server(path)

    def _at(self, path: bytes) -> str:
        return "\\".join(part for part in (self._root, to_server(path)) if part)

    async def _do(self, step: str, *parts: Part, seconds: float | None = None) -> list[Reply]:
        """Send a compound that ends with a close; the first refusal is raised."""
        return await self._line.call(step, lambda wire: _compound(wire, *parts), seconds=seconds)

    async def stat(self, path: bytes) -> Standing | None:
        """Ask about a path."""
        link = messages.OPEN_LINK_ITSELF
        part = messages.create(self._at(path), messages.READ_ATTRIBUTES, messages.OPEN, link)
        try:
            replies = await self._do("looking", part, messages.close())
        except StreamWeaveError as error:
            if error.code == "storage_object_missing":
                return None
            raise
        return _standing(messages.opened(replies[0]))

    async def list_folder(self, path: bytes) -> Sequence[Listed]:
        """Return all names in a folder."""
        folder = messages.FOLDER_ONLY
        part = messages.create(self._at(path), messages.READ_DATA, messages.OPEN, folder)
        listed: list[Listed] = []

        async def listing(wire: Wire) -> None:
            (reply,) = await _compound(wire, part)
            handle = messages.opened(reply).handle
            size = min(wire.block_bytes, _LISTING_BYTES)
            try:
                while True:
                    (reply,) = await wire.exchange(messages.list_names(size, handle))
                    if reply.status == NO_MORE_FILES:
                        return
                    for item in messages.names_of(_granted(reply)):
                        name = from_server(item.name)
                        listed.append(Listed(name, item.is_folder, item.size_bytes))
            finally:
                await wire.exchange(messages.close(handle))

        await self._line.call("listing", listing, seconds=LISTING_SECONDS)
        return listed

    async def make_folder(self, path: bytes) -> None:
        """Make one folder."""
        folder = messages.FOLDER_ONLY
        part = messages.create(self._at(path), messages.READ_ATTRIBUTES, messages.OPEN_IF, folder)
        await self._do("making a folder", part, messages.close())

    async def put(self, path: bytes, content: bytes, mtime_ns: int) -> Standing:
        """Write a small file in one frame."""
        if len(content) > _SMALL_BYTES:
            return await self._put_in_steps(path, content, mtime_ns)
        replies = await self._do(
            "writing",
            messages.create(self._at(path), _WRITE, messages.OVERWRITE_IF, messages.FILE_ONLY),
            *([messages.write(0, content)] if content else []),
            messages.set_mtime(mtime_ns),
            messages.flush(),
            messages.close(),
        )
        if content and messages.written(replies[1]) != len(content):
            raise StreamWeaveError("storage_error", "writing: not all was written")
        return _after(messages.opened(replies[0]), replies[-1])

    async def _put_in_steps(self, path: bytes, content: bytes, mtime_ns: int) -> Standing:
        writing = await self.create(path, len(content))
        try:
            await writing.write(content)
            return await writing.finish(mtime_ns)
        except StreamWeaveError:
            with contextlib.suppress(StreamWeaveError):  # what failed first is told
                await writing.abandon()
            raise

    async def create(self, path: bytes, size_bytes: int) -> Writing:
        """Begin a file."""
        part = messages.create(self._at(path), _WRITE, messages.OVERWRITE_IF, messages.FILE_ONLY)
        wire = await self._line.session()
        (reply,) = await self._line.on(wire, "creating", lambda w: _compound(w, part))
        return _SmbWriting(self._line, wire, messages.opened(reply))

    @contextlib.asynccontextmanager
    async def open(
        self, path: bytes, offset: int = 0, size_bytes: int | None = None
    ) -> AsyncIterator[Reading]:
        """Open a file; its beginning comes with the opening."""
        wire = await self._line.session()
        part = messages.create(self._at(path), _READ, messages.OPEN, messages.FILE_ONLY)
        most = _SMALL_BYTES if size_bytes is None else min(size_bytes, _SMALL_BYTES)
        first = messages.read(offset, most)

        async def opening(wire: Wire) -> tuple[Opened, bytes]:
            replies = await wire.exchange(part, first)
            opened = messages.opened(_granted(replies[0]))
            try:
                return opened, _content(replies[1])
            except SmbRefused:
                await wire.exchange(messages.close(opened.handle))
                raise

        opened, content = await self._line.on(wire, "opening", opening)
        try:
            end = opened.size_bytes if size_bytes is None else offset + size_bytes
            span = range(offset, min(end, opened.size_bytes))
            yield _SmbReading(self._line, wire, opened, content, span)
        finally:
            with contextlib.suppress(StreamWeaveError):  # nothing was written by it
                close = messages.close(opened.handle)
                await self._line.on(wire, "closing", lambda w: w.exchange(close))

    async def rename_if_free(self, old: bytes, new: bytes) -> Standing | None:
        """Give a file a second name, which the server refuses when it exists, and drop the first.

        Not by a rename: samba looks for the new name and then renames, and a second client that
        does the same at the same time is overwritten. It is done where there are no links.
        """
        if self.refuses_in_one_step:
            linked = await self._name(old, messages.link(self._at(new)), CANNOT_LINK)
            if linked is not False:
                if linked is not None:
                    await self.remove(old)
                return linked
            self.refuses_in_one_step = False
        renamed = await self._name(old, messages.rename(self._at(new)), frozenset())
        return renamed or None

    async def _name(
        self, old: bytes, name: Part, unknown: frozenset[int]
    ) -> Standing | Literal[False] | None:
        """Set a name; None when something has it, False when the server does not do this."""
        part = messages.create(self._at(old), _RENAME, messages.OPEN, messages.FILE_ONLY)

        async def naming(wire: Wire) -> Standing | Literal[False] | None:
            replies = await wire.exchange(part, name, messages.close())
            opened = messages.opened(_granted(replies[0]))
            await _closed(wire, opened, replies[-1])
            status = replies[1].status
            if status == NAME_COLLISION:
                return None
            if status in unknown:
                return False
            _granted(replies[1])
            return _after(opened, replies[-1])

        return await self._line.call("publishing", naming)

    async def remove(self, path: bytes) -> None:
        """Remove a file."""
        options = messages.FILE_ONLY | messages.DELETE_ON_CLOSE | messages.OPEN_LINK_ITSELF
        part = messages.create(self._at(path), messages.DELETE, messages.OPEN, options)
        try:
            await self._do("removing", part, messages.close())
        except StreamWeaveError as error:
            if error.code != "storage_object_missing":
                raise

    async def sync(self, path: bytes) -> None:
        """Flush a file that stands."""
        part = messages.create(self._at(path), _WRITE, messages.OPEN, messages.FILE_ONLY)
        await self._do("flushing", part, messages.flush(), messages.close())

    async def sync_names(self, folder: bytes) -> None:
        """Flush a folder's names, where the server can."""
        part = messages.create(self._at(folder), _NAMES, messages.OPEN, messages.FOLDER_ONLY)

        async def flushing(wire: Wire) -> None:
            with contextlib.suppress(_CannotFlush):
                await _compound(wire, part, messages.flush(), messages.close())

        await self._line.call("flushing a folder", flushing)

    async def append(self, path: bytes, lines: bytes) -> None:
        """Append and flush."""
        access = _WRITE | messages.READ_DATA
        part = messages.create(self._at(path), access, messages.OPEN_IF, messages.FILE_ONLY)

        async def appending(wire: Wire) -> None:
            (reply,) = await _compound(wire, part)
            handle, end, *_ = messages.opened(reply)
            try:
                torn = False
                if end:
                    (last,) = await wire.exchange(messages.read(end - 1, 1, handle))
                    torn = _content(last) != b"\n"
                await _write(wire, handle, end, b"\n" + lines if torn else lines)
                (flushed,) = await wire.exchange(messages.flush(handle))
                _granted(flushed)
            finally:
                await wire.exchange(messages.close(handle))

        await self._line.call("writing the journal", appending)

    async def space(self) -> Space | None:
        """Return the space of the share for this account."""
        replies = await self._do(
            "asking for the free space",
            messages.create(self._root, messages.READ_ATTRIBUTES, messages.OPEN),
            messages.query_space(),
            messages.close(),
        )
        return Space(*messages.space_of(replies[1]))

    async def close(self) -> None:
        """Close the connection."""
        self._line.close()


class _SmbWriting:
    """A file that is being written."""

    def __init__(self, line: Line[Wire], wire: Wire, opened: Opened) -> None:
        self._line = line
        self._wire = wire
        self._opened = opened
        self._written = 0
        self._flushed = 0
        self._is_open = True

    async def write(self, block: bytes) -> None:
        """Append a block."""
        handle = self._opened.handle

        async def writing(wire: Wire) -> None:
            await _write(wire, handle, self._written, block)
            self._written += len(block)
            if self._written - self._flushed >= _FLUSH_EVERY:
                _granted((await wire.exchange(messages.flush(handle)))[0])
                self._flushed = self._written

        await self._line.on(self._wire, "writing", writing)

    async def finish(self, mtime_ns: int) -> Standing:
        """Set the time, flush, close: in one frame."""
        handle = self._opened.handle
        parts = messages.set_mtime(mtime_ns, handle), messages.flush(), messages.close()

        async def finishing(wire: Wire) -> Standing:
            replies = await wire.exchange(*parts)
            self._is_open = replies[-1].status != 0
            for reply in replies:
                _granted(reply)
            return _after(self._opened, replies[-1])

        return await self._line.on(self._wire, "finishing", finishing)

    async def abandon(self) -> None:
        """Close it."""
        if self._is_open:
            self._is_open = False
            close = messages.close(self._opened.handle)
            await self._line.on(self._wire, "closing", lambda wire: wire.exchange(close))


class _SmbReading:
    """A file that was opened for reading; the first bytes came with the opening."""

    def __init__(
        self, line: Line[Wire], wire: Wire, opened: Opened, first: bytes, span: range
    ) -> None:
        self.standing = _standing(opened)
        self._line = line
        self._wire = wire
        self._handle = opened.handle
        self._first = first
        self._span = span

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes."""
        offset, end, chunk = self._span.start, self._span.stop, self._first
        while offset < end:
            chunk = chunk[: end - offset] or await self._read(offset, end - offset)
            if not chunk:
                return
            yield chunk
            offset, chunk = offset + len(chunk), b""

    async def _read(self, offset: int, left: int) -> bytes:
        async def reading(wire: Wire) -> bytes:
            size = min(wire.block_bytes, left)
            (reply,) = await wire.exchange(messages.read(offset, size, self._handle))
            return _content(reply)

        return await self._line.on(self._wire, "reading", reading)


class _CannotFlush(SmbRefused):
    """The server has no flush for this."""


def _granted(reply: Reply) -> Reply:
    if reply.status != 0:
        raise SmbRefused(reply.status)
    return reply


async def _compound(wire: Wire, *parts: Part) -> list[Reply]:
    """Send messages of which the first opens; close what a refusal left open."""
    replies = await wire.exchange(*parts)
    if replies[0].status == 0 and parts[-1].command == messages.CLOSE:
        await _closed(wire, messages.opened(replies[0]), replies[-1])
    for part, reply in zip(parts, replies, strict=True):
        if part.command == messages.FLUSH and reply.status in CANNOT_FLUSH:
            raise _CannotFlush(reply.status)
        _granted(reply)
    return replies


async def _closed(wire: Wire, opened: Opened, reply: Reply) -> None:
    """Close by itself what a compound could not close."""
    if reply.status != 0:
        await wire.exchange(messages.close(opened.handle))


async def _write(wire: Wire, handle: bytes, offset: int, content: bytes) -> None:
    """Write all of it, in blocks that are on their way at once."""
    size = wire.block_bytes
    starts = range(0, len(content), size)
    parts = [messages.write(offset + at, content[at : at + size], handle) for at in starts]
    answers = await asyncio.gather(*(wire.exchange(part) for part in parts))
    done = sum(messages.written(_granted(reply)) for (reply,) in answers)
    if done != len(content):
        raise StreamWeaveError("storage_error", "writing: not all was written")


def _content(reply: Reply) -> bytes:
    return b"" if reply.status == END_OF_FILE else messages.data_of(_granted(reply))


def _standing(opened: Opened) -> Standing:
    return Standing(opened.size_bytes, opened.mtime_seconds, opened.identity, opened.is_folder)


def _after(opened: Opened, reply: Reply) -> Standing:
    """What stands after a file was written or renamed, as its closing says."""
    closed = messages.closed(_granted(reply))
    return Standing(closed.size_bytes, closed.mtime_seconds, opened.identity)
