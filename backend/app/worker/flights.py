"""Flight checks, flown by the worker that reaches both ends; each station is told as it is reached.

A flight takes one of the instrument's connections, like all other work.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.flight import fly, remove_scratch, scratch_copy
from app.harvest.opened import OpenInstruments
from app.harvest.ports import Ports
from app.harvest.store import instruments
from app.harvest.store.instruments import InstrumentFacts
from app.models import Check, StorageLocation
from app.transfers.base import FileFacts, Source, Storage
from app.transfers.paths import display
from app.worker.browsing import smallest

logger = logging.getLogger("streamweave.flights")
KIND = "flight"
_EARLIER = 20
_PATIENCE_SECONDS = 30.0


@dataclass
class _Log:
    """The stations of a flight so far, written as they come."""

    database: Database
    flight_id: uuid.UUID
    stations: list[dict[str, Any]]

    async def add(
        self,
        station: str,
        seconds: float,
        *,
        place: StorageLocation | None = None,
        evidence: dict[str, Any] | None = None,
        error: StreamWeaveError | None = None,
    ) -> None:
        """Tell of a station."""
        told: dict[str, Any] = {
            "station": station,
            "storage_location_id": str(place.id) if place else None,
            "storage_name": place.name if place else None,
            "ok": error is None,
            "seconds": round(seconds, 3),
            "evidence": evidence or {},
        }
        if error is not None:
            told |= {"code": error.code, "detail": error.detail, "remedy": error.entry.remedy}
        self.stations.append(told)
        await self.save()

    async def save(self, *, is_over: bool = False) -> None:
        """Write what is known."""
        result: dict[str, Any] = {"stations": self.stations}
        if is_over:
            result["ok"] = all(one["ok"] for one in self.stations)
        values = {"result": result, **({"done_at": utcnow()} if is_over else {})}

        async def work(session: AsyncSession) -> None:
            await session.execute(update(Check).where(Check.id == self.flight_id).values(**values))

        await self.database.run(work)


class Flights:
    """Flies what is asked for in a worker's zones, one at a time."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self._database = database
        self._ports = ports
        self._opened = OpenInstruments(database, ports)

    async def fly_next(self, zones: list[str]) -> bool:
        """Take the oldest flight that nobody flies; return whether there was one."""
        check = await self._database.run(lambda s: self._take(s, zones))
        if check is None:
            return False
        log = _Log(self._database, check.id, [])
        keeping = asyncio.create_task(self._keep())
        try:
            await self._fly(uuid.UUID(str(check.request["instrument_id"])), log)
        except SQLAlchemyError:
            raise  # the database is away: nothing more can be told
        except Exception:
            logger.exception("a flight ended in an unexpected error")
            error = StreamWeaveError("internal_error", "The worker's log has the cause.")
            await log.add("source", 0, error=error)
        finally:
            keeping.cancel()
        await log.save(is_over=True)  # not when cancelled: it did not arrive
        return True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._ports.settings.lease_seconds / 3)
            await self._opened.keep()

    async def _take(self, session: AsyncSession, zones: list[str]) -> Check | None:
        check = await session.scalar(
            select(Check)
            .where(Check.zone.in_(zones), Check.claimed_by.is_(None), Check.kind == KIND)
            .order_by(Check.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if check is not None:
            check.claimed_by = self._ports.settings.worker
        return check

    async def _fly(self, instrument_id: uuid.UUID, log: _Log) -> None:
        facts = await self._database.ask(lambda s: instruments.load(s, instrument_id))
        if facts is None:
            await log.add("source", 0, error=StreamWeaveError("not_found", "It is gone."))
            return
        places = await self._places(facts)
        began = monotonic()
        try:
            async with self._opened.hold(facts, patience_seconds=_PATIENCE_SECONDS) as opened:
                if opened is None:
                    raise StreamWeaveError("instrument_busy")
                await self._from(opened.source, facts, places, log)
        except StreamWeaveError as error:
            await self._opened.note_logon(instrument_id, error)
            await log.add("source", monotonic() - began, error=error)

    async def _places(self, facts: InstrumentFacts) -> list[StorageLocation]:
        async with self._database.read() as session:
            return [
                await instruments.storage_location(session, one.storage_location_id)
                for one in facts.destinations
            ]

    async def _from(
        self, source: Source, facts: InstrumentFacts, places: list[StorageLocation], log: _Log
    ) -> None:
        """Look for a file, and take it everywhere."""
        file = await self._choose(source, facts, log)
        if file is None:
            return
        path, seen = file
        if not places:
            await log.add("ready", 0, error=StreamWeaveError("storage_not_configured"))
        copy = scratch_copy(log.flight_id, path, seen)
        left_over = await self._left_over(facts.id, log.flight_id)
        for place in places:
            began = monotonic()
            copy.enough = facts.enough_at(place.id)
            try:
                storage = await self._ports.open_storage(place)
                await _clear(storage, left_over)
                async for station in fly(copy, source, storage):
                    await log.add(
                        station.name,
                        station.seconds,
                        place=place,
                        evidence=station.evidence,
                        error=station.error,
                    )
            except StreamWeaveError as error:
                await self._ports.open_storage.note(place, error)
                await log.add("ready", monotonic() - began, place=place, error=error)

    async def _choose(
        self, source: Source, facts: InstrumentFacts, log: _Log
    ) -> tuple[bytes, FileFacts] | None:
        """Return the smallest file that is complete, asked about by opening it."""

        async def list_root() -> dict[str, Any]:
            can = source.capabilities
            entries = await source.list_directory(b"")
            return {"mover": can.mover, "protocol": can.protocol, "entries": len(entries)}

        await _timed(log, "source", list_root)
        found: list[tuple[bytes, FileFacts]] = []

        async def choose() -> dict[str, Any]:
            one = await smallest(source.list_directory, facts.quiet_seconds)
            if one is None:
                raise StreamWeaveError("flight_no_file")
            path, listed = one
            (asked,) = await source.stat([path])
            if isinstance(asked, StreamWeaveError):
                raise asked
            found.append((path, asked))
            return {
                "path": display(path),
                "size_bytes": asked.size_bytes,
                "mtime_ns": asked.mtime_ns,
                "same_as_listed": asked == listed,
            }

        if log.stations[-1]["ok"]:
            await _timed(log, "file", choose)
        return found[0] if found else None

    async def _left_over(
        self, instrument_id: uuid.UUID, flight_id: uuid.UUID
    ) -> Sequence[uuid.UUID]:
        """Return the newest earlier flights that did not end well: a scratch object may stand."""
        query = (
            select(Check)
            .where(
                Check.kind == KIND,
                Check.claimed_by.is_not(None),
                Check.id != flight_id,
                Check.request["instrument_id"].as_string() == str(instrument_id),
            )
            .order_by(Check.id.desc())
            .limit(_EARLIER)
        )
        async with self._database.read() as session:
            earlier = (await session.scalars(query)).all()
        return [one.id for one in earlier if not (one.result or {}).get("ok")]


async def _clear(storage: Storage, flight_ids: Sequence[uuid.UUID]) -> None:
    """Remove what these flights left at a storage."""
    for flight_id in flight_ids:
        copy = scratch_copy(flight_id, b"", FileFacts(0, 0))
        with contextlib.suppress(StreamWeaveError):  # the flight itself tells what is wrong
            async with storage.batch() as destination:
                await remove_scratch(copy, storage, destination)


async def _timed(log: _Log, station: str, step: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    began = monotonic()
    try:
        evidence = await step()
    except StreamWeaveError as error:
        await log.add(station, monotonic() - began, error=error)
    else:
        await log.add(station, monotonic() - began, evidence=evidence)
