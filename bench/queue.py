"""Claiming a batch with 1,000 and with 500,000 copies waiting, and the share of the others.

Claims are the engine's own, look for work included, alternately on a database with few and one with
many; what was claimed is given back in between. Fair share: two hands of a real run transfer from
an instrument with all those waiting copies; meanwhile three new files of another one are written,
scanned and delivered. Its reference in the same run: the same with the first instrument paused.
"""

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from app.clock import monotonic as lease_clock
from app.clock import utcnow
from app.database import Database
from app.harvest.engine import Engine
from app.harvest.run import Run, RunSettings
from app.harvest.store import claiming
from app.harvest.store.claiming import Lease
from app.models import Copy, CopyState, Instrument, RunKind, RunState, new_id
from app.models import Run as RunRow
from bench.databases import KINDS, made, refresh_statistics
from bench.local import local_engine
from bench.report import ratios, say, spread
from bench.rows import SeededLab, seed_lab, seed_waiting

if TYPE_CHECKING:
    from bench.__main__ import Options

_FEW, _MANY = 1_000, 500_000
_CLAIMS = 15  # a round, on each of the two
_REAL_FILES = 12_000  # as many as the hands can take before a round ends
_PATIENCE_SECONDS = 60.0
_PROBES = 3  # fair share: lone and beside the others, in each round
_TABLES = ("source_files", "versions", "copies", "instruments", "scan_state", "slots")


def run(options: "Options") -> dict[str, Any]:
    """Measure on both databases."""
    answer: dict[str, Any] = {"few": _FEW, "many": options.rows or _MANY}
    for kind in KINDS:
        folder = options.folder / kind
        folder.mkdir()
        with made(kind, folder) as few, made(kind, folder) as many:
            answer[kind] = asyncio.run(_measure(few, many, folder, options))
        say(f"{kind}: {answer[kind]}")
    worst = max(KINDS, key=lambda kind: answer[kind]["claim_ms_many"]["median"])
    for key in ("claim_ms_many", "many_vs_few", "others_vs_alone"):
        answer[key] = answer[worst][key]
    return answer


async def _measure(few: str, many: str, folder: Path, options: "Options") -> dict[str, Any]:
    small, large = Database(few), Database(many)
    await seed_waiting(small, await seed_lab(small, 3), _FEW)
    lab = await seed_lab(large, 3, folder)
    began = monotonic()
    await seed_waiting(large, lab, options.rows or _MANY)
    for database in (small, large):
        await refresh_statistics(database, _TABLES)
    say(f"{monotonic() - began:.0f} s to make the rows.")
    answer = await _claims(small, large, options.rounds)
    answer |= await _share(large, lab, folder, options.rounds)
    await small.close()
    await large.close()
    return answer


# --- claims --------------------------------------------------------------------------------------


async def _claims(small: Database, large: Database, rounds: int) -> dict[str, Any]:
    engines = [local_engine(database, {}) for database in (small, large)]
    for engine in engines:
        await _claim(engine)  # statements are compiled at the first
    few: list[float] = []
    many: list[float] = []
    for _ in range(rounds):
        figures: tuple[list[float], list[float]] = ([], [])
        for _ in range(_CLAIMS):
            for engine, found in zip(engines, figures, strict=True):
                found.append(await _claim(engine))
        few.append(spread(figures[0])["median"])
        many.append(spread(figures[1])["median"])
    return {
        "claim_ms_few": spread(few),
        "claim_ms_many": spread(many),
        "many_vs_few": ratios(many, few),
    }


async def _claim(engine: Engine) -> float:
    """Claim a batch as a hand does, give it back; return the milliseconds of the claim."""
    lease = Lease(f"bench/{new_id()}", 60.0)
    engine._reaped_at = lease_clock()  # the look for the dead happens every 5 s, not here
    began = monotonic()
    batch = await engine._claim(["main"], None, lease)
    took = monotonic() - began
    if batch is None or len(batch.copies) != 200:
        raise RuntimeError("a claim found less than a whole batch")
    engine.put_down(batch)
    await engine.database.run(lambda s: claiming.release(s, lease.owner))
    return 1000 * took


# --- fair share ----------------------------------------------------------------------------------


async def _share(database: Database, lab: SeededLab, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds from three new files to `available`, alone and beside the many."""
    names = {one: folder / f"lab-{n}" for n, one in enumerate(lab.instruments, 1)}
    for path in names.values():
        path.mkdir()
    _write_head(names[lab.instruments[0]])
    # What was claimed and given back is due later than the rest: the head is what was not.
    async with database.write() as session:
        await session.execute(update(Copy).values(due_at=utcnow()))
    engine = local_engine(database, names)
    alone: list[float] = []
    beside: list[float] = []
    async with _hands(engine):
        for number in range(rounds * _PROBES):
            for paused, figures in ((True, alone), (False, beside)):
                await _pause(database, lab.instruments[0], paused)
                where = (lab.instruments[1], names[lab.instruments[1]])
                figures.append(await _three_files(engine, *where, f"{number}-{paused}"))
    return {
        "alone_seconds": spread(alone),
        "beside_many_seconds": spread(beside),
        "others_vs_alone": ratios(beside, alone),
    }


def _write_head(folder: Path) -> None:
    for number in range(1, _REAL_FILES + 1):
        path = folder / f"run {number // 100}" / f"file {number}.raw"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 1000)
        os.utime(path, ns=(1000, 1000))


@contextlib.asynccontextmanager
async def _hands(engine: Engine) -> AsyncIterator[None]:
    """The hands of a run that drains the zone."""
    async with engine.database.write() as session:
        row = RunRow(
            kind=RunKind.DRAIN, zone="main", state=RunState.LIVE, trigger="drain",
            requested_at=utcnow(), counters={},
        )  # fmt: skip
        session.add(row)
    run = Run(engine, row.id, ["main"], RunSettings())
    async with run.alive() as mine:
        if not mine:
            raise RuntimeError("the run is not ours")
        yield


async def _until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so: rows of others tell nobody when they change."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await question():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _pause(database: Database, instrument: uuid.UUID, paused: bool) -> None:
    async with database.write() as session:
        await session.execute(
            update(Instrument).where(Instrument.id == instrument).values(paused=paused)
        )
    try:
        await _until(lambda: _has_copies(database, instrument, flying=True, expected=not paused))
    except TimeoutError:
        raise RuntimeError("the waiting copies are used up: more --rows are needed") from None


async def _has_copies(
    database: Database, instrument: uuid.UUID, *, flying: bool, expected: bool
) -> bool:
    """Whether copies are, or are not, in a worker's hands (or, not flying: waiting, too)."""
    states = [CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING]
    if not flying:
        states += [CopyState.QUEUED, CopyState.RETRY_WAIT]
    async with database.read() as session:
        found = await session.scalar(
            select(Copy.id).where(Copy.instrument_id == instrument, Copy.state.in_(states)).limit(1)
        )
    return (found is not None) is expected


async def _three_files(engine: Engine, instrument: uuid.UUID, folder: Path, name: str) -> float:
    for number in range(3):
        (folder / f"{name}-{number}.raw").write_bytes(os.urandom(1000))
    began = monotonic()
    for _ in range(2):
        await engine.scan(instrument)
    await _until(lambda: _has_copies(engine.database, instrument, flying=False, expected=False))
    return monotonic() - began
