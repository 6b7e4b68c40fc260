"""The worker's room for files on their way to an rsync daemon, and on their way back to be read.

rsync takes whole files from a disk, so each one lies here for a while: what was written until it
was sent, then what was read back until it is published. Folders are private and gone with their
process (`landing.py`).
"""

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.landing import Landing

_KEPT_FREE_BYTES = 64 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class Spool:
    """A private folder of one storage object, made when it is first used."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._landing: Landing | None = None
        self._making = asyncio.Lock()

    async def folder(self) -> Path:
        """Return it.

        Raises:
            StreamWeaveError: `landing_full` when it cannot be made.
        """
        async with self._making:
            if self._landing is None:
                self._landing = await asyncio.to_thread(Landing, self._root)
            return self._landing.folder

    async def fresh(self) -> Path:
        """Make a new folder in it."""
        folder = await self.folder() / secrets.token_hex(8)
        with local_trouble("making a folder"):
            folder.mkdir(mode=0o700)
        return folder

    async def ensure_room(self, size_bytes: int) -> None:
        """Check that a file of this size fits.

        Raises:
            StreamWeaveError: `landing_full`.
        """
        folder = await self.folder()
        space = os.statvfs(folder)
        free = space.f_bavail * space.f_frsize
        if size_bytes + _KEPT_FREE_BYTES > free:
            detail = f"{folder.parent}: {size_bytes} bytes are to come, {free} are free."
            raise StreamWeaveError("landing_full", detail)

    async def close(self) -> None:
        """Remove it with all that is in it."""
        async with self._making:
            if self._landing is not None:
                landing, self._landing = self._landing, None
                await asyncio.to_thread(landing.remove)


async def dropped(folder: Path) -> None:
    """Remove a folder of the spool."""
    await asyncio.to_thread(shutil.rmtree, folder, True)


@contextlib.contextmanager
def local_trouble(doing: str) -> Iterator[None]:
    """Make errors of the catalogue of what this machine's disk says."""
    try:
        yield
    except OSError as error:
        code = "storage_error"
        if error.errno in _NO_ROOM:
            code = "landing_full"
        elif error.errno in _NO_NAME:
            code = "storage_name_refused"
        raise StreamWeaveError(code, f"{doing} on the worker: {error.strerror or error}") from error


def local(folder: Path, path: bytes) -> Path:
    """Return where a path of the storage lies below a folder of the spool."""
    return folder / os.fsdecode(path)
