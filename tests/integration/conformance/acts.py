"""What the engine does with a storage, in one call each."""

import contextlib
import hashlib
import uuid
from dataclasses import dataclass

from app.errors import StreamWeaveError
from app.transfers.base import ObjectFacts, ReadBack, Storage, StorageBatch, Target

MTIME_NS = 1_600_000_000_123_456_700


def target(path: bytes, attempt: int = 1) -> Target:
    """A copy of its own for a path."""
    return Target(path, uuid.uuid4(), attempt)


async def write(
    batch: StorageBatch, aim: Target, content: bytes, *, by: int = 1 << 20
) -> ObjectFacts:
    """Write a temporary in chunks and finish it."""
    temporary = await batch.create(aim, len(content))
    try:
        for start in range(0, len(content), by):
            await temporary.write(content[start : start + by])
    except StreamWeaveError:
        with contextlib.suppress(StreamWeaveError):
            await temporary.abandon()
        raise
    written = await temporary.finish(MTIME_NS)
    if batch.capabilities.sends_batches:
        await durable(batch, aim)  # only now the storage knows of it
    return written


async def durable(batch: StorageBatch, aim: Target, journal: bytes = b"") -> None:
    """Make a temporary durable."""
    failed = await batch.make_durable([aim], journal)
    for error in failed.values():
        raise error


async def read_back(batch: StorageBatch, aim: Target, *, final: bool = False) -> ReadBack:
    """Read one back; its error is raised."""
    (found,) = await batch.read_back([aim], final=final)
    if isinstance(found, StreamWeaveError):
        raise found
    return found


@dataclass(frozen=True)
class Delivered:
    """A published object and what was said of it on the way."""

    aim: Target
    written: ObjectFacts
    read: ReadBack
    published: ObjectFacts


async def deliver(storage: Storage, path: bytes, content: bytes) -> Delivered:
    """Do all that the engine does for one file; the name must be free."""
    aim = target(path)
    by_writing = storage.capabilities.publishes_by_writing
    async with storage.batch() as batch:
        written = await write(batch, aim, content)
        await durable(batch, aim)
        read = None if by_writing else await read_back(batch, aim)
        published = await batch.publish(aim)
        assert published is not None
        if read is None:
            read = await read_back(batch, aim)
        await batch.sync_names([aim])
        await batch.remove_temporary(aim)
    return Delivered(aim, written, read, published)


async def everything(storage: Storage, path: bytes, **part: int) -> bytes:
    """Read a published object, or a part of it."""
    return b"".join([chunk async for chunk in storage.read(path, **part)])  # type: ignore[arg-type]


def sha256(content: bytes) -> bytes:
    """The hash of a content."""
    return hashlib.sha256(content).digest()


async def code_of(storage: Storage) -> str:
    """Return the code with which a storage is not ready; empty when it is."""
    try:
        await storage.check_ready()
    except StreamWeaveError as error:
        return error.code
    return ""
