"""Reading a copy that is proven already: what another copy is filled from, not the instrument."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from app.errors import StreamWeaveError
from app.transfers.base import Piece, SourceCapabilities, Storage, Wanted


class StoredSource:
    """The published objects of a storage location, as `receive` reads a source."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.capabilities = SourceCapabilities(
            mover="streamweave",
            protocol=storage.capabilities.kind,
            mtime_precision_ns=1,
            stat_opens=False,
            carries_any_name=True,
        )

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream objects one after the other; an error is that object's, the next ones follow."""
        for number, file in enumerate(files):
            received = 0
            try:
                chunks = self._storage.read(file.path, object_id=file.object_id)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        received += len(chunk)
                        yield number, chunk
                if received != file.size_bytes:
                    detail = f"{received} bytes came, {file.size_bytes} were expected."
                    raise StreamWeaveError("origin_unreadable", detail)
            except StreamWeaveError as error:
                yield number, _of_origin(error)
            else:
                yield number, None


def _of_origin(error: StreamWeaveError) -> StreamWeaveError:
    """It is the origin's trouble, and must not be taken for the destination's."""
    if error.code == "origin_unreadable":
        return error
    return StreamWeaveError("origin_unreadable", f"{error.code}: {error.detail}")
