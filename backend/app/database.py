"""The database: engines, transactions that repeat on a lost race, and the lease clock.

Writing transactions on SQLite are BEGIN IMMEDIATE: they take the one write lock at their start
instead of failing in the middle. A deadlock, a serialization failure or SQLITE_BUSY repeats the
whole transaction, so work given to `Database.run` must be safe to repeat.

`run` and `ask` hand a whole transaction to a thread. An asynchronous driver hands each statement
to one, four times (cursor, execute, fetch, close): that cost more than the statements.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, overload

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, sessionmaker
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from app.clock import boot_clock_ms, boot_id
from app.config import Settings
from app.errors import StreamWeaveError
from app.models import Copy, HookTask, Lease, Run, ScanState, Setting, Slot, Worker
from app.threads import ThreadSession, finish
from app.turns import Turns

T = TypeVar("T")
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs")
Work = Callable[[AsyncSession], Awaitable[T]]
_RETRY_SECONDS = 30.0
# Of SQLite's pages, a connection. The one that writes a harvest touches random places of indexes.
_CACHE_KIB, _WRITER_CACHE_KIB = 8_000, 32_000
# PostgreSQL: serialization_failure, deadlock_detected, lock_not_available.
_LOST_RACE = {"40001", "40P01", "55P03"}


def is_lost_race(error: BaseException) -> bool:
    """Return whether repeating the whole transaction may succeed."""
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlstate", None) in _LOST_RACE:
        return True
    return "database is locked" in str(error.orig) or "database is busy" in str(error.orig)


class Database:
    """The engines of one process. SQLite has two: reading must not take the write lock."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._write_engine = _make_engine(url, "BEGIN IMMEDIATE", pool_size)
        self._read_engine = (
            _make_engine(url, "BEGIN", pool_size) if self.is_sqlite else self._write_engine
        )
        self._write = async_sessionmaker(self._write_engine, expire_on_commit=False)
        self._read = async_sessionmaker(self._read_engine, expire_on_commit=False)
        self._threads = ThreadPoolExecutor(pool_size, "database")
        # One connection writes: SQLite forgets its pages when another one has written.
        writers = 1 if self.is_sqlite else pool_size
        self._thread_engines = [_make_engine(url, "BEGIN IMMEDIATE", writers, threads=True)]
        if self.is_sqlite:
            self._thread_engines.append(_make_engine(url, "BEGIN", pool_size, threads=True))
        self._thread_write = sessionmaker(self._thread_engines[0], expire_on_commit=False)
        self._thread_read = sessionmaker(self._thread_engines[-1], expire_on_commit=False)
        # SQLite has one writer; whoever waits for it by itself sleeps up to 100 ms too long.
        self._turn = Turns() if self.is_sqlite else contextlib.nullcontext()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Database":
        """Open the configured database.

        Raises:
            StreamWeaveError: `data_directory_unsuitable` for SQLite on a network file system.
        """
        if settings.is_sqlite and (kind := network_file_system(settings.data)):
            raise StreamWeaveError(
                "data_directory_unsuitable", f"{settings.data} lies on {kind}; SQLite needs a disk."
            )
        return cls(settings.url)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open one writing transaction; commits at the end, rolls back on an error."""
        async with self._turn, self._write() as session, session.begin():
            yield session

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open one reading transaction."""
        async with self._read() as session, session.begin():
            yield session

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a writing transaction, repeated as a whole when it loses a race.

        It runs in a thread of the database's and may await nothing but its session.
        """
        try:
            async with self._turn:
                return await self._in_thread(self._thread_write, work)
        except DBAPIError as error:
            if not is_lost_race(error):
                raise
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(is_lost_race),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            stop=stop_after_delay(_RETRY_SECONDS),
            reraise=True,
        ):
            with attempt:
                async with self._turn:
                    return await self._in_thread(self._thread_write, work)
        raise AssertionError("unreachable")

    async def ask(self, work: Work[T]) -> T:
        """Run `work` in a reading transaction, in a thread of the database's like `run`."""
        return await self._in_thread(self._thread_read, work)

    async def _in_thread(self, sessions: sessionmaker[Session], work: Work[T]) -> T:
        def transaction() -> T:
            with sessions() as session, session.begin():
                return finish(work(cast(AsyncSession, ThreadSession(session))))

        future = asyncio.get_running_loop().run_in_executor(self._threads, transaction)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A thread cannot be stopped: who is cancelled goes when the transaction is over.
            await asyncio.wait([future])
            raise

    async def forget_leases_of_earlier_boots(self) -> None:
        """Void all leases when this machine was started anew (SQLite's lease clock restarted)."""
        if not self.is_sqlite:
            return

        async def work(session: AsyncSession) -> None:
            row = await session.get(Setting, "boot")
            if row is not None and row.value.get("id") == boot_id():
                return
            if row is None:
                session.add(Setting(key="boot", value={"id": boot_id()}))
            else:
                row.value = {"id": boot_id()}
            for table, column in _LEASED:
                await session.execute(update(table).values({column: 0}))

        await self.run(work)

    async def check_migrated(self, revision: str) -> None:
        """Refuse a database with another schema than this code's.

        Raises:
            StreamWeaveError: `database_not_migrated`.
        """
        async with self.read() as session:
            try:
                found = await session.scalar(text("SELECT version_num FROM alembic_version"))
            except DBAPIError:
                found = None
        if found != revision:
            raise StreamWeaveError(
                "database_not_migrated", f"It is at {found or 'nothing'}, not at {revision}."
            )

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.to_thread(self._threads.shutdown)
        for engine in self._thread_engines:
            engine.dispose()
        await self._write_engine.dispose()
        await self._read_engine.dispose()


_LEASED: tuple[tuple[Any, str], ...] = (
    (Copy, "lease_until_ms"),
    (HookTask, "lease_until_ms"),
    (Lease, "until_ms"),
    (Run, "lease_until_ms"),
    (ScanState, "lease_until_ms"),
    (Slot, "until_ms"),
    (Worker, "until_ms"),
)


_LEASE_CLOCK: dict[str, ColumnElement[int]] = {
    "postgresql": func.floor(func.extract("epoch", func.clock_timestamp()) * 1000),
    # Read when the statement is executed, so that one made once can hold it.
    "sqlite": bindparam("boot_clock", callable_=lambda: boot_clock_ms(), type_=BigInteger()),
}


def lease_clock(dialect: str) -> ColumnElement[int]:
    """Return the lease clock in milliseconds as an SQL expression.

    PostgreSQL's own clock; on SQLite the boot clock, which no one can set.
    """
    return _LEASE_CLOCK[dialect]


def lease_now(session: AsyncSession) -> ColumnElement[int]:
    """Return the lease clock of a session's database."""
    return lease_clock(session.get_bind().dialect.name)


async def lease_clock_ms(session: AsyncSession) -> int:
    """Return the lease clock's present value in milliseconds."""
    if session.get_bind().dialect.name == "sqlite":
        return boot_clock_ms()
    return int((await session.execute(select(lease_now(session)))).scalar_one())


def network_file_system(path: Path) -> str | None:
    """Return the kind of network file system that `path` lies on, or None."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return None  # no /proc: only Linux can be asked this way
    best, kind = "", ""
    for line in lines:
        _, mount, name, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        if path.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, name
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


@overload
def _make_engine(url: str, begin: str, pool_size: int) -> AsyncEngine: ...


@overload
def _make_engine(url: str, begin: str, pool_size: int, *, threads: Literal[True]) -> Engine: ...


def _make_engine(
    url: str, begin: str, pool_size: int, *, threads: bool = False
) -> AsyncEngine | Engine:
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 10,
        "hide_parameters": True,
        # Evidence is most of what is written: this library takes a tenth of json's time for it.
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }
    if not is_sqlite:
        # A server that vanished without a word must not hold a thread for minutes.
        options["connect_args"] = {
            "connect_timeout": 10,
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        }
        options["pool_pre_ping"] = True
    if threads:
        made: AsyncEngine | Engine = create_engine(url.replace("+aiosqlite", ""), **options)
    else:
        made = create_async_engine(url, **options)
    if is_sqlite:
        engine = made.sync_engine if isinstance(made, AsyncEngine) else made
        cache_kib = _WRITER_CACHE_KIB if threads and begin != "BEGIN" else _CACHE_KIB
        event.listen(engine, "connect", lambda one, _: _prepare_sqlite(one, cache_kib))

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql(begin)

    return made


def _prepare_sqlite(connection: Any, cache_kib: int) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver does
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=20000",
        f"cache_size=-{cache_kib}",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
