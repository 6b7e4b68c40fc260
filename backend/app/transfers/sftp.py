"""SFTP by asyncssh: one connection, requests of many files on their way at once, names as bytes.

Written by FXP_OPEN and FXP_WRITE, flushed by fsync@openssh.com where the server offers it, renamed
by FXP_RENAME, never posix-rename. The protocol has no identity of a file: size and time stand for
it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncssh
from asyncssh import FXF_CREAT, FXF_READ, FXF_TRUNC, FXF_WRITE

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
from app.transfers.line import BROKEN, LISTING_SECONDS, Line, network_error
from app.transfers.paths import join

T = TypeVar("T")
_PORT = 22
_BLOCK = 1 << 20
_FLUSH_EVERY = 64 << 20  # or the flush of a large file would be silent for minutes
_LONGEST_NAME = 255
_LAST_SECOND = 0xFFFFFFFF  # version 3 says times in 32 bits
_NEW = FXF_WRITE | FXF_CREAT | FXF_TRUNC
_APPEND = FXF_READ | FXF_WRITE | FXF_CREAT
_READ_WRITE = FXF_READ | FXF_WRITE
_READ_ONLY_FILE_SYSTEM = 1
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"  # 1.4 x the speed of ChaCha20 here

_CODES: dict[type[Exception], str] = {
    asyncssh.SFTPNoSuchFile: "storage_object_missing",
    asyncssh.SFTPNoSuchPath: "storage_object_missing",
    asyncssh.SFTPPermissionDenied: "storage_permission_denied",
    asyncssh.SFTPCannotDelete: "storage_permission_denied",
    asyncssh.SFTPWriteProtect: "storage_read_only",
    asyncssh.SFTPNoSpaceOnFilesystem: "storage_full",
    asyncssh.SFTPQuotaExceeded: "storage_full",
    asyncssh.SFTPInvalidFilename: "storage_name_refused",
    asyncssh.SFTPLockConflict: "storage_file_locked",
    asyncssh.SFTPLinkLoop: "storage_unsafe_path",
    asyncssh.SFTPFileIsADirectory: "destination_conflict",
    asyncssh.SFTPNotADirectory: "destination_conflict",
    asyncssh.SFTPNoConnection: "storage_connection_lost",
    asyncssh.SFTPConnectionLost: "storage_connection_lost",
    asyncssh.SFTPBadMessage: "storage_connection_lost",
    asyncssh.PermissionDenied: "storage_logon_failed",
    asyncssh.HostKeyNotVerifiable: "storage_host_key_mismatch",
    asyncssh.DisconnectError: "storage_connection_lost",
}
# Version 3 has one code for what it has no code for; many servers say in words what it was.
_WORDS = {
    "no space left": "storage_full",
    "quota exceeded": "storage_full",
    "read-only file system": "storage_read_only",
    "read only file system": "storage_read_only",
    "permission denied": "storage_permission_denied",
    "file name too long": "storage_name_refused",
    "invalid argument": "storage_name_refused",
    "is a directory": "destination_conflict",
    "not a directory": "destination_conflict",
}


def _error_of(raised: Exception, step: str) -> StreamWeaveError:
    said = str(raised)
    if type(raised) is asyncssh.SFTPFailure:
        code = next((c for w, c in _WORDS.items() if w in said.lower()), "storage_error")
        return StreamWeaveError(code, f"{step}: {said}")
    if isinstance(raised, OSError):
        return network_error(raised, step)
    if isinstance(raised, asyncssh.KeyExchangeFailed) and "host key" in said:
        return StreamWeaveError("storage_host_key_mismatch", f"{step}: {said}")
    code = next((_CODES[k] for k in type(raised).__mro__ if k in _CODES), "storage_error")
    return StreamWeaveError(code, f"{step}: {said}")


class _Session:
    """One connection with its SFTP channel."""

    def __init__(self, connection: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient) -> None:
        self.connection = connection
        self.sftp = sftp


class _Connector:
    raises: tuple[type[Exception], ...] = (asyncssh.Error, asyncssh.KeyImportError, OSError)

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    async def connect(self) -> _Session:
        address = self._address
        try:
            known = [asyncssh.import_public_key(k) for k in address.host_key.splitlines() if k]
            is_key = address.secret_kind == "private_key"
            keys = [asyncssh.import_private_key(address.secret)] if is_key else None
        except asyncssh.KeyImportError as error:
            raise StreamWeaveError(
                "storage_logon_failed", f"A key is not valid: {error}"
            ) from error
        port = address.port or _PORT
        if not known:
            await self._refuse_unknown(port)
        connection = await asyncssh.connect(
            address.host,
            port,
            username=address.username,
            password=None if is_key else address.secret,
            client_keys=keys,
            known_hosts=(known, [], []),
            agent_path=None,
            config=None,
            encryption_algs=_CIPHERS,
            gss_host=None,
            connect_timeout=address.timeout_seconds,
            login_timeout=address.timeout_seconds,
        )
        try:
            return _Session(connection, await connection.start_sftp_client(path_encoding=None))
        except BaseException:
            connection.abort()
            raise

    async def _refuse_unknown(self, port: int) -> None:
        key = await asyncssh.get_server_host_key(self._address.host, port, config=None)
        shown = key.export_public_key().decode().strip() if key else "none that is known"
        raise StreamWeaveError(
            "storage_host_key_mismatch", f"No host key is pinned; the server shows {shown}."
        )

    def is_open(self, session: _Session) -> bool:
        return not session.connection.is_closed()

    def cut(self, session: _Session) -> None:
        session.connection.abort()

    def error(self, raised: Exception, step: str) -> StreamWeaveError:
        return _error_of(raised, step)


class SftpFiles:
    """The files of an SFTP server below one folder."""

    kind = "sftp"
    refuses_in_one_step = True  # OpenSSH's plain rename is a link; others are probed
    appends = True

    def __init__(self, address: ServerAddress) -> None:
        self.place = f"sftp://{address.host}:{address.port or _PORT}/{address.root.lstrip('/')}"
        self.is_durable = False
        self._root = address.root.encode().rstrip(b"/") or (b"/" if address.root else b".")
        self._line: Line[_Session] = Line(_Connector(address), self.place, address.timeout_seconds)

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
            found = await self._line.call("looking", lambda s: s.sftp.lstat(self.at(path)))
        except StreamWeaveError as error:
            if error.code == "storage_object_missing":
                return None
            raise
        return _standing(found)

    async def list_folder(self, path: bytes) -> Sequence[Listed]:
        """Return all names in a folder."""
        listed: list[Listed] = []

        async def listing(session: _Session) -> None:
            async for entry in session.sftp.scandir(self.at(path)):
                name = entry.filename
                assert isinstance(name, bytes)
                is_folder = entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY
                if name not in (b".", b".."):
                    listed.append(Listed(name, is_folder, entry.attrs.size or 0))

        await self._line.call("listing", listing, seconds=LISTING_SECONDS)
        return listed

    async def make_folder(self, path: bytes) -> None:
        """Make one folder."""
        try:
            await self._line.call("making a folder", lambda s: s.sftp.mkdir(self.at(path)))
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
        file = await self.on(
            session, "creating", lambda s: s.sftp.open(self.at(path), _NEW, encoding=None)
        )
        return _SftpWriting(self, session, file, self.at(path))

    async def on(self, session: _Session, step: str, work: Callable[[_Session], Awaitable[T]]) -> T:
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
        if found is not None and found.bavail * found.frsize < _BLOCK:
            return StreamWeaveError("storage_full", error.detail)
        if found is not None and found.flags & _READ_ONLY_FILE_SYSTEM:
            return StreamWeaveError("storage_read_only", error.detail)
        return error

    @contextlib.asynccontextmanager
    async def open(
        self, path: bytes, offset: int = 0, size_bytes: int | None = None
    ) -> AsyncIterator[Reading]:
        """Open a file for reading."""
        session = await self._line.session()
        file = await self._line.on(
            session,
            "opening",
            lambda s: s.sftp.open(self.at(path), FXF_READ, encoding=None),
        )
        try:
            found = await self._line.on(session, "looking", lambda _: file.stat())
            standing = _standing(found)
            end = standing.size_bytes if size_bytes is None else offset + size_bytes
            span = range(offset, min(end, standing.size_bytes))
            yield _SftpReading(self, session, file, standing, span)
        finally:
            with contextlib.suppress(StreamWeaveError):  # nothing was written by it
                await self._line.on(session, "closing", lambda _: file.close())

    async def rename_if_free(self, old: bytes, new: bytes) -> Standing | None:
        """Rename by FXP_RENAME; version 3 has no code for "exists", so it is looked at."""
        try:
            await self._line.call("renaming", lambda s: s.sftp.rename(self.at(old), self.at(new)))
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
            await self._line.call("removing", lambda s: s.sftp.remove(self.at(path)))
        except StreamWeaveError as error:
            if error.code != "storage_object_missing":
                raise

    async def sync(self, path: bytes) -> None:
        """Flush a file that stands."""

        async def flushing(session: _Session) -> None:
            async with await session.sftp.open(self.at(path), _READ_WRITE, encoding=None) as file:
                await self.flush(file)

        await self._line.call("flushing", flushing)

    async def sync_names(self, folder: bytes) -> None:
        """Flush a folder's names where the server opens folders as files, as OpenSSH does."""

        async def flushing(session: _Session) -> None:
            try:
                file = await session.sftp.open(self.at(folder), FXF_READ, encoding=None)
            except asyncssh.SFTPError:
                return  # it does not: its names are the server's affair
            async with file:
                await file.fsync()

        if self.is_durable:
            await self._line.call("flushing a folder", flushing)

    async def append(self, path: bytes, lines: bytes) -> None:
        """Append and flush."""

        async def appending(session: _Session) -> None:
            async with await session.sftp.open(self.at(path), _APPEND, encoding=None) as file:
                end = (await file.stat()).size or 0
                last: bytes = await file.read(1, end - 1) if end else b"\n"
                await file.write(lines if last == b"\n" else b"\n" + lines, end)
                await self.flush(file)

        session = await self._line.session()
        await self.on(session, "writing the journal", appending)

    async def flush(self, file: asyncssh.SFTPClientFile) -> None:
        """Flush an open file where the server offers it, and remember whether it does."""
        try:
            await file.fsync()
        except asyncssh.SFTPOpUnsupported:
            self.is_durable = False
        else:
            self.is_durable = True

    async def space(self) -> Space | None:
        """Return the space, where the server knows statvfs@openssh.com."""
        found = await self._statvfs()
        if found is None:
            return None
        usable = found.blocks - found.bfree + found.bavail
        return Space(found.frsize * usable, found.frsize * found.bavail)

    async def _statvfs(self) -> asyncssh.SFTPVFSAttrs | None:
        async def ask(session: _Session) -> asyncssh.SFTPVFSAttrs | None:
            try:
                return await session.sftp.statvfs(self._root)
            except asyncssh.SFTPOpUnsupported:
                return None

        return await self._line.call("asking for the free space", ask)

    async def close(self) -> None:
        """Close the connection."""
        self._line.close()


class _SftpWriting:
    """A file that is being written."""

    def __init__(
        self, files: SftpFiles, session: _Session, file: asyncssh.SFTPClientFile, path: bytes
    ) -> None:
        self._files = files
        self._session = session
        self._file = file
        self._path = path
        self._written = 0
        self._flushed = 0

    async def write(self, block: bytes) -> None:
        """Append a block."""

        async def writing(_: _Session) -> None:
            size = self._file.write_len or len(block)
            pieces = [
                self._file.write(block[start : start + size], self._written + start)
                for start in range(0, len(block), size)
            ]
            await _all(pieces)
            if self._written - self._flushed >= _FLUSH_EVERY:
                await self._files.flush(self._file)
                self._flushed = self._written

        await self._files.on(self._session, "writing", writing)
        self._written += len(block)

    async def finish(self, mtime_ns: int) -> Standing:
        """Set the time, flush, close."""
        seconds = min(max(mtime_ns // 10**9, 0), _LAST_SECOND)
        times = asyncssh.SFTPAttrs(atime=seconds, mtime=seconds)
        # Who has OpenSSH's extension answers in order; others get confused by a full pipe.
        finish = self._finish_at_once if self._files.is_durable else self._finish_in_steps
        found = await self._files.on(self._session, "finishing", lambda _: finish(times))
        return _standing(found)

    async def _finish_at_once(self, times: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
        requests: list[Awaitable[Any]] = [
            self._file.setstat(times),
            self._files.flush(self._file),
            self._file.stat(),
            self._file.close(),
        ]
        _, _, found, _ = await _all(requests)
        assert isinstance(found, asyncssh.SFTPAttrs)
        return found

    async def _finish_in_steps(self, times: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
        """Some servers know a file's name only when it was closed."""
        await self._files.flush(self._file)
        await self._file.close()
        await self._session.sftp.setstat(self._path, times)
        return await self._session.sftp.lstat(self._path)

    async def abandon(self) -> None:
        """Close it."""
        await self._files.on(self._session, "closing", lambda _: self._file.close())


class _SftpReading:
    """A file that was opened for reading."""

    def __init__(
        self,
        files: SftpFiles,
        session: _Session,
        file: asyncssh.SFTPClientFile,
        standing: Standing,
        span: range,
    ) -> None:
        self.standing = standing
        self._span = span
        self._files = files
        self._session = session
        self._file = file

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes, never asking for more than there are."""
        offset, end = self._span.start, self._span.stop
        while offset < end:
            chunk = await self._read(offset, min(_BLOCK, end - offset))
            if not chunk:
                return
            offset += len(chunk)
            yield chunk

    async def _read(self, offset: int, size: int) -> bytes:
        async def reading(_: _Session) -> bytes:
            most = self._file.read_len or size
            pieces = [
                self._file.read(min(most, size - start), offset + start)
                for start in range(0, size, most)
            ]
            return b"".join(await _all(pieces))

        return await self._files.on(self._session, "reading", reading)


def _standing(found: asyncssh.SFTPAttrs) -> Standing:
    is_folder = found.type == asyncssh.FILEXFER_TYPE_DIRECTORY
    return Standing(found.size or 0, int(found.mtime or 0), is_folder=is_folder)


async def _all(requests: Sequence[Awaitable[Any]]) -> list[Any]:
    """Send requests without waiting in between; the first error in their order is raised."""
    answers: list[Any] = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
