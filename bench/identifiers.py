"""ARKs minted and stored, in the engine's batches and one transaction each.

Reference in the same run: the same rows, drawn before, inserted by the driver's executemany in the
same batches, without any check that a name is free.
"""

import asyncio
import uuid
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.harvest.look import BATCH
from app.services.identifiers.ark import ArkMinter
from bench.databases import KINDS, execute, made
from bench.report import ratios, say, spread
from bench.rows import seed_files, seed_lab

if TYPE_CHECKING:
    from bench.__main__ import Options

_ROWS = 40_000
_INSERTS = {
    "sqlite": "INSERT INTO identifiers (value, scheme, source_file_id, created_at) "
    "VALUES (?, 'ark', ?, ?)",
    "postgresql": "INSERT INTO identifiers (value, scheme, source_file_id, created_at) "
    "VALUES (%s, 'ark', %s, %s)",
}


def run(options: "Options") -> dict[str, Any]:
    """Measure on both databases."""
    answer: dict[str, Any] = {"identifiers": options.rows or _ROWS, "batch": BATCH}
    for kind in KINDS:
        with made(kind, options.folder) as url:
            answer[kind] = asyncio.run(_rounds(url, kind, options))
    answer["identifiers_per_second"] = answer["sqlite"]["identifiers_per_second"]
    answer["vs_bare_insert"] = answer["sqlite"]["vs_bare_insert"]
    return answer


async def _rounds(url: str, kind: str, options: "Options") -> dict[str, Any]:
    database = Database(url)
    count = options.rows or _ROWS
    lab = await seed_lab(database, 1)
    ids = await seed_files(database, lab.instruments[0], count)
    minter = ArkMinter("99999", "sw1")
    own, bare = [], []
    for number in range(1, options.rounds + 1):
        await execute(database, "DELETE FROM identifiers")
        bare.append(await _bare(database, kind, ids, minter))
        await execute(database, "DELETE FROM identifiers")
        own.append(await _mint(database, ids, minter))
        say(f"{kind}, round {number}: ours {own[-1]:,.0f}, bare insert {bare[-1]:,.0f} a second.")
    await database.close()
    return {
        "identifiers_per_second": spread(own),
        "bare_insert_per_second": spread(bare),
        "vs_bare_insert": ratios(own, bare),
    }


def _batches(ids: Sequence[Any]) -> list[Sequence[Any]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


async def _mint(database: Database, ids: Sequence[uuid.UUID], minter: ArkMinter) -> float:
    began = monotonic()
    for batch in _batches(ids):
        await database.run(lambda s, b=batch: minter.mint(s, b))  # type: ignore[misc]
    return len(ids) / (monotonic() - began)


async def _bare(
    database: Database, kind: str, ids: Sequence[uuid.UUID], minter: ArkMinter
) -> float:
    now = utcnow()
    rows = [
        (ark, one.hex, now.isoformat(" ")) if kind == "sqlite" else (ark, one, now)
        for ark, one in zip(minter.draw(len(ids)), ids, strict=True)
    ]
    began = monotonic()
    for batch in _batches(rows):

        async def work(session: AsyncSession, batch: Any = batch) -> None:
            connection = await session.connection()
            await connection.exec_driver_sql(_INSERTS[kind], list(batch))

        await database.run(work)
    return len(ids) / (monotonic() - began)
