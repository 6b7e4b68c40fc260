"""Live events: one tail of the outbox a process, shared by all who listen.

Steps: look for new rows (at once when this process numbered some, else every 250 ms); read in the
same transaction who of the listeners is still signed in and what each may see; hand everybody
their rows. Promised: nobody gets a row of what they may not see at that time, and whoever resumes
from a number misses none of theirs, or is told to read everything again (`resync`). Not promised:
one event a row: many at once are told as one a kind and instrument.
"""

import asyncio
import contextlib
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.models import ApiToken, Grant, Outbox, User
from app.services.outbox import newest_seq, oldest_seq, rows_after

logger = logging.getLogger("streamweave.live")
POLL_SECONDS = 0.25
_ACCESS_SECONDS = 2.0  # how late a listener without news learns that the session is over
_ROWS = 1000  # a look
_REPLAYED = 5000  # rows that a listener may have missed; more is a resync
_ONE_BY_ONE = 20  # events of a look; more are told together
_QUEUED = 200  # events that a slow listener may leave unread
Access = dict[bytes, frozenset[uuid.UUID] | None]  # token -> instruments; None: all


@dataclass(frozen=True)
class Sent:
    """One event of the stream; `seq` is what a listener resumes from."""

    event: Literal["hello", "change", "resync", "signed_out"]
    seq: int | None
    values: dict[str, Any]


@dataclass(eq=False)
class Listener:
    """Somebody who listens: what waits to be sent, and what may be seen."""

    token_hash: bytes
    position: int = 0
    instruments: frozenset[uuid.UUID] | None = frozenset()
    waiting: deque[Sent] = field(default_factory=deque)
    over: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, events: Sequence[Sent]) -> None:
        """Queue events; who reads too slowly reads everything again instead."""
        if not events:
            return  # nobody is woken for nothing
        self.waiting.extend(events)
        if len(self.waiting) > _QUEUED:
            self.resync(self.position)
        self.bell.set()

    def resync(self, seq: int) -> None:
        """Forget what waits: it is all in what will be read again."""
        self.waiting.clear()
        self.waiting.append(Sent("resync", seq, {"seq": seq}))
        self.bell.set()

    def end(self) -> None:
        """The session is over."""
        self.waiting.clear()
        self.waiting.append(Sent("signed_out", None, {}))
        self.over = True
        self.bell.set()

    async def next(self, patience_seconds: float) -> Sent | None:
        """Return the next event, or None when there was none for a while."""
        if not self.waiting:
            self.bell.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await self.bell.wait()
        return self.waiting.popleft() if self.waiting else None

    def may_see(self, row: Outbox) -> bool:
        """Return whether a row is this listener's to see: all for admins, else by instrument."""
        return self.instruments is None or row.instrument_id in self.instruments


class Live:
    """The tail of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[Listener] = set()
        self._seq = 0
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    def ring(self) -> None:
        """Look at once: this process has numbered rows."""
        self._bell.set()

    @contextlib.asynccontextmanager
    async def listening(self, token_hash: bytes, after: str | None) -> Any:
        """Listen for the length of a block, from now on or from where one left off."""
        access = await self._database.ask(lambda s: _read_access(s, [token_hash]))
        await self._start()
        # Nothing is awaited between this and being one of them: the tail neither ends nor reads.
        listener = Listener(token_hash, self._seq, access.get(token_hash, frozenset()))
        self._listeners.add(listener)
        try:
            if token_hash not in access:
                listener.end()
            else:
                missed = await self._missed(listener, after)
                # What is missed begins where one left off: then the greeting has no number.
                number = None if missed else listener.position
                greeting = Sent("hello", number, {"seq": listener.position})
                listener.waiting.extendleft(reversed([greeting, *missed]))
                listener.bell.set()
            yield listener
        finally:
            self._listeners.discard(listener)

    async def close(self) -> None:
        """Stop the tail."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _start(self) -> None:
        async with self._starting:
            if self._task is None or self._task.done():
                self._seq = await self._database.ask(newest_seq)
                self._task = asyncio.create_task(self._tail())

    async def _missed(self, listener: Listener, after: str | None) -> list[Sent]:
        """Return what was missed since a number, or the advice to read everything again."""
        if after is None:
            return []
        until = listener.position
        known = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None

        async def work(session: AsyncSession) -> Sequence[Outbox] | None:
            newest, oldest = await newest_seq(session), await oldest_seq(session)
            if known is None or known > newest or known < oldest - 1 or until - known > _REPLAYED:
                return None
            return await rows_after(session, known, max(0, until - known))

        rows = await self._database.ask(work)
        if rows is None:
            return [Sent("resync", until, {"seq": until})]
        assert known is not None
        listener.position = max(known, until)
        return _told(listener, [row for row in rows if (row.seq or 0) <= until], until)

    async def _tail(self) -> None:
        """Look again and again while somebody listens."""
        asked_at = monotonic()
        idle_since = monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._bell.wait()
            self._bell.clear()
            if self._listeners:
                idle_since = monotonic()
            elif monotonic() - idle_since > _ACCESS_SECONDS:
                return  # the next listener starts another one
            try:
                if await self._look(access_is_old=monotonic() - asked_at > _ACCESS_SECONDS):
                    asked_at = monotonic()
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            except Exception:
                logger.exception("a look for news failed; again soon")

    async def _look(self, *, access_is_old: bool) -> bool:
        """Read what is new and hand it out; return whether access was read."""
        tokens = [listener.token_hash for listener in self._listeners]
        seq = self._seq

        async def work(session: AsyncSession) -> tuple[Sequence[Outbox], Access | None]:
            rows = await rows_after(session, seq, _ROWS)
            wanted = bool(rows) or access_is_old
            return rows, await _read_access(session, tokens) if wanted else None

        rows, access = await self._database.ask(work)
        if rows:
            self._seq = int(rows[-1].seq or 0)
        if len(rows) == _ROWS:
            self._bell.set()  # there is more
        if access is None:
            return False
        asked = set(tokens)
        for listener in list(self._listeners):
            # Who came during the look has begun before these rows, and was asked just then.
            known = (
                access
                if listener.token_hash in asked
                else {listener.token_hash: listener.instruments}
            )
            self._hand(listener, rows, known)
        return True

    def _hand(self, listener: Listener, rows: Sequence[Outbox], access: Access) -> None:
        if listener.over:
            return
        if listener.token_hash not in access:
            listener.end()
            return
        before, listener.instruments = listener.instruments, access[listener.token_hash]
        new = [row for row in rows if (row.seq or 0) > listener.position]
        if new:
            listener.position = int(new[-1].seq or 0)
        if listener.instruments != before:
            # Another right: what is on the page may be too much or too little.
            listener.resync(listener.position)
            return
        listener.put(_told(listener, new, listener.position))


def _told(listener: Listener, rows: Sequence[Outbox], until: int) -> list[Sent]:
    """Return the events of rows: each by itself, or together when there are many."""
    seen = [row for row in rows if listener.may_see(row)]
    if len(seen) <= _ONE_BY_ONE:
        return [Sent("change", row.seq, _values(row)) for row in seen]
    groups: dict[tuple[str, uuid.UUID | None], list[Outbox]] = {}
    for row in seen:
        groups.setdefault((row.topic, row.instrument_id), []).append(row)
    told = [
        _values(group[0]) if len(group) == 1 else _together(topic, instrument_id, group)
        for (topic, instrument_id), group in groups.items()
    ]
    # Only the last one carries a number: who resumes in the middle gets them all again.
    return [
        Sent("change", until if index == len(told) - 1 else None, values)
        for index, values in enumerate(told)
    ]


def _values(row: Outbox) -> dict[str, Any]:
    return {"topic": row.topic, "instrument_id": row.instrument_id, "payload": row.payload}


def _together(
    topic: str, instrument_id: uuid.UUID | None, rows: Sequence[Outbox]
) -> dict[str, Any]:
    payload: dict[str, Any] = {"count": sum(int(row.payload.get("count", 1)) for row in rows)}
    sizes = [int(row.payload["size_bytes"]) for row in rows if "size_bytes" in row.payload]
    if sizes:
        payload["size_bytes"] = sum(sizes)
    states = {row.payload.get("state") for row in rows}
    if len(states) == 1 and (state := states.pop()) is not None:
        payload["state"] = state
    return {"topic": topic, "instrument_id": instrument_id, "payload": payload}


async def _read_access(session: AsyncSession, token_hashes: Sequence[bytes]) -> Access:
    """Return what each valid token may see; who is not in it is signed out."""
    people = (
        await session.execute(
            select(ApiToken.token_hash, User.id, User.__table__.c.is_superuser)
            .join(User, User.id == ApiToken.user_id)
            .where(
                ApiToken.token_hash.in_(token_hashes),
                or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > utcnow()),
                User.__table__.c.is_active.is_(True),
            )
        )
    ).all()
    some = {user_id for _, user_id, is_admin in people if not is_admin}
    grants: dict[uuid.UUID, set[uuid.UUID]] = {}
    for user_id, instrument_id in await session.execute(
        select(Grant.user_id, Grant.instrument_id).where(Grant.user_id.in_(some))
    ):
        grants.setdefault(user_id, set()).add(instrument_id)
    return {
        token: None if is_admin else frozenset(grants.get(user_id, ()))
        for token, user_id, is_admin in people
    }
