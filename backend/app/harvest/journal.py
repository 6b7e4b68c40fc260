"""Reading the destinations' journals before planning, so that no ARK is minted twice.

The database may have been restored from an older backup; the journal was synced with the files.
"""

import uuid

from app.database import Database
from app.harvest.store import journals
from app.transfers.base import Storage

_BLOCK = 1 << 20


async def read_journals(
    database: Database, storage_location_id: uuid.UUID, storage: Storage
) -> int:
    """Read what was added to a storage location's journals; return how many lines were news."""
    async with database.read() as session:
        read = await journals.positions(session, storage_location_id)
    news = 0
    for name, size in (await storage.journals()).items():
        position = read.get(name, 0)
        while position < size:
            block = await storage.read_journal(name, position, _BLOCK)
            # A torn line at the end is read again when it is whole.
            whole = block[: block.rfind(b"\n") + 1]
            if not whole:
                break
            position += len(whole)
            lines = whole.splitlines()
            news += await database.run(
                lambda s, n=name, ls=lines, p=position: journals.take_lines(  # type: ignore[misc]
                    s, storage_location_id, n, ls, p
                )
            )
    return news
