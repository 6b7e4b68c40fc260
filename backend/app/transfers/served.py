"""Storage on a file server, reached by its protocol: temporary, flush, read back, rename.

Order and what a crash leaves: temporary written and flushed by its own handle (swept), journal
appended and flushed (swept), read back through a new opening (swept), renamed (done). Renaming must
refuse a name that exists: a probe finds out, at the first `check_ready`, whether the server does.
One that overwrites is looked at before each rename, and says so in `capabilities`, which tell the
truth from then on and claim the least before.

Not promised: what the server's disk holds. Nobody can ask from here, so a read-back is labelled
`server_cache`.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.transfers.base import (
    ObjectFacts,
    Overwriting,
    Space,
    StorageCapabilities,
    Target,
)
from app.transfers.file_server import FileServer, Standing, must_stand
from app.transfers.layout import (
    FOLDER,
    JOURNAL_SUFFIX,
    journal_folder,
    journal_name,
    temporary_name,
    temporary_of,
)
from app.transfers.paths import join
from app.transfers.sentinel import (
    SENTINEL_PATH,
    require_sentinel,
    sentinel_bytes,
    sentinel_in,
)
from app.transfers.served_batch import ServedBatch, in_folder

_CONCURRENCY = 8
_SENTINEL_BYTES = 64 << 10
_PROBES = 3  # the sweep of another worker may remove a probe's files
_PROBED_MTIME = 1_500_000_000


class ServedStorage:
    """A folder on a file server. Keep it: it holds the connection, and what the probe found."""

    def __init__(
        self,
        server: FileServer,
        *,
        installation: str,
        sentinel: uuid.UUID,
        worker: str,
        case_insensitive: bool = False,
    ) -> None:
        self._server = server
        self._installation = installation
        self._sentinel = sentinel
        self._worker = worker
        self._probing = asyncio.Lock()
        self._is_probed = False
        self._journal_writing = asyncio.Lock()
        self._appends = server.appends
        self._keeps: frozenset[str] = frozenset()
        self.capabilities = StorageCapabilities(
            kind=server.kind,
            overwriting=Overwriting.EXCLUSIVE_WRITER_ONLY,
            durable=False,
            case_insensitive=case_insensitive,
            concurrency=_CONCURRENCY,
        )

    async def check_ready(self) -> None:
        """Look for the sentinel; the first time also find out what the server can.

        Raises:
            StreamWeaveError: `storage_unreachable` without this storage's sentinel,
                `storage_share_missing`, `storage_logon_failed` (after one log-on), ...
        """
        self._server.renew()
        try:
            await self._check_sentinel()
        except StreamWeaveError as error:
            if error.code != "storage_connection_lost":
                raise
            await self._check_sentinel()  # an idle connection was ended: a new one is made
        async with self._probing:
            if not self._is_probed:
                await self._probe()

    async def _check_sentinel(self) -> None:
        require_sentinel(await self._read_sentinel(), self._sentinel, self._server.place)

    async def _read_sentinel(self) -> uuid.UUID | None:
        try:
            return sentinel_in(await self._content(SENTINEL_PATH))
        except StreamWeaveError as error:
            if error.code != "storage_object_missing":
                raise
            if await self._server.stat(b"") is None:
                raise StreamWeaveError("storage_share_missing", self._server.place) from error
            return None

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        self._server.renew()
        return await self._read_sentinel()

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        if await self._read_sentinel() is not None:
            raise StreamWeaveError("destination_conflict", "A sentinel stands there.")
        content = sentinel_bytes(self._sentinel)
        mtime_ns = int(utcnow().timestamp()) * 10**9
        await in_folder(
            self._server, SENTINEL_PATH, lambda: self._server.put(SENTINEL_PATH, content, mtime_ns)
        )

    async def _content(self, path: bytes) -> bytes:
        async with self._server.open(path, 0, _SENTINEL_BYTES) as reading:
            return b"".join([chunk async for chunk in reading.chunks()])

    async def _probe(self) -> None:
        for left in reversed(range(_PROBES)):
            names = [
                join(FOLDER, temporary_name(self._installation, Target(b"", uuid.uuid4(), 0)))
                for _ in range(3)
            ]
            try:
                await self._probe_with(*names)
            except StreamWeaveError as error:
                if error.code != "storage_object_missing" or not left:
                    raise
            else:
                self._is_probed = True
                return
            finally:
                for name in names:
                    with contextlib.suppress(StreamWeaveError):  # what stays is swept
                        await self._server.remove(name)

    async def _probe_with(self, first: bytes, second: bytes, third: bytes) -> None:
        """Find out whether a rename refuses to overwrite, and what survives one that does not."""
        mtime_ns = _PROBED_MTIME * 10**9
        server = self._server
        await in_folder(server, first, lambda: server.put(first, b"1", mtime_ns))
        before = await server.put(second, b"22", mtime_ns)
        refuses = await server.rename_if_free(first, second) is None
        if not refuses:
            before = await server.put(second, b"22", mtime_ns)
        after = await self._server.rename_if_free(second, third)
        if after is None:
            raise StreamWeaveError("storage_error", "A free name could not be taken.")
        looked = must_stand(await self._server.stat(third), third)
        async with self._server.open(third) as reading:
            told = [before, after, looked, reading.standing]
        names = ("mark", "mtime_seconds")
        self._keeps = frozenset(n for n in names if len({getattr(one, n) for one in told}) == 1)
        self.capabilities = replace(
            self.capabilities,
            overwriting=(
                Overwriting.REFUSED
                if refuses and self._server.refuses_in_one_step
                else Overwriting.EXCLUSIVE_WRITER_ONLY
            ),
            durable=self._server.is_durable,
        )

    def facts(self, standing: Standing) -> ObjectFacts:
        """Return an object's identity: all that this server keeps over a rename."""
        mark = standing.mark if "mark" in self._keeps else ""
        seconds = standing.mtime_seconds if "mtime_seconds" in self._keeps else ""
        kind = "folder:" if standing.is_folder else ""
        return ObjectFacts(f"{kind}{mark}:{standing.size_bytes}:{seconds}", standing.size_bytes)

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[ServedBatch]:
        """Open one batch."""
        await self.check_ready()
        yield ServedBatch(self, self._server, self._installation)

    async def append_journal(self, lines: bytes) -> None:
        """Append a batch's lines and flush them."""
        if not lines:
            return
        async with self._journal_writing:
            if self._appends:
                path = self._journal(journal_name(self._worker, utcnow()))
                try:
                    await in_folder(self._server, path, lambda: self._server.append(path, lines))
                except StreamWeaveError as error:
                    if error.code != "storage_error":
                        raise
                else:
                    return
            await self._put_journal(lines)
            self._appends = False  # it can write, so appending is what it cannot

    async def _put_journal(self, lines: bytes) -> None:
        """Write one journal object for a batch, where a server cannot append."""
        now = utcnow()
        name = journal_name(self._worker, now).removesuffix(JOURNAL_SUFFIX)
        path = self._journal(f"{name}-{now:%H%M%S}-{uuid.uuid4().hex[:12]}{JOURNAL_SUFFIX}")
        mtime_ns = int(now.timestamp()) * 10**9
        await in_folder(self._server, path, lambda: self._server.put(path, lines, mtime_ns))

    def _journal(self, name: str) -> bytes:
        return join(journal_folder(self._installation), name.encode())

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal objects here: name to size in bytes."""
        try:
            listed = await self._server.list_folder(journal_folder(self._installation))
        except StreamWeaveError as error:
            if error.code != "storage_object_missing":
                raise
            return {}
        names = {entry.name.decode(errors="replace"): entry.size_bytes for entry in listed}
        return {name: size for name, size in names.items() if name.endswith(JOURNAL_SUFFIX)}

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal from a position."""
        async with self._server.open(self._journal(name), position, size_bytes) as reading:
            return b"".join([chunk async for chunk in reading.chunks()])

    async def temporaries(self) -> AsyncIterator[tuple[bytes, uuid.UUID, int]]:
        """Walk this installation's temporaries: path, copy, attempt."""
        pending = [b""]
        while pending:
            folder = pending.pop()
            try:
                entries = await self._server.list_folder(folder)
            except StreamWeaveError as error:
                if error.code != "storage_object_missing" or not folder:
                    raise
                continue  # somebody removed it meanwhile
            for entry in entries:
                if entry.is_folder:
                    pending.append(join(folder, entry.name))
                elif (found := temporary_of(entry.name, self._installation)) is not None:
                    yield join(folder, entry.name), *found

    async def remove(self, path: bytes) -> None:
        """Remove one temporary that `temporaries` named."""
        await self._server.remove(path)

    async def space(self) -> Space | None:
        """Return the space of the storage, where the server tells it."""
        return await self._server.space()

    async def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a published object, or `size_bytes` of it from `offset`."""
        self._server.check_path(path)
        async with self._server.open(path, offset, size_bytes) as reading:
            left = max(reading.standing.size_bytes - offset, 0)
            left = left if size_bytes is None else min(left, size_bytes)
            async with contextlib.aclosing(reading.chunks()) as chunks:
                async for chunk in chunks:
                    left -= len(chunk)
                    yield chunk
        if left:
            raise StreamWeaveError("storage_connection_lost", f"{left} bytes did not come.")

    async def close(self) -> None:
        """Close connections."""
        await self._server.close()
