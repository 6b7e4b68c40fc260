"""A selection of files as one ZIP, made while it is sent: memory does not grow with its size.

The last entry is `manifest-sha256.txt` (the form of BagIt, RFC 8493): the hash of each file, so
that whoever unpacks it can check it (`sha256sum -c`). What could not be read is named in
`left-out.txt`; an archive that breaks off in a file has no directory and does not open.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import zipstream

from app.database import Database
from app.errors import StreamWeaveError
from app.models import User
from app.services.downloads import Content, Sender, find_content
from app.services.file_filters import FileFilter
from app.services.files import FileView, get_file, list_files
from app.services.pagination import PageRequest
from app.transfers.paths import display

T = TypeVar("T")
_PAGE = 200


@dataclass
class _Written:
    """What the archive says of itself at its end."""

    names: set[str] = field(default_factory=set)
    manifest: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


Found = tuple[str, Content | StreamWeaveError]


@dataclass(frozen=True)
class Selection:
    """Which files: those named, or all of a filter."""

    narrowed: FileFilter
    ids: tuple[uuid.UUID, ...] = ()


async def contents_of(database: Database, user: User, selection: Selection) -> AsyncIterator[Found]:
    """Yield the newest proven version of each file of a selection, with its name in the archive."""
    for one in selection.ids:
        view = await get_file(database, user, one)
        yield await _content(database, user, view)
    cursor: str | None = None
    while not selection.ids:
        page = await list_files(database, user, PageRequest(_PAGE, cursor), selection.narrowed)
        for view in page.items:
            yield await _content(database, user, view)
        if (cursor := page.next_cursor) is None:
            return


async def _content(database: Database, user: User, view: FileView) -> Found:
    name = f"{view.instrument_name}/{display(view.file.path_bytes)}"
    try:
        async with database.read() as session:
            return name, await find_content(session, user, view.file.id, None)
    except StreamWeaveError as error:
        return name, error


def zip_of(
    sender: Sender, user: User, files: AsyncIterator[Found], loop: asyncio.AbstractEventLoop
) -> Iterator[bytes]:
    """Yield the bytes of a ZIP; to be run in a thread beside the event loop."""
    archive, written = zipstream.ZipStream(), _Written()
    while (found := _wait(_next(files), loop)) is not None:
        name, content = found
        if isinstance(content, StreamWeaveError):
            written.left_out.append(f"{name}: {content.detail}")
            continue
        name = _free(name, written.names)
        chunks = sender.stream(content)
        try:
            # What cannot be read is left out before its entry is begun.
            first = _wait(_next(chunks), loop)
        except StreamWeaveError as error:
            written.left_out.append(f"{name}: {error.detail}")
            continue
        archive.add(_chunks(first, chunks, loop), name, size=content.version.size_bytes)
        yield from archive.file()
        written.manifest.append(f"{content.sha256.hex()}  {name}\n")
    _wait(sender.note_archive(user, written.manifest, len(written.left_out)), loop)
    yield from _last_words(archive, written)


def _last_words(archive: zipstream.ZipStream, written: _Written) -> Iterator[bytes]:
    if written.left_out:
        archive.add("\n".join([*written.left_out, ""]), "left-out.txt")
    archive.add("".join(written.manifest), "manifest-sha256.txt")
    yield from archive.finalize()


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other entry has: two paths may look alike when they are shown."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}~{number}", number + 1
    taken.add(found)
    return found


def _chunks(
    first: bytes | None, rest: AsyncGenerator[bytes, None], loop: asyncio.AbstractEventLoop
) -> Iterator[bytes]:
    chunk = first
    while chunk is not None:
        yield chunk
        chunk = _wait(_next(rest), loop)


async def _next(things: AsyncIterator[T]) -> T | None:
    return await anext(things, None)


def _wait(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
