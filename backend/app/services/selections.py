"""Which files an archive has, each with its name in it, and how large the archive will be."""

import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import zipstream
from sqlalchemy import func, select

from app.database import Database
from app.errors import StreamWeaveError
from app.models import SourceFile, User
from app.services.access import only_readable_files
from app.services.downloads import Content, find_contents
from app.services.file_counts import EXACT_TO
from app.services.file_filters import FileFilter
from app.services.files import find_files, readable_files
from app.services.pagination import PageRequest
from app.transfers.paths import display

MOST_NAMED = 500
MANIFEST, LEFT_OUT = "manifest-sha256.txt", "left-out.txt"
_PAGE = 200
# Files are looked up together as far as they are sent soon: rights and copies may change meanwhile.
_SOON_BYTES = 64 << 20

Found = tuple[str, Content | StreamWeaveError]
Row = tuple[SourceFile, str]


@dataclass(frozen=True)
class Selection:
    """Which files: those named, or all of a filter."""

    narrowed: FileFilter
    ids: tuple[uuid.UUID, ...] = ()


@dataclass
class Listing:
    """What an archive says of itself in its last entries."""

    manifest: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, content: Content) -> None:
        """Name a file that is in the archive, as `sha256sum -c` reads it."""
        self.manifest.append(f"{content.sha256.hex()}  {name}\n")

    def leave_out(self, name: str, error: StreamWeaveError) -> None:
        """Name a file that is not in the archive, and why."""
        self.left_out.append(f"{name}: {error.detail}\n")

    def entries(self) -> list[tuple[str, str]]:
        """Return names and texts of the last entries."""
        left_out = [(LEFT_OUT, "".join(self.left_out))] if self.left_out else []
        return [*left_out, (MANIFEST, "".join(self.manifest))]


@dataclass(frozen=True)
class ArchiveSize:
    """What an archive would have now; with `more` these are the least that it can be.

    `size_bytes` is of its files, `archive_bytes` of the ZIP itself, exact if all can be read.
    """

    files: int
    size_bytes: int
    archive_bytes: int
    left_out: int
    more: bool


async def check_selection(database: Database, user: User, selection: Selection) -> None:
    """See that a person may see each named file.

    Raises:
        StreamWeaveError: `not_found`.
    """
    if not selection.ids:
        return
    query = select(func.count(SourceFile.id)).where(SourceFile.id.in_(selection.ids))
    async with database.read() as session:
        if await session.scalar(only_readable_files(query, user)) != len(selection.ids):
            raise StreamWeaveError("not_found")


async def contents_of(
    database: Database, user: User, selection: Selection, *, together_bytes: int = _SOON_BYTES
) -> AsyncGenerator[Found, None]:
    """Yield the newest proven version of each file of a selection, with its name in the archive."""
    taken: set[str] = set()
    async for rows in _rows_of(database, user, selection):
        for group in _groups(rows, together_bytes):
            async with database.read() as session:
                found = await find_contents(session, user, [file.id for file, _ in group])
            for file, instrument in group:
                name = f"{instrument}/{display(file.path_bytes)}"
                content = found.get(file.id)
                if content is None:
                    yield name, StreamWeaveError("no_proven_copy")
                else:
                    yield _free(name, taken), content


async def _rows_of(
    database: Database, user: User, selection: Selection
) -> AsyncIterator[Sequence[Row]]:
    """Yield pages of the files of a selection with their instruments' names."""
    for start in range(0, len(selection.ids), _PAGE):
        keys = selection.ids[start : start + _PAGE]
        async with database.read() as session:
            query = readable_files(user).where(SourceFile.id.in_(keys))
            rows = {file.id: (file, name) for file, name in (await session.execute(query)).all()}
        yield [rows[key] for key in keys if key in rows]
    cursor: str | None = None
    while not selection.ids:
        async with database.read() as session:
            request = PageRequest(_PAGE, cursor)
            page = await find_files(session, user, request, selection.narrowed)
        yield page.items
        if (cursor := page.next_cursor) is None:
            return


def _groups(rows: Sequence[Row], together_bytes: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        if group and size + row[0].size_bytes > together_bytes:
            yield group
            group, size = [], 0
        group.append(row)
        size += row[0].size_bytes
    if group:
        yield group


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other entry has: two paths may look alike when they are shown."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}~{number}", number + 1
    taken.add(found)
    return found


async def measure(database: Database, user: User, selection: Selection) -> ArchiveSize:
    """Return what an archive of a selection would have now; exact to 10,000 files."""
    # Of its own class: what is added is only counted, and the sum is that of the real one.
    archive, listing = zipstream.ZipStream(sized=True), Listing()
    seen = size = 0
    more = False
    found = contents_of(database, user, selection, together_bytes=sys.maxsize)
    async for name, content in found:
        if seen == EXACT_TO:
            more = True
            break
        seen += 1
        if isinstance(content, StreamWeaveError):
            listing.leave_out(name, content)
            continue
        listing.add(name, content)
        size += content.version.size_bytes
        archive.add(iter(()), name, size=content.version.size_bytes)
    await found.aclose()
    for name, text in listing.entries():
        archive.add(text, name)
    return ArchiveSize(len(listing.manifest), size, len(archive), len(listing.left_out), more=more)
