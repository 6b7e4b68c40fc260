"""A module of an rsync daemon as a storage: sent, read back, linked to its final name.

rsync cannot rename, lock or append at a server. What it can: send files to names that are our own,
bring them back, and link what stands there to a name that is free (`--link-dest`). A trial at the
first `check_ready` finds out whether this daemon does (`trial.py`); one that does not is refused.
Each step is one call for a whole batch, as a call costs a twentieth of a second.

Not promised: what the server's disk holds (`server_cache`); that names survive its loss of power
(rsync flushes files, never folders), so it is not called durable.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from app.errors import StreamWeaveError
from app.transfers.base import ObjectFacts, Overwriting, Space, StorageCapabilities
from app.transfers.layout import JOURNAL_SUFFIX, journal_folder, temporary_of
from app.transfers.paths import display, join
from app.transfers.rsync.batch import RsyncBatch
from app.transfers.rsync.daemon import Daemon, ensure_program, unsuitable_host
from app.transfers.rsync.linking import WALL
from app.transfers.rsync.parts import PARTS
from app.transfers.rsync.refusals import troubles
from app.transfers.rsync.said import Listed
from app.transfers.rsync.spool import Spool, dropped, local, local_trouble
from app.transfers.rsync.trial import Found, tried
from app.transfers.sentinel import (
    SENTINEL_PATH,
    require_sentinel,
    sentinel_bytes,
    sentinel_in,
)
from streamweave_sdk.transfers import Place

_CHUNK = 1 << 20
_BILLION = 10**9
_CONCURRENCY = 200  # all of a batch: those who publish at the same time share their calls


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose temporaries and journals they are, and which sentinel must stand there."""

    installation: str
    worker: str
    sentinel: uuid.UUID


class RsyncStorage:
    """A folder of a daemon's module. Keep it: it holds what the trial found, and its spool."""

    def __init__(
        self, place: Place, whose: Whose, *, spool: Path, case_insensitive: bool = False
    ) -> None:
        self.installation = whose.installation
        self.worker = whose.worker
        self._sentinel = whose.sentinel
        self._place = place
        self.spool = Spool(spool)
        self._daemon: Daemon | None = None
        self._opening = asyncio.Lock()
        self._probing = asyncio.Lock()
        self._found: Found | None = None
        self.capabilities = StorageCapabilities(
            kind="rsync",
            overwriting=Overwriting.EXCLUSIVE_WRITER_ONLY,
            durable=False,
            case_insensitive=case_insensitive,
            concurrency=_CONCURRENCY,
            sends_batches=True,
        )

    @property
    def daemon(self) -> Daemon:
        """The daemon, once it was reached."""
        assert self._daemon is not None, "check_ready comes first"
        return self._daemon

    @property
    def flushing(self) -> tuple[str, ...]:
        """What makes the daemon flush each file that came."""
        return self._found.flushing if self._found is not None else ()

    async def _reached(self) -> Daemon:
        async with self._opening:
            if self._daemon is None:
                if unsuitable_host(self._place.host):
                    raise StreamWeaveError("storage_host_unknown", "It is no name and no address.")
                ensure_program()
                run = await self.spool.folder() / "run"
                with local_trouble("making a folder"):
                    run.mkdir(mode=0o700, exist_ok=True)
                self._daemon = Daemon(self._place, run)
            return self._daemon

    async def check_ready(self) -> None:
        """Look for the sentinel; the first time also find out what the daemon can.

        Raises:
            StreamWeaveError: `storage_unreachable` without this storage's sentinel,
                `storage_share_missing`, `storage_logon_failed` (after one log-on),
                `storage_unsuitable`, `storage_program_missing`, ...
        """
        daemon = await self._reached()
        daemon.renew()
        found, has_wall = await self._looked(daemon)
        require_sentinel(found, self._sentinel, daemon.place)
        async with self._probing:
            if self._found is None or not has_wall:
                self._found = await self._try()
                refused = self._found.has_wall
                overwriting = Overwriting.REFUSED if refused else Overwriting.EXCLUSIVE_WRITER_ONLY
                self.capabilities = replace(self.capabilities, overwriting=overwriting)

    async def _try(self) -> Found:
        """Try the daemon; again, since another worker's sweep may remove what is tried with."""
        try:
            return await tried(self)
        except StreamWeaveError as error:
            if error.code != "storage_unsuitable":
                raise
        return await tried(self)

    async def _looked(self, daemon: Daemon) -> tuple[uuid.UUID | None, bool]:
        """Return which sentinel stands there, and whether the wall of `linking.py` does."""
        into = await self.spool.fresh()
        try:
            wall = WALL.encode()
            complaints = await daemon.pull([SENTINEL_PATH, wall], into)
            file = local(into, SENTINEL_PATH)
            if file.is_file():
                return sentinel_in(file.read_bytes()), local(into, wall).is_dir()
        finally:
            await dropped(into)
        for path, error in troubles(complaints, "pull"):
            if path.endswith(SENTINEL_PATH) and error.code != "storage_object_missing":
                raise error
        if b"." not in (await daemon.shown([b""]))[0]:
            raise StreamWeaveError("storage_share_missing", daemon.place)
        return None, False

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        daemon = await self._reached()
        daemon.renew()
        return (await self._looked(daemon))[0]

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        daemon = await self._reached()
        if (await self._looked(daemon))[0] is not None:
            raise StreamWeaveError("destination_conflict", "A sentinel stands there.")
        tree = await self.spool.fresh()
        try:
            file = local(tree, SENTINEL_PATH)
            file.parent.mkdir()
            file.write_bytes(sentinel_bytes(self._sentinel))
            complaints = await daemon.push(tree, "", "--ignore-existing")
        finally:
            await dropped(tree)
        for _, error in troubles(complaints, "push"):
            raise error

    def facts(self, size_bytes: int, mtime_ns: int) -> ObjectFacts:
        """Return an object's identity: what rsync tells of it and the server keeps."""
        keeps = self._found is not None and self._found.keeps_times
        return ObjectFacts(f"{size_bytes}:{mtime_ns // _BILLION if keeps else ''}", size_bytes)

    def facts_of(self, one: Listed) -> ObjectFacts:
        """Return the identity of what a list shows."""
        if not one.is_file:
            return ObjectFacts("folder" if one.is_directory else "special", 0)
        if one.facts is None:
            return ObjectFacts("", 0)
        return self.facts(one.facts.size_bytes, one.facts.mtime_ns)

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[RsyncBatch]:
        """Open one batch."""
        await self.check_ready()
        folder = await self.spool.fresh()
        batch = RsyncBatch(self, folder)
        try:
            yield batch
            with contextlib.suppress(StreamWeaveError):  # what stays is swept
                await batch.remove_left()
        finally:
            await batch.end()
            await asyncio.shield(dropped(folder))

    async def remove_all(self, paths: Sequence[bytes]) -> None:
        """Remove files and folders in one call."""
        daemon = await self._reached()
        around = await self.spool.fresh()
        try:
            with local_trouble("making folders"):
                complaints = await daemon.remove(paths, around)
        finally:
            await dropped(around)
        for _, error in troubles(complaints, "push"):
            if error.code != "storage_object_missing":
                raise error

    async def _named(self, folder: bytes) -> dict[bytes, Listed]:
        """Return what is in a folder, by its name there; nothing where there is no folder."""
        daemon = await self._reached()
        found, complaints = await daemon.shown([folder + b"/"])
        for _, error in troubles(complaints, "pull"):
            if error.code != "storage_object_missing":
                raise error
        inside = folder + b"/"
        return {
            name.removeprefix(inside): one
            for name, one in found.items()
            if name.startswith(inside) and name != inside
        }

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal objects here: name to size in bytes."""
        named = await self._named(journal_folder(self.installation))
        return {
            name.decode(errors="replace"): one.facts.size_bytes
            for name, one in named.items()
            if one.is_file and one.facts is not None and name.endswith(JOURNAL_SUFFIX.encode())
        }

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal from a position."""
        path = join(journal_folder(self.installation), name.encode())
        chunks = self.read(path, offset=position, size_bytes=size_bytes)
        return b"".join([chunk async for chunk in chunks])

    async def temporaries(self) -> AsyncIterator[tuple[bytes, uuid.UUID, int]]:
        """Walk this installation's temporaries: the folder of each, copy, attempt."""
        for name in await self._named(PARTS):
            if (found := temporary_of(name, self.installation)) is not None:
                yield join(PARTS, name), *found

    async def remove(self, path: bytes) -> None:
        """Remove one temporary that `temporaries` named, or a scratch object."""
        await self.remove_all([path])

    async def space(self) -> Space | None:
        """rsync does not tell."""
        return None

    async def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a published object, or `size_bytes` of it from `offset`; it is brought whole."""
        daemon = await self._reached()
        into = await self.spool.fresh()
        try:
            complaints = await daemon.pull([path], into)
            file = local(into, path)
            if not file.is_file():
                for _, error in troubles(complaints, "pull"):
                    raise error
                raise StreamWeaveError("storage_object_missing", display(path))
            left = file.stat().st_size if size_bytes is None else size_bytes
            with file.open("rb") as opened:
                opened.seek(offset)
                while left and (chunk := await _read(opened, min(left, _CHUNK))):
                    left -= len(chunk)
                    yield chunk
        finally:
            await asyncio.shield(dropped(into))

    async def close(self) -> None:
        """Drop the password and what lies here."""
        self._daemon = None
        await self.spool.close()


async def _read(opened: BinaryIO, size_bytes: int) -> bytes:
    return await asyncio.to_thread(opened.read, size_bytes)
