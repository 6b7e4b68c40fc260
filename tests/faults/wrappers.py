"""Sources and storages that do something at a chosen moment, around real ones."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from app.errors import StreamWeaveError
from app.harvest.engine import Engine
from app.models import StorageLocation
from app.transfers.base import Entry, FileFacts, Source, Storage, StorageBatch, Target

Act = Callable[[bytes], Awaitable[None]]


class SourceWithMoments:
    """A source that calls back after the first chunk of a file (or before an empty one ends)."""

    def __init__(self, source: Source, after_first_chunk: Act) -> None:
        self._source = source
        self._act = after_first_chunk
        self.capabilities = source.capabilities

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        return await self._source.list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        return await self._source.stat(paths)

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        acted = False
        async with contextlib.aclosing(self._source.read(path, size_bytes)) as chunks:
            async for chunk in chunks:
                yield chunk
                if not acted:
                    acted = True
                    await self._act(path)

    async def close(self) -> None:
        await self._source.close()


class BatchWithMoments:
    """A storage batch that calls back after a named step."""

    def __init__(self, batch: StorageBatch, after: dict[str, Callable[..., Awaitable[None]]]):
        self._batch = batch
        self._after = after

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._batch, name)
        act = self._after.get(name)
        if act is None:
            return step

        async def stepped(*args: Any, **kwargs: Any) -> Any:
            answer = await step(*args, **kwargs)
            await act(self._batch, *args)
            return answer

        return stepped


def watch_storage(engine: Engine, **after: Callable[..., Awaitable[None]]) -> None:
    """Make the engine's storages call back after the named steps of a batch."""
    wrap_batches(engine, lambda batch: BatchWithMoments(batch, after))


def wrap_batches(engine: Engine, wrap: Callable[[StorageBatch], Any]) -> None:
    """Put something around each batch of the engine's storages."""
    real = engine.storage

    async def storage(row: StorageLocation) -> Any:
        return _WrappedStorage(await real(row), wrap)

    engine.storage = storage  # type: ignore[method-assign]


class _WrappedStorage:
    """A storage whose batches have something around them."""

    def __init__(self, storage: Storage, wrap: Callable[[StorageBatch], Any]) -> None:
        self._storage = storage
        self._wrap = wrap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[Any]:
        async with self._storage.batch() as inner:
            yield self._wrap(inner)


def temporary_of(batch: Any, target: Target) -> bytes:
    """The temporary name of a target, as the storage makes it."""
    name: bytes = batch._temporary_name(target)
    return name
