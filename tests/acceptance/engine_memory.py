"""Harvests a folder with an engine of its own and tells its peak memory; run as a process.

python -m tests.acceptance.engine_memory SOURCE TARGET DATABASE_URL
"""

import asyncio
import json
import sys
import uuid
from pathlib import Path
from time import monotonic

from app.database import Database
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import engine_for
from tests.integration.factories import make_instrument, make_storage


async def main(source: Path, target: Path, url: str) -> None:
    """Harvest everything, then look once more."""
    database = Database(url)
    instrument = await make_instrument(database, quiet_seconds=0.0)
    await make_storage(database, target, instrument)

    async def open_source(instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    engine = engine_for(database, open_source)
    began = monotonic()
    await engine.scan(instrument)
    scanned = monotonic()
    copies = 0
    while done := await engine.transfer(["main"]):
        copies += done
    seconds = monotonic() - scanned
    again = await engine.scan(instrument)
    assert again is not None
    peak = next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    answer = {
        "copies": copies,
        "scan_seconds": round(scanned - began, 2),
        "transfer_seconds": round(seconds, 2),
        "files_per_second": round(copies / seconds, 1),
        "peak_mib": peak // 1024,
        "unchanged_directories": again.scan.unchanged_directories,
    }
    print(json.dumps(answer))  # noqa: T201  the answer of this process
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
