"""Coroutines of a transaction, run to their end in a thread.

The store's functions are written against AsyncSession. `ThreadSession` has the same methods on a
session of this thread, where each is done by the time it is awaited, so such a coroutine never
waits and `finish` drives it without an event loop.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

T = TypeVar("T")


def finish(work: Awaitable[T]) -> T:
    """Run a coroutine that awaits nothing but a `ThreadSession`; return what it returns.

    Raises:
        RuntimeError: when it waits for something else.
    """
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        answer: T = end.value
        return answer
    raise RuntimeError("a transaction may await nothing but its session")


class ThreadSession:
    """The methods of an AsyncSession that transactions use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.add = session.add
        self.add_all = session.add_all
        self.get_bind = session.get_bind

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        """Execute a statement."""
        return self._session.execute(*arguments, **options)

    async def scalar(self, *arguments: Any, **options: Any) -> Any:
        """Execute and return the first column of the first row."""
        return self._session.scalar(*arguments, **options)

    async def scalars(self, *arguments: Any, **options: Any) -> Any:
        """Execute and return the first column of all rows."""
        return self._session.scalars(*arguments, **options)

    async def get(self, *arguments: Any, **options: Any) -> Any:
        """Return the row of a primary key, or None."""
        return self._session.get(*arguments, **options)

    async def get_one(self, *arguments: Any, **options: Any) -> Any:
        """Return the row of a primary key."""
        return self._session.get_one(*arguments, **options)

    async def merge(self, *arguments: Any, **options: Any) -> Any:
        """Insert or update a row."""
        return self._session.merge(*arguments, **options)

    async def flush(self) -> None:
        """Write what was added or changed."""
        self._session.flush()

    async def refresh(self, *arguments: Any, **options: Any) -> None:
        """Read a row again."""
        self._session.refresh(*arguments, **options)

    async def delete(self, row: object) -> None:
        """Delete a row."""
        self._session.delete(row)

    async def connection(self) -> "ThreadConnection":
        """Return the transaction's connection."""
        return ThreadConnection(self._session.connection())


class ThreadConnection:
    """The methods of an AsyncConnection that transactions use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def exec_driver_sql(self, *arguments: Any) -> Any:
        """Execute a text as the driver wants it."""
        return self._connection.exec_driver_sql(*arguments)
