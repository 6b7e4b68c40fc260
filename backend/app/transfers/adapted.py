"""A mover of the SDK's contract as a source of the engine.

What a mover fetched into its folder is read from there, hashed and written like any stream, so all
storage kinds and all promises hold for it. Errors are translated: a code that the catalogue lacks
becomes `mover_error`.
"""

import asyncio
import contextlib
import errno
import os
import stat as stat_module
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from app.errors import CATALOGUE, StreamWeaveError
from app.transfers.base import Entry, FileFacts, Notes, Piece, Wanted, chunks_of
from app.transfers.calls import calls_of
from app.transfers.paths import name_problem
from streamweave_sdk.transfers import (
    Fetched,
    Fetches,
    MoverSource,
    Progress,
    Streams,
    TransferError,
)

_CHUNK = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
T = TypeVar("T")


class AdaptedSource:
    """The reading end of an instrument that a mover opened."""

    def __init__(
        self,
        source: MoverSource,
        *,
        folder: Path,
        timeout_seconds: float,
        at_close: Callable[[], None] | None = None,
    ) -> None:
        self._source = source
        self._folder = folder
        self._timeout_seconds = timeout_seconds
        self._at_close = at_close
        self.capabilities = source.capabilities
        self.notes: Notes = {}

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        async with self._bounded("listing"):
            entries = await self._source.list_directory(directory)
        return [
            entry._replace(error_code=entry.error_code or name_problem(entry.name))
            for entry in entries
        ]

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Return each file's facts."""
        async with self._bounded("asking for sizes"):
            answers = await self._source.stat(paths)
        if len(answers) != len(paths):
            detail = f"{len(paths)} files were asked about, {len(answers)} answers came."
            raise StreamWeaveError("mover_error", detail)
        return [catalogued(a) if isinstance(a, TransferError) else a for a in answers]

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes."""
        async with aclosing(chunks_of(self.read_many([Wanted(path, size_bytes)]))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream several files; those that are fetched come in the order in which they arrive."""
        many = self._fetched if isinstance(self._source, Fetches) else self._streamed
        async with aclosing(many(files)) as pieces:
            async for piece in pieces:
                yield piece

    async def _streamed(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        source = self._source
        if not isinstance(source, Streams):
            raise StreamWeaveError("mover_error", "The mover neither streams nor fetches.")
        for number, file in enumerate(files):
            received = 0
            try:
                async with aclosing(self._watched(source.stream(file), "reading")) as chunks:
                    async for chunk in chunks:
                        received += len(chunk)
                        yield number, chunk
                _ensure_size(received, file)
            except StreamWeaveError as error:
                yield number, error
            else:
                yield number, None

    async def _fetched(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        source, open_numbers = self._source, set(range(len(files)))
        assert isinstance(source, Fetches)
        trouble = StreamWeaveError("mover_error", "The mover did not say what became of the file.")
        try:
            async with aclosing(self._watched(source.fetch(files), "fetching")) as arrivals:
                async for arrival in arrivals:
                    if isinstance(arrival, Progress) or arrival.number not in open_numbers:
                        continue
                    open_numbers.discard(arrival.number)
                    async with aclosing(self._arrived(arrival, files[arrival.number])) as pieces:
                        async for piece in pieces:
                            yield piece
        except StreamWeaveError as error:
            trouble = error
        for number in sorted(open_numbers):
            yield number, trouble

    async def _arrived(self, arrival: Fetched, file: Wanted) -> AsyncGenerator[Piece, None]:
        """Give the bytes of a file that lies in the folder, and remove it."""
        try:
            if arrival.error is not None or arrival.path is None:
                raise catalogued(arrival.error or TransferError("mover_error", "Nothing came."))
            async with aclosing(self._landed(arrival.path, file)) as chunks:
                async for chunk in chunks:
                    yield arrival.number, chunk
        except StreamWeaveError as error:
            yield arrival.number, error
        else:
            self.notes[file.path] = arrival.notes
            yield arrival.number, None

    async def _landed(self, path: Path, file: Wanted) -> AsyncGenerator[bytes, None]:
        calls = calls_of(self._folder, "source_timeout", self._timeout_seconds)
        # Only of its own folder it is known whether it lies on a disk of this machine.
        is_ours = path.is_relative_to(self._folder)
        descriptor = await (calls.brief if is_ours else calls.run)(_open, path)
        received = 0
        try:
            while True:
                small = is_ours and file.size_bytes - received < _CHUNK // 8
                with translated("reading what came"):
                    chunk = await (calls.brief if small else calls.run)(os.read, descriptor, _CHUNK)
                if not chunk:
                    break
                received += len(chunk)
                yield chunk
        finally:
            calls.afterwards(lambda: os.close(descriptor))
        _ensure_size(received, file)

    @contextlib.asynccontextmanager
    async def _bounded(self, doing: str) -> AsyncIterator[None]:
        """Translate errors; a call that takes far longer than the mover's own bound is hung."""
        try:
            async with asyncio.timeout(self._timeout_seconds * 2):
                with translated(doing):
                    yield
        except TimeoutError as error:
            raise StreamWeaveError("source_timeout", f"The mover hung while {doing}.") from error

    async def _watched(self, items: AsyncGenerator[T, None], doing: str) -> AsyncGenerator[T, None]:
        """Pass on what a mover gives, and do not wait for ever for the next."""
        async with aclosing(items):
            while True:
                async with self._bounded(doing):
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        return
                yield item

    async def close(self) -> None:
        """Let go of the mover and of its folder."""
        try:
            async with self._bounded("closing"):
                await self._source.close()
        finally:
            if self._at_close is not None:
                await asyncio.to_thread(self._at_close)


def catalogued(error: TransferError) -> StreamWeaveError:
    """Return a mover's error as one of the catalogue."""
    if error.code in CATALOGUE:
        return StreamWeaveError(error.code, error.detail)
    return StreamWeaveError("mover_error", f"{error.code}: {error.detail}")


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Make errors of the catalogue of what a mover raises, whatever it is."""
    try:
        yield
    except StreamWeaveError:
        raise
    except TransferError as error:
        raise catalogued(error) from error
    except TimeoutError as error:
        raise StreamWeaveError("source_timeout", f"{doing}: nothing came in time.") from error
    except OSError as error:
        code = "landing_full" if error.errno in _NO_ROOM else "mover_error"
        raise StreamWeaveError(code, f"{doing}: {error.strerror or error}") from error
    except Exception as error:
        raise StreamWeaveError("mover_error", f"{doing}: {type(error).__name__}") from error


def _ensure_size(received: int, file: Wanted) -> None:
    if received != file.size_bytes:
        detail = f"{received} bytes came, {file.size_bytes} were expected."
        raise StreamWeaveError("source_file_changed", detail)


def _open(path: Path) -> int:
    """Open what landed and take its name away: a kill leaves nothing of it."""
    with translated("opening what came"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StreamWeaveError("mover_error", "What came is no regular file.")
        os.unlink(path)
    return descriptor
