"""Named moments in a worker's life at which it stops until the round has done something.

In the worker: `Moments` and the wrappers that reach them. A moment is a name and an ordinal: the
third `read` is ("read", 3). The round answers with what the worker has to do to itself.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from multiprocessing.connection import Connection
from typing import Any

from app.harvest.engine import Engine
from app.transfers.base import Piece, Source, Target, Wanted, chunks_of, read_many
from tests.faults.wrappers import wrap_batches

Moment = tuple[str, int]
# Steps of a storage batch: a moment stands before or after each of them.
STEPS = ("create", "make_durable", "read_back", "publish", "sync_names", "remove_temporary")


class Moments:
    """The worker's end of the talk."""

    def __init__(
        self,
        wanted: Collection[Moment],
        connection: "Connection[Any, Any]",
        obey: Callable[[dict[str, Any]], None],
    ) -> None:
        self._wanted = set(wanted)
        self._names = {name for name, _ in wanted}
        self._connection = connection
        self._obey = obey
        self._seen: Counter[str] = Counter()

    def reach(self, name: str, path: bytes = b"") -> None:
        """Stand still here if the round asked for it, as a stopped process does."""
        if name not in self._names:
            return
        self._seen[name] += 1
        if (name, self._seen[name]) in self._wanted:
            self._connection.send((name, path))
            self._obey(self._connection.recv())


class MomentSource:
    """A source around a real one; `read` is after the first chunk, or before an empty file ends."""

    def __init__(self, source: Source, moments: Moments) -> None:
        self._source = source
        self._moments = moments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def list_directory(self, directory: bytes) -> Any:
        self._moments.reach("list", directory)
        return await self._source.list_directory(directory)

    async def stat(self, paths: Any) -> Any:
        self._moments.reach("stat")
        return await self._source.stat(paths)

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks_of(self.read_many([Wanted(path, size_bytes)])):
            yield chunk

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        begun = -1
        async with contextlib.aclosing(read_many(self._source, files)) as pieces:
            async for number, piece in pieces:
                if piece is None and begun < number:
                    self._moments.reach("read", files[number].path)
                yield number, piece
                if isinstance(piece, bytes) and begun < number:
                    begun = number
                    self._moments.reach("read", files[number].path)


def _copies(arguments: Sequence[Any]) -> bytes:
    """Which copies a step is about: their ids, separated by commas."""
    first = arguments[0] if arguments else ()
    targets = first if isinstance(first, Sequence) else (first,)
    return ",".join(one.copy_id.hex for one in targets if isinstance(one, Target)).encode()


class _MomentBatch:
    """A storage batch around a real one."""

    def __init__(self, batch: Any, moments: Moments) -> None:
        self._batch = batch
        self._moments = moments

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._batch, name)
        if name not in STEPS:
            return step

        async def stepped(*args: Any, **kwargs: Any) -> Any:
            copies = _copies(args)
            self._moments.reach(f"before {name}", copies)
            answer = await step(*args, **kwargs)
            self._moments.reach(f"after {name}", copies)
            return answer

        return stepped


def with_moments(engine: Engine, moments: Moments) -> None:
    """Put the moments of storage batches into an engine."""
    wrap_batches(engine, lambda batch: _MomentBatch(batch, moments))
