"""Bandwidth: a token bucket in the reader, as a wrapper with the source's own protocol."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from app.clock import monotonic
from app.errors import StreamWeaveError
from app.transfers.base import Entry, FileFacts, Piece, Source, Wanted, notes_of, read_many


class TokenBucket:
    """Lets `rate` bytes a second pass, with a burst of one second."""

    def __init__(self, rate_bytes_per_second: float) -> None:
        self._rate = rate_bytes_per_second
        self._level = rate_bytes_per_second
        self._at = monotonic()

    async def take(self, amount_bytes: int) -> None:
        """Wait until the bytes may pass; a debt is paid by whoever comes next."""
        now = monotonic()
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
        self._level -= amount_bytes
        if self._level < 0:
            await asyncio.sleep(-self._level / self._rate)


class ThrottledSource:
    """A source whose bytes pass through a token bucket."""

    def __init__(self, source: Source, bucket: TokenBucket) -> None:
        self._source = source
        self._bucket = bucket
        self.capabilities = source.capabilities
        self.notes = notes_of(source)

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Pass through."""
        return await self._source.list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Pass through."""
        return await self._source.stat(paths)

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream, as fast as the bucket lets."""
        async with contextlib.aclosing(self._source.read(path, size_bytes)) as chunks:
            async for chunk in chunks:
                await self._bucket.take(len(chunk))
                yield chunk

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream several, as fast as the bucket lets."""
        async with contextlib.aclosing(read_many(self._source, files)) as pieces:
            async for number, piece in pieces:
                if isinstance(piece, bytes):
                    await self._bucket.take(len(piece))
                yield number, piece

    async def close(self) -> None:
        """Pass through."""
        await self._source.close()
