"""Opening an instrument's source by its mover, and what movers must remember beyond a process.

The secret is decrypted by whoever opens, and stays in the memory of that process.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.models import Instrument, MoverTask, ServiceAccount
from app.services.credentials import Vault
from app.transfers.adapted import AdaptedSource, translated
from app.transfers.landing import Landing
from app.transfers.movers import (
    DEFAULTS,
    LOCAL,
    RCLONE,
    ensure_available,
    ensure_suitable,
    known_movers,
    mover_name,
    options_of,
)
from streamweave_sdk.transfers import Place, Surroundings

# What decides how a source is reached, as instruments and drafts of them have it.
FIELDS = ("protocol", "host", "port", "url", "root", "host_key", "mover", "mover_options")


@dataclass(frozen=True)
class MoverFacts:
    """A mover, for whoever chooses one."""

    name: str
    title: str
    version: str
    protocols: list[str]
    default_for: list[str]
    needs: list[str]
    options_schema: dict[str, Any]
    problem: str | None


def mover_facts() -> list[MoverFacts]:
    """Return the movers of this installation, by name."""
    return [
        MoverFacts(
            name=mover.name,
            title=mover.title,
            version=mover.version,
            protocols=sorted(mover.protocols),
            default_for=sorted(p for p, default in DEFAULTS.items() if default == mover.name),
            needs=sorted(mover.needs),
            options_schema=mover.options_model.model_json_schema(),
            problem=mover.problem(),
        )
        for _, mover in sorted(known_movers().movers.items())
    ]


def mover_problems() -> Mapping[str, str]:
    """Return the packages that could not be loaded, and why."""
    return known_movers().problems


class InstrumentTasks:
    """The book of tasks of one instrument."""

    def __init__(self, database: Database, instrument_id: uuid.UUID) -> None:
        self._database = database
        self._instrument_id = instrument_id

    async def remember(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record under a key; committed when this returns."""
        values = {"record": dict(record), "created_at": utcnow()}

        async def work(session: AsyncSession) -> None:
            known = await session.get(MoverTask, (self._instrument_id, key))
            if known is None:
                session.add(MoverTask(instrument_id=self._instrument_id, key=key, **values))
            else:
                known.record = dict(record)

        await self._database.run(work)

    async def recall(self) -> Mapping[str, Mapping[str, Any]]:
        """Return all records, by key, oldest first."""
        query = (
            select(MoverTask.key, MoverTask.record)
            .where(MoverTask.instrument_id == self._instrument_id)
            .order_by(MoverTask.created_at, MoverTask.key)
        )
        async with self._database.read() as session:
            return {key: record for key, record in (await session.execute(query)).all()}

    async def forget(self, key: str) -> None:
        """Drop a record; none there is fine."""
        query = delete(MoverTask).where(
            MoverTask.instrument_id == self._instrument_id, MoverTask.key == key
        )

        async def work(session: AsyncSession) -> None:
            await session.execute(query)

        await self._database.run(work)


class NoTasks:
    """The book of a source that is only looked at: it is not saved, or nothing is brought."""

    async def remember(self, key: str, record: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    async def recall(self) -> Mapping[str, Mapping[str, Any]]:
        """Nothing is known."""
        return {}

    async def forget(self, key: str) -> None:
        """Nothing is there."""


@dataclass(frozen=True)
class Reach:
    """How a source is to be opened."""

    source: Mapping[str, Any]  # the fields of `FIELDS`
    account: ServiceAccount | None
    connections: int = 1
    bandwidth_bytes_per_second: int | None = None
    instrument_id: uuid.UUID | None = None


def chosen_mover(source: Mapping[str, Any]) -> str:
    """Return the name of the mover of a source."""
    return mover_name(str(source["protocol"]), str(source.get("mover") or ""))


def is_adapted(source: Mapping[str, Any]) -> bool:
    """Whether a source is opened by a mover of the SDK's contract, not by rclone or ourselves."""
    return chosen_mover(source) not in (RCLONE, LOCAL)


def fields_of(instrument: Instrument) -> dict[str, Any]:
    """Return what decides how an instrument's source is reached."""
    return {name: getattr(instrument, name) for name in FIELDS}


def place_of(source: Mapping[str, Any]) -> Place:
    """Return the place of a source, without its secret."""
    return Place(
        protocol=str(source["protocol"]),
        root=str(source.get("root") or ""),
        host=str(source.get("host") or ""),
        port=source.get("port"),
        url=str(source.get("url") or ""),
        host_key=str(source.get("host_key") or ""),
    )


@dataclass(frozen=True)
class MoverOpener:
    """Opens sources by their movers, for one process."""

    database: Database
    settings: Settings
    vault: Vault

    async def __call__(self, reach: Reach) -> AdaptedSource:
        """Open a source by its mover.

        Raises:
            StreamWeaveError: `mover_unknown`, `mover_unavailable`, `mover_unsuitable`,
                `landing_full`, or what the mover says.
        """
        mover = known_movers().find(chosen_mover(reach.source))
        ensure_available(mover)
        options = options_of(mover, reach.source.get("mover_options") or {})
        place = self._place(reach)
        ensure_suitable(mover, place, options)
        tasks = (
            InstrumentTasks(self.database, reach.instrument_id)
            if reach.instrument_id
            else NoTasks()
        )
        landing = await asyncio.to_thread(Landing, self.settings.data / "landing")
        try:
            with translated("opening"):
                source = await mover.open(place, options, Surroundings(landing.folder, tasks))
        except BaseException:
            await asyncio.to_thread(landing.remove)
            raise
        return AdaptedSource(
            source,
            folder=landing.folder,
            timeout_seconds=self.settings.io_timeout_seconds,
            at_close=landing.remove,
        )

    def _place(self, reach: Reach) -> Place:
        account = reach.account
        return replace(
            place_of(reach.source),
            username=account.username if account else "",
            secret=self.vault.decrypt(account.secret_encrypted) if account else "",
            secret_kind=account.secret_kind if account else "password",
            connections=reach.connections,
            bandwidth_bytes_per_second=reach.bandwidth_bytes_per_second,
            timeout_seconds=self.settings.io_timeout_seconds,
        )
