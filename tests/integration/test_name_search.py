"""Files are found by the beginnings of words of their names, on both databases."""

import itertools
import uuid

import pytest
from sqlalchemy import func, select

from app.clock import utcnow
from app.database import Database
from app.harvest.store import scanning
from app.migrations import migrate
from app.models import FileState, Grant, NameWord, SourceFile, UnindexedName, User, new_id
from app.services.files import FileFilter, list_files, path_hash
from app.services.name_words import MAX_WORD, MAX_WORDS, terms_of, words_of
from app.services.pagination import PageRequest
from app.services.search import index_names
from tests.integration.factories import make_instrument

_NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("run 7/Sample42_b.RAW", ["sample42", "42", "b", "raw"]),
        ("a.d/Ärger-Straße.txt", ["ärger", "strasse", "txt"]),
        ("ﬁle№5", ["fileno5", "5"]),
        ("___", []),
        ("x" * 200, ["x" * MAX_WORD]),
    ],
)
def test_a_name_has_these_words(path: str, words: list[str]) -> None:
    assert words_of(path) == words


def test_a_name_has_a_bounded_number_of_words() -> None:
    assert len(words_of("a1" * 100)) == MAX_WORDS
    assert len(terms_of(" ".join(str(n) for n in range(100)))) == MAX_WORDS


def _row(instrument: uuid.UUID, path: str) -> dict[str, object]:
    now = utcnow()
    return {
        "id": new_id(), "instrument_id": instrument, "path": path, "path_bytes": path.encode(),
        "path_hash": path_hash(path), "directory_hash": path_hash(""), "incarnation": 1,
        "state": FileState.SETTLING.value, "listed_size_bytes": 1, "listed_mtime_ns": 1,
        "size_bytes": 1, "mtime_ns": 1, "first_seen_at": now, "unchanged_since": now,
        "latest_version": 0,
    }  # fmt: skip


async def _write(database: Database, instrument: uuid.UUID, *paths: str) -> None:
    rows = [_row(instrument, path) for path in paths]
    await database.run(lambda s: scanning.insert_files(s, rows))
    while await database.run(index_names):
        pass


def _user(*, admin: bool = True) -> User:
    return User(
        id=new_id(), email=f"{next(_NUMBERS)}@lab.example", hashed_password="", is_superuser=admin,
        is_active=True, is_verified=True, created_at=utcnow(),
    )  # fmt: skip


async def _found(
    database: Database,
    search: str,
    user: User | None = None,
    instrument_id: uuid.UUID | None = None,
) -> list[str]:
    """All pages of two."""
    paths: list[str] = []
    cursor = None
    while True:
        request = PageRequest(2, cursor, {"search": search})
        page = await list_files(
            database,
            user or _user(),
            request,
            FileFilter((instrument_id,) if instrument_id else (), search=search),
        )
        paths += [view.file.path for view in page.items]
        if (cursor := page.next_cursor) is None:
            return paths


async def test_a_search_finds_each_file_once_by_the_beginnings_of_all_its_terms(
    database: Database,
) -> None:
    instrument = await make_instrument(database)
    await _write(
        database, instrument,
        "run/Sample42_blank.raw", "run/sample43.raw", "run/samples sampled.raw", "sample/other.txt",
    )  # fmt: skip
    assert sorted(await _found(database, "SAMP")) == [
        "run/Sample42_blank.raw",
        "run/sample43.raw",
        "run/samples sampled.raw",
    ]
    assert await _found(database, "42") == ["run/Sample42_blank.raw"]
    assert await _found(database, "raw bla") == ["run/Sample42_blank.raw"]
    assert await _found(database, "ample") == []
    assert await _found(database, "...") == []


async def test_pages_of_a_search_miss_nothing_over_several_instruments(database: Database) -> None:
    paths = [f"scan {n}.raw" for n in range(250)]
    for _ in range(2):
        await _write(database, await make_instrument(database), *paths)
    assert sorted(await _found(database, "scan")) == sorted(paths * 2)


async def test_nobody_finds_what_they_may_not_see(database: Database) -> None:
    seen, hidden = await make_instrument(database), await make_instrument(database)
    await _write(database, seen, "seen.raw")
    await _write(database, hidden, "hidden.raw")
    user = _user(admin=False)
    async with database.write() as session:
        session.add(user)
        await session.flush()
        session.add(Grant(user_id=user.id, instrument_id=seen, created_at=utcnow()))
    assert await _found(database, "raw", user) == ["seen.raw"]
    assert await _found(database, "raw", user, hidden) == []
    assert await _found(database, "raw", instrument_id=hidden) == ["hidden.raw"]


async def test_files_of_an_older_database_are_found_after_the_migration(
    database: Database, database_url: str
) -> None:
    instrument = await make_instrument(database)
    await _write(database, instrument, "old.raw")
    migrate(database_url, "0002")
    migrate(database_url)
    while await database.run(index_names):
        pass
    assert await _found(database, "old") == ["old.raw"]


async def test_a_dead_indexer_leaves_no_name_out_and_writes_none_twice(database: Database) -> None:
    instrument = await make_instrument(database)
    rows = [_row(instrument, f"{n}.raw") for n in range(3)]
    await database.run(lambda s: scanning.insert_files(s, rows))
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            assert await index_names(session) == 3
            raise RuntimeError("killed before the commit")
    assert await database.run(index_names) == 3
    assert await database.run(index_names) == 0
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(NameWord)) == 6
        assert await session.scalar(select(func.count()).select_from(UnindexedName)) == 0
        assert await session.scalar(select(func.count()).select_from(SourceFile)) == 3
