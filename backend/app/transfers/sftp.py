"""SFTP by packets of our own: one connection, requests of many files on their way at once.

Names are bytes. Written by OPEN and WRITE, flushed by fsync@openssh.com where the server offers it,
renamed by RENAME, never posix-rename. The protocol has no identity of a file: size and time stand
for it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from app.errors import StreamWeaveError
from app.transfers.base import Space
from app.transfers.file_server import (
    Listed,
    Reading,
    ServerAddress,
    Standing,
    Writing,
    must_have_become,
)
from app.transfers.line import BROKEN, LISTING_SECONDS, Line
from app.transfers.paths import join
from app.transfers.sftp_channel import PORT, SftpConnector
from app.transfers.sftp_session import SftpSession
from app.transfers.sftp_wire import (
    AT_END,
    CREATING,
    FOR_READING,
    FOR_WRITING,
    TRUNCATING,
    UNSUPPORTED,
    Attributes,
    Refused,
    VfsSpace,
    data,
)

T = TypeVar("T")
_BLOCK = 1 << 20
_AHEAD_BYTES = 2 << 20  # of a file on their way; an SSH channel's window holds no more
_FLUSH_EVERY = 64 << 20  # or the flush of a large file would be silent for minutes
_LONGEST_NAME = 255
_LAST_SECOND = 0xFFFFFFFF  # version 3 says times in 32 bits
_NEW = FOR_WRITING | CREATING | TRUNCATING
_APPEND = FOR_READING | FOR_WRITING | CREATING


class SftpFiles:
    """The files of an SFTP server below one folder."""

    kind = "sftp"
    refuses_in_one_step = True  # OpenSSH's plain rename is a link; others are probed
    appends = True

    def __init__(self, address: ServerAddress) -> None:
        self.place = f"sftp://{address.host}:{address.port or PORT}/{address.root.lstrip('/')}"
        self.is_durable = False
        self._root = address.root.encode().rstrip(b"/") or (b"/" if address.root else b".")
        self._connector = SftpConnector(address)
        self._line: Line[SftpSession] = Line(self._connector, self.place, address.timeout_seconds)

    def renew(self) -> None:
        """Allow one more log-on after a refused one."""
        self._line.renew()

    def check_path(self, path: bytes) -> None:
        """Refuse names that hardly any server holds; there is no way to ask."""
        if any(len(part) > _LONGEST_NAME for part in path.split(b"/")):
            raise StreamWeaveError("storage_name_refused", f"More than {_LONGEST_NAME} bytes.")

    def at(self, path: bytes) -> bytes:
        """Return the path as the server is asked for it."""
        return join(self._root, path) if path else self._root

    async def stat(self, path: bytes) -> Standing | None:
        """Ask about a path."""
        try:
            found = await self._line.call("looking", lambda s: s.lstat(self.at(path)))
        except StreamWeaveError as error:
            if error.code == "storage_object_missing":
                return None
            raise
        return _standing(found)

    async def list_folder(self, path: bytes) -> Sequence[Listed]:
        """Return all names in a folder."""
        listed: list[Listed] = []

        async def listing(session: SftpSession) -> None:
            async with contextlib.aclosing(session.names(self.at(path))) as names:
                async for name, found in names:
                    if name not in (b".", b".."):
                        listed.append(Listed(name, found.is_folder, found.size_bytes))

        await self._line.call("listing", listing, seconds=LISTING_SECONDS)
        return listed

    async def make_folder(self, path: bytes) -> None:
        """Make one folder."""
        try:
            await self._line.call("making a folder", lambda s: s.make_folder(self.at(path)))
        except StreamWeaveError:
            found = await self.stat(path)
            if found is None or not found.is_folder:
                raise

    async def put(self, path: bytes, content: bytes, mtime_ns: int) -> Standing:
        """Write a small file."""
        writing = await self._begin(path)
        try:
            if content:
                await writing.write(content)
            return await writing.finish(mtime_ns)
        except StreamWeaveError:
            with contextlib.suppress(StreamWeaveError):  # what failed first is told
                await writing.abandon()
            raise

    async def create(self, path: bytes, size_bytes: int) -> Writing:
        """Begin a file."""
        return await self._begin(path)

    async def _begin(self, path: bytes) -> "_SftpWriting":
        session = await self._line.session()
        handle = await self.on(session, "creating", lambda s: s.open(self.at(path), _NEW))
        return _SftpWriting(self, session, handle, self.at(path))

    async def on(
        self, session: SftpSession, step: str, work: Callable[[SftpSession], Awaitable[T]]
    ) -> T:
        """Do something with a handle, on its connection; words for a failure without a reason."""
        try:
            return await self._line.on(session, step, work)
        except StreamWeaveError as error:
            if error.code != "storage_error":
                raise
            raise await self._reason(error) from error

    async def _reason(self, error: StreamWeaveError) -> StreamWeaveError:
        """Look whether a failed write that has no reason can be explained by the file system."""
        try:
            found = await self._statvfs()
        except StreamWeaveError:
            return error  # it cannot be explained
        if found is not None and found.usable * found.block_bytes < _BLOCK:
            return StreamWeaveError("storage_full", error.detail)
        if found is not None and found.is_read_only:
            return StreamWeaveError("storage_read_only", error.detail)
        return error

    @contextlib.asynccontextmanager
    async def open(
        self, path: bytes, offset: int = 0, size_bytes: int | None = None
    ) -> AsyncIterator[Reading]:
        """Open a file for reading."""
        session = await self._line.session()
        handle = await self._line.on(
            session, "opening", lambda s: s.open(self.at(path), FOR_READING)
        )
        try:
            most = session.read_bytes if size_bytes is None else min(session.read_bytes, size_bytes)
            # The beginning is asked for at once: most files have no more.
            first = session.read(handle, offset, most) if most else None
            found = await self._line.on(session, "looking", lambda s: s.fstat(handle))
            standing = _standing(found)
            end = standing.size_bytes if size_bytes is None else offset + size_bytes
            span = range(offset, min(end, standing.size_bytes))
            yield _SftpReading(self, session, handle, standing, (span, first))
        finally:
            with contextlib.suppress(StreamWeaveError):  # nothing was written by it
                await self._line.on(session, "closing", lambda s: s.close(handle))

    async def rename_if_free(self, old: bytes, new: bytes) -> Standing | None:
        """Rename by FXP_RENAME; version 3 has no code for "exists", so it is looked at."""
        try:
            await self._line.call("renaming", lambda s: s.rename(self.at(old), self.at(new)))
        except StreamWeaveError as error:
            if error.code in BROKEN or error.code == "storage_object_missing":
                raise
            if await self.stat(new) is None:
                raise
            return None
        return must_have_become(await self.stat(new), new)

    async def remove(self, path: bytes) -> None:
        """Remove a file."""
        try:
            await self._line.call("removing", lambda s: s.remove(self.at(path)))
        except StreamWeaveError as error:
            if error.code != "storage_object_missing":
                raise

    async def sync(self, path: bytes) -> None:
        """Flush a file that stands."""

        async def flushing(session: SftpSession) -> None:
            async with _opened(session, self.at(path), FOR_READING | FOR_WRITING) as handle:
                await self.flush(session, handle)

        await self._line.call("flushing", flushing)

    async def sync_names(self, folder: bytes) -> None:
        """Flush a folder's names where the server opens folders as files, as OpenSSH does."""

        async def flushing(session: SftpSession) -> None:
            try:
                handle = await session.open(self.at(folder), FOR_READING)
            except Refused:
                return  # it does not: its names are the server's affair
            try:
                await session.flush(handle)
            finally:
                await session.close(handle)

        if self.is_durable:
            await self._line.call("flushing a folder", flushing)

    async def append(self, path: bytes, lines: bytes) -> None:
        """Append and flush.

        Raises:
            StreamWeaveError: `storage_error` when the server cannot flush. Such servers often write
                from the start to the end only (rclone's waits a second for what is missing before
                it refuses, and all other answers with it), or stand before an object store.
        """

        async def appending(session: SftpSession) -> None:
            async with _opened(session, self.at(path), _APPEND) as handle:
                end = (await session.fstat(handle)).size_bytes
                last = bytes(data(await session.read(handle, end - 1, 1))) if end else b"\n"
                added = lines if last == b"\n" else b"\n" + lines
                size = session.write_bytes
                for start in range(0, len(added), size):
                    await session.write(handle, end + start, added[start : start + size])
                await self.flush(session, handle)

        session = await self._line.session()
        if not session.flushes:
            raise StreamWeaveError("storage_error", "writing the journal: the server cannot flush.")
        await self.on(session, "writing the journal", appending)

    async def flush(self, session: SftpSession, handle: bytes) -> None:
        """Flush an open file where the server offers it, and remember whether it does."""
        if not session.flushes:
            self.is_durable = False
            return
        try:
            await session.flush(handle)
        except Refused as refused:
            if refused.code != UNSUPPORTED:
                raise
            self.is_durable = False
        else:
            self.is_durable = True

    async def space(self) -> Space | None:
        """Return the space, where the server knows statvfs@openssh.com."""
        found = await self._statvfs()
        if found is None:
            return None
        usable = found.blocks - found.free + found.usable
        return Space(found.block_bytes * usable, found.block_bytes * found.usable)

    async def _statvfs(self) -> VfsSpace | None:
        async def ask(session: SftpSession) -> VfsSpace | None:
            try:
                return await session.space(self._root)
            except Refused as refused:
                if refused.code == UNSUPPORTED:
                    return None
                raise

        return await self._line.call("asking for the free space", ask)

    async def close(self) -> None:
        """Close the connection."""
        self._line.close()
        await self._connector.close()


@contextlib.asynccontextmanager
async def _opened(session: SftpSession, path: bytes, flags: int) -> AsyncIterator[bytes]:
    """A handle for the length of a block."""
    handle = await session.open(path, flags)
    try:
        yield handle
    finally:
        await session.close(handle)


class _SftpWriting:
    """A file that is being written."""

    def __init__(self, files: SftpFiles, session: SftpSession, handle: bytes, path: bytes) -> None:
        self._files = files
        self._session = session
        self._handle = handle
        self._path = path
        self._written = 0
        self._flushed = 0
        self._leaving: deque[asyncio.Future[bytes]] = deque()

    async def write(self, block: bytes) -> None:
        """Append a block; an error may be told at the next call."""
        await self._files.on(self._session, "writing", lambda s: self._write(s, block))

    async def _write(self, session: SftpSession, block: bytes) -> None:
        size, view = session.write_bytes, memoryview(block)
        for start in range(0, len(block), size):
            piece = view[start : start + size]
            self._leaving.append(session.write(self._handle, self._written + start, piece))
        self._written += len(block)
        await self._arrived(max(_AHEAD_BYTES // size, 1))
        if self._written - self._flushed >= _FLUSH_EVERY:
            await self._arrived(0)
            await self._files.flush(session, self._handle)
            self._flushed = self._written

    async def _arrived(self, left: int) -> None:
        """Wait until no more than so many pieces are on their way."""
        while len(self._leaving) > left:
            await self._leaving.popleft()

    async def finish(self, mtime_ns: int) -> Standing:
        """Set the time, flush, close."""
        seconds = min(max(mtime_ns // 10**9, 0), _LAST_SECOND)
        # Who has OpenSSH's extension answers in order; others get confused by a full pipe.
        finish = self._finish_at_once if self._files.is_durable else self._finish_in_steps
        found = await self._files.on(self._session, "finishing", lambda s: finish(s, seconds))
        return _standing(found)

    async def _finish_at_once(self, session: SftpSession, seconds: int) -> Attributes:
        await self._arrived(0)
        setting = session.set_times_of(self._handle, seconds)
        flushing = session.flush(self._handle)
        found = await session.fstat(self._handle)
        await setting
        await flushing
        await session.close(self._handle)
        return found

    async def _finish_in_steps(self, session: SftpSession, seconds: int) -> Attributes:
        """Some servers know a file's name only when it was closed."""
        await self._arrived(0)
        await self._files.flush(session, self._handle)
        await session.close(self._handle)
        await session.set_times(self._path, seconds)
        return await session.lstat(self._path)

    async def abandon(self) -> None:
        """Close it."""
        await self._files.on(self._session, "closing", lambda s: s.close(self._handle))


class _SftpReading:
    """A file that was opened for reading."""

    def __init__(
        self,
        files: SftpFiles,
        session: SftpSession,
        handle: bytes,
        standing: Standing,
        begun: tuple[range, asyncio.Future[bytes] | None],
    ) -> None:
        self.standing = standing
        self._files = files
        self._session = session
        self._handle = handle
        span, first = begun
        self._asked, self._end = span.start, span.stop
        self._pieces: deque[tuple[range, asyncio.Future[bytes]]] = deque()
        if first is not None and span:
            self._expect(session.read_bytes, first)

    def _expect(self, most_bytes: int, piece: asyncio.Future[bytes]) -> None:
        stop = min(self._asked + most_bytes, self._end)
        self._pieces.append((range(self._asked, stop), piece))
        self._asked = stop

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes, the next ones on their way meanwhile."""
        while self._pieces or self._asked < self._end:
            chunk = await self._files.on(self._session, "reading", self._block)
            if not chunk:
                return
            yield chunk

    async def _block(self, session: SftpSession) -> bytes:
        most, size = session.read_bytes, 0
        came: list[bytes | memoryview] = []
        while size < _BLOCK:
            while self._asked < self._end and len(self._pieces) * most < _AHEAD_BYTES:
                asked = min(most, self._end - self._asked)
                self._expect(most, session.read(self._handle, self._asked, asked))
            if not self._pieces:
                break
            span, piece = self._pieces.popleft()
            part = await self._whole(session, span, piece)
            came.append(part)
            size += len(part)
            if len(part) < len(span):  # it became shorter
                self._asked = self._end
                self._pieces.clear()
        return b"".join(came)

    async def _whole(
        self, session: SftpSession, span: range, piece: asyncio.Future[bytes]
    ) -> bytes | memoryview:
        """Return a piece; servers may send less than was asked for."""
        came: list[memoryview] = []
        size = 0
        try:
            while size < len(span):
                part = data(await piece)[: len(span) - size]
                came.append(part)
                size += len(part)
                if not part:
                    break
                if size < len(span):
                    at = span.start + size
                    piece = session.read(self._handle, at, span.stop - at)
        except Refused as refused:
            if refused.code != AT_END:
                raise
        return came[0] if len(came) == 1 else b"".join(came)


def _standing(found: Attributes) -> Standing:
    return Standing(found.size_bytes, found.mtime_seconds, is_folder=found.is_folder)
