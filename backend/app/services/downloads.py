"""Getting data out: a proven version's bytes, from the nearest copy that can be read.

Who may see the file may have its bytes. What is sent is what was proven: its hash goes ahead of it
(Repr-Digest, RFC 9530), and a copy that has another size, or ends early, breaks off instead of
passing for the file.
"""

import hashlib
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.proving import object_of
from app.models import (
    Copy,
    CopyState,
    SourceFile,
    StorageKind,
    StorageLocation,
    StorageState,
    User,
    Version,
)
from app.services import audit
from app.services.access import only_readable_files
from app.services.edits import user_actor
from app.services.storages import StorageOpener
from app.transfers.base import Storage

_Proven = tuple[Version, Copy, StorageLocation]
_UNREADABLE = "no_proven_copy"
_SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where a proven copy lies."""

    location: StorageLocation
    path: bytes
    object_id: str


@dataclass(frozen=True)
class Content:
    """A proven version, and where its bytes can be had, the nearest place first."""

    file: SourceFile
    version: Version
    places: tuple[Place, ...]

    @property
    def sha256(self) -> bytes:
        """The proven hash."""
        return self.version.sha256 or b""


async def find_content(
    session: AsyncSession, user: User, file_id: uuid.UUID, number: int | None
) -> Content:
    """Return what a person may download of a file: a version, the newest proven one unless named.

    Raises:
        StreamWeaveError: `not_found`; `no_proven_copy` when none can be read now.
    """
    visible = only_readable_files(select(SourceFile).where(SourceFile.id == file_id), user)
    file = await session.scalar(visible)
    if file is None:
        raise StreamWeaveError("not_found")
    return await content_of(session, file, number)


async def content_of(session: AsyncSession, file: SourceFile, number: int | None = None) -> Content:
    """Return where the bytes of a file's version lie, of the newest proven one unless named.

    Raises:
        StreamWeaveError: `no_proven_copy` when none can be read now.
    """
    query = _nearest_first(
        _proven(select(Version, Copy, StorageLocation).join(Copy, Copy.version_id == Version.id))
    ).where(Version.source_file_id == file.id)
    if number is not None:
        query = query.where(Version.number == number)
    rows = (await session.execute(query)).all()
    if not rows:
        raise StreamWeaveError(_UNREADABLE)
    return _newest(file, [(version, copy, place) for version, copy, place in rows])


async def find_contents(
    session: AsyncSession, user: User, file_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Content]:
    """Return the newest proven version of each file that a person may see; without it, none."""
    number = func.rank().over(partition_by=Version.source_file_id, order_by=Version.number.desc())
    newest = _proven(
        select(Copy.id.label("copy_id"), number.label("nth")).join(
            Version, Version.id == Copy.version_id
        )
    ).where(Version.source_file_id.in_(file_ids))
    ranked = newest.subquery()
    query = (
        select(SourceFile, Version, Copy, StorageLocation)
        .join(Version, Version.source_file_id == SourceFile.id)
        .join(Copy, Copy.version_id == Version.id)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .join(ranked, ranked.c.copy_id == Copy.id)
        .where(SourceFile.id.in_(file_ids), ranked.c.nth == 1)
    )
    found: dict[uuid.UUID, tuple[SourceFile, list[_Proven]]] = {}
    rows = await session.execute(_nearest_first(only_readable_files(query, user)))
    for file, version, copy, place in rows.all():
        found.setdefault(file.id, (file, []))[1].append((version, copy, place))
    return {key: _newest(file, proven) for key, (file, proven) in found.items()}


def _proven(query: Select[Any]) -> Select[Any]:
    """Narrow a query of versions and copies to what can be read now."""
    paused = StorageLocation.paused_until
    return query.join_from(
        Copy, StorageLocation, StorageLocation.id == Copy.storage_location_id
    ).where(
        Copy.state == CopyState.AVAILABLE,
        StorageLocation.state != StorageState.RETIRED,
        or_(paused.is_(None), paused <= utcnow()),
    )


def _nearest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(
        Version.number.desc(),
        StorageLocation.kind.in_([StorageKind.POSIX, StorageKind.NFS]).desc(),
        Copy.id,
    )


def _newest(file: SourceFile, rows: Sequence[_Proven]) -> Content:
    newest = rows[0][0]
    places = tuple(
        Place(place, copy.dest_path_bytes, object_of(copy.intent))
        for version, copy, place in rows
        if version.id == newest.id
    )
    return Content(file, newest, places)


class Sender:
    """Streams contents; notes who had what."""

    def __init__(self, database: Database, opener: StorageOpener) -> None:
        self._database = database
        self._opener = opener

    async def note(self, user: User, content: Content, what: str) -> None:
        """Write a download into the audit trail, before its first byte is sent."""

        async def work(session: AsyncSession) -> None:
            await audit.record(
                session,
                actor=user_actor(user.id),
                action="file.downloaded",
                subject=f"file:{content.file.id}",
                details={
                    "version": content.version.number,
                    "sha256": content.sha256.hex(),
                    "bytes": what,
                },
                instrument_id=content.file.instrument_id,
            )

        await self._database.run(work)

    async def note_archive_begun(self, user: User, what: str) -> None:
        """Write an archive into the audit trail, before its first byte is sent."""

        async def work(session: AsyncSession) -> None:
            await audit.record(
                session,
                actor=user_actor(user.id),
                action="files.archive_begun",
                subject=f"user:{user.id}",
                details={"selection": what},
            )

        await self._database.run(work)

    async def note_archive(
        self, user: User, manifest: Sequence[str], left_out: int, *, complete: bool
    ) -> None:
        """Write into the audit trail what an archive had: the hash of its manifest says it.

        Of one that broke off, the manifest is that of the files that were sent whole.
        """

        async def work(session: AsyncSession) -> None:
            text = "".join(manifest).encode()
            await audit.record(
                session,
                actor=user_actor(user.id),
                action="files.archived",
                subject=f"user:{user.id}",
                details={
                    "complete": complete,
                    "files": len(manifest),
                    "left_out": left_out,
                    "manifest_sha256": hashlib.sha256(text).hexdigest(),
                },
            )

        await self._database.run(work)

    async def stream(
        self, content: Content, *, offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream a version, or a part of it; the next place is tried until the first byte came.

        A small whole file is compared with its hash before its first byte is given away.

        Raises:
            StreamWeaveError: `no_proven_copy` when no place has it; `copy_differs` in the middle
                of the stream when what stands there is not what was proven.
        """
        wanted = content.version.size_bytes - offset if size_bytes is None else size_bytes
        part = Part(offset, wanted, content.sha256 if offset == 0 else b"")
        part = part if wanted == content.version.size_bytes else replace(part, sha256=b"")
        causes = []
        for place in content.places:
            begun = False
            try:
                storage = await self._opener(place.location)
                chunks = _checked(storage, place, part)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except StreamWeaveError as error:
                if begun:
                    raise
                causes.append(f"{place.location.name}: {error.code}: {error.detail}")
                continue
            return
        raise StreamWeaveError(_UNREADABLE, " ".join(causes))


@dataclass(frozen=True)
class Part:
    """What is sent of a file; the hash only when it is all of it."""

    offset: int
    size_bytes: int
    sha256: bytes


async def _checked(storage: Storage, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
    """Stream a part from one place; what differs is an error, before the first byte if small."""
    digest, sent, kept = hashlib.sha256(), 0, []
    is_small = part.sha256 != b"" and part.size_bytes <= _SMALL_BYTES
    chunks = storage.read(
        place.path, object_id=place.object_id, offset=part.offset, size_bytes=part.size_bytes
    )
    async with aclosing(chunks):
        async for chunk in chunks:
            sent += len(chunk)
            if part.sha256:
                digest.update(chunk)
            if is_small:
                kept.append(chunk)
            else:
                yield chunk
    if sent != part.size_bytes or (part.sha256 and digest.digest() != part.sha256):
        raise StreamWeaveError("copy_differs", f"{sent} of {part.size_bytes} bytes, or other ones.")
    for chunk in kept:
        yield chunk
