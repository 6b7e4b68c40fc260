"""The connection to a server: made when it is needed, made again after it broke, shared by calls.

Promised: every wait has an end; many who need a connection make one; a refused log-on is not
repeated until somebody allows it (`renew`), so that no account is locked out. Not promised: that a
call is repeated. What may be repeated is known to the caller alone.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from app.clock import monotonic
from app.errors import StreamWeaveError

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
T = TypeVar("T")
LISTING_SECONDS = 600.0  # of one folder, which may be very large
# After these the connection is of no use to others either.
BROKEN = frozenset({"storage_connection_lost", "storage_stalled", "storage_unreachable"})
_QUICK = frozenset({"storage_connection_lost", "storage_unreachable"})
_STICKY = frozenset({"storage_logon_failed", "storage_host_key_mismatch"})
_UNREACHABLE = {
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ETIMEDOUT,
}


class Connector(Protocol[S]):
    """How a protocol's connection is made, and what its failures mean."""

    raises: tuple[type[Exception], ...]  # what its library raises

    async def connect(self) -> S:
        """Connect and log on."""
        ...

    def is_open(self, session: S) -> bool:
        """Say whether a connection is still of use, without asking the server."""
        ...

    def cut(self, session: S) -> None:
        """Drop a connection at once; calls on it fail."""
        ...

    def error(self, raised: Exception, step: str) -> StreamWeaveError:
        """Return the catalogued error of a failed step."""
        ...


class Line(Generic[S]):
    """The one connection that all calls of a storage share."""

    def __init__(self, connector: Connector[S], place: str, timeout_seconds: float) -> None:
        self._connector = connector
        self._place = place
        self._seconds = timeout_seconds
        self._session: S | None = None
        self._making = asyncio.Lock()
        self._tries = 0
        self._failure: StreamWeaveError | None = None
        self._refused_until = float("-inf")

    def renew(self) -> None:
        """Allow one more log-on after a refused one, and a try after a long wait in vain."""
        self._failure = None
        self._refused_until = float("-inf")

    async def session(self) -> S:
        """Return the connection, made now when there is none.

        Raises:
            StreamWeaveError: why it could not be made; who waited for the same try gets the same.
        """
        if (session := self._usable()) is not None:
            return session
        tries = self._tries
        async with self._making:
            if (session := self._usable()) is not None:
                return session
            failure = self._failure
            if failure is not None and (self._tries != tries or self._is_refused(failure)):
                raise StreamWeaveError(failure.code, failure.detail)
            self._tries += 1
            began = monotonic()
            try:
                self._session = await self._bounded(self._connector.connect(), "connecting", None)
            except StreamWeaveError as error:
                self._note(error, began)
                raise
            self._failure = None
            return self._session

    def _note(self, error: StreamWeaveError, began: float) -> None:
        """Refuse what comes next for as long as this one waited: many wait no longer than one."""
        self._failure = error
        self._refused_until = monotonic() + (monotonic() - began)

    def _is_refused(self, failure: StreamWeaveError) -> bool:
        return failure.code in _STICKY or monotonic() < self._refused_until

    def _usable(self) -> S | None:
        session = self._session
        return session if session is not None and self._connector.is_open(session) else None

    async def call(
        self, step: str, work: Callable[[S], Awaitable[T]], *, seconds: float | None = None
    ) -> T:
        """Do something on the connection."""
        return await self.on(await self.session(), step, work, seconds=seconds)

    async def on(
        self,
        session: S,
        step: str,
        work: Callable[[S], Awaitable[T]],
        *,
        seconds: float | None = None,
    ) -> T:
        """Do something on the very connection that a handle belongs to."""
        began = monotonic()
        try:
            return await self._bounded(work(session), step, seconds)
        except StreamWeaveError as error:
            if error.code in BROKEN or error.code in _STICKY:
                if session is self._session and error.code not in _QUICK:
                    self._note(error, began)
                self._drop(session)
            raise

    async def _bounded(self, work: Awaitable[T], step: str, seconds: float | None) -> T:
        limit = max(seconds or 0, self._seconds)
        clock = asyncio.timeout(limit)
        try:
            async with clock:
                return await work
        except TimeoutError as error:
            if clock.expired():
                raise StreamWeaveError(
                    "storage_stalled", f"{self._place}: {step}: no answer for {limit:g} s."
                ) from error
            raise self._connector.error(error, step) from error
        except self._connector.raises as error:
            raise self._connector.error(error, step) from error

    def _drop(self, session: S) -> None:
        if session is self._session:
            self._session = None
        self._connector.cut(session)

    def close(self) -> None:
        """Drop the connection."""
        if self._session is not None:
            self._drop(self._session)


def network_error(error: OSError, step: str) -> StreamWeaveError:
    """Return the catalogued error of a connection that failed or could not be made."""
    said = f"{step}: {error.strerror or error or type(error).__name__}"
    if isinstance(error, socket.gaierror):
        return StreamWeaveError("storage_host_unknown", said)
    if error.errno in _UNREACHABLE or isinstance(error, TimeoutError):
        return StreamWeaveError("storage_unreachable", said)
    return StreamWeaveError("storage_connection_lost", said)
