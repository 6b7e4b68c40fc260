"""Reading for a post-transfer hook: the nearest proven copy, in bounded memory and room.

A hook's process has no rights of its own on storage; what it asks for comes from here.
"""

import asyncio
import base64
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import StreamWeaveError
from app.models import Copy, CopyState, SourceFile, Version
from app.services.downloads import Content, Sender, content_of
from app.services.file_filters import path_hash

_MOST_BYTES = 16 << 20  # of a piece, and of a neighbour: a frame holds 32 MiB


@dataclass
class Room:
    """Disk space for files that hooks want as a path; what it holds is this process's own."""

    folder: Path
    size_bytes: int
    used_bytes: int = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make the folder, and remove what processes that died left beside it."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for other in self.folder.parent.iterdir():
            with _locked(other) as is_mine:
                if is_mine:
                    shutil.rmtree(other, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        with _locked(self.folder):
            yield
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder as long as this process lives; say whether nobody else has it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_mine = True
        except OSError:
            is_mine = False
        yield is_mine
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Reading:
    """What all readers of a process share."""

    database: Database
    sender: Sender
    room: Room


@dataclass
class _Open:
    """A stream that is read on, and where it stands."""

    chunks: AsyncGenerator[bytes, None]
    offset: int
    left: bytearray = field(default_factory=bytearray)


class VersionReader:
    """Answers what one hook asks while it looks at one version. `close` removes what it made."""

    def __init__(self, reading: Reading, source_file_id: uuid.UUID, number: int, name: str) -> None:
        self._reading = reading
        self._file_id = source_file_id
        self._number = number
        self._name = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:] or "content"
        self._content: Content | None = None
        self._open: _Open | None = None
        self._made: tuple[Path, int] | None = None

    async def serve(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer one question; what cannot be read now is a reason to be asked later."""
        try:
            if "read" in question:
                size = min(int(question["size_bytes"]), _MOST_BYTES)
                data = await self._read(max(0, int(question["read"])), size)
                return {"data": base64.b64encode(data).decode()}
            if "local_path" in question:
                return await self._local_path()
            bound = min(int(question["at_most_bytes"]), _MOST_BYTES)
            found = await self._neighbour(str(question["neighbour"]), bound)
            return {"data": None if found is None else base64.b64encode(found).decode()}
        except StreamWeaveError as error:
            return {"later": f"{error.code}: {error.detail}"}
        except (KeyError, TypeError, ValueError):
            return {"later": "The hook's process asked nonsense."}
        except OSError as error:  # the disk is full, for example
            return {"later": f"A local file cannot be made: {error.strerror}."}

    async def close(self) -> None:
        """Close the stream, and remove the local file."""
        await self._stop()
        made, self._made = self._made, None
        if made is not None:
            await asyncio.to_thread(shutil.rmtree, made[0].parent, ignore_errors=True)
            self._reading.room.used_bytes -= made[1]

    async def _stop(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.chunks.aclose()

    async def _found(self) -> Content:
        if self._content is None:
            async with self._reading.database.read() as session:
                file = await session.get_one(SourceFile, self._file_id)
                self._content = await content_of(session, file, self._number)
        return self._content

    async def _read(self, offset: int, size_bytes: int) -> bytes:
        content = await self._found()
        opened = self._open
        if opened is None or opened.offset != offset:
            await self._stop()
            chunks = self._reading.sender.stream(content, offset=offset)
            self._open = opened = _Open(chunks, offset)
        while len(opened.left) < size_bytes:
            chunk = await anext(opened.chunks, None)
            if chunk is None:
                break
            opened.left += chunk
        data = bytes(opened.left[:size_bytes])
        del opened.left[:size_bytes]
        opened.offset += len(data)
        if not data:
            raise StreamWeaveError("copy_differs", f"It ends at byte {offset}.")
        return data

    async def _local_path(self) -> dict[str, Any]:
        if self._made is not None:
            return {"path": str(self._made[0])}
        content, room = await self._found(), self._reading.room
        size = content.version.size_bytes
        if size > room.size_bytes:
            return {"too_large": f"{size} bytes, and hooks have room for {room.size_bytes}."}
        if room.used_bytes + size > room.size_bytes:
            return {"later": "Other hooks have the room for local files."}
        room.used_bytes += size
        path = room.folder / uuid.uuid4().hex / self._name
        self._made = (path, size)
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True)
        with await asyncio.to_thread(path.open, "xb") as file:
            await self._fill(file, content)
        return {"path": str(path)}

    async def _fill(self, file: BinaryIO, content: Content) -> None:
        async with aclosing(self._reading.sender.stream(content)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)

    async def _neighbour(self, path: str, at_most_bytes: int) -> bytes | None:
        async with self._reading.database.read() as session:
            file = await _newest(session, self._file_id, path)
            if file is None:
                return None
            content = await content_of(session, file)
        if content.version.size_bytes > at_most_bytes:
            return None
        data = bytearray()
        async with aclosing(self._reading.sender.stream(content)) as chunks:
            async for chunk in chunks:
                data += chunk
        return bytes(data)


async def _newest(session: AsyncSession, beside: uuid.UUID, path: str) -> SourceFile | None:
    """Return the newest file at a path of the same instrument that has a proven version."""
    instrument = select(SourceFile.instrument_id).where(SourceFile.id == beside).scalar_subquery()
    proven = (
        select(Copy.id)
        .join(Version, Version.id == Copy.version_id)
        .where(Version.source_file_id == SourceFile.id, Copy.state == CopyState.AVAILABLE)
        .correlate(SourceFile)
    )
    found: SourceFile | None = await session.scalar(
        select(SourceFile)
        .where(
            SourceFile.instrument_id == instrument,
            SourceFile.path_hash == path_hash(path),
            proven.exists(),
        )
        .order_by(SourceFile.incarnation.desc())
        .limit(1)
    )
    return found
