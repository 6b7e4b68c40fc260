"""Giving final names: what stands as a temporary is linked by the server, or nothing happens.

rsync links what it finds in `--link-dest`. Where it cannot, because the name has just appeared or
the disk has no links, it would copy the file or have it sent. It can do neither: its own process
may not read what it is shown here (`_bound` in `daemon.py`, mode 0), and where it would write
(`--temp-dir`) is a folder that takes no file. So link(2) alone gives names, and refuses one that
exists. Should all of that fail one day, what is shown are the very bytes that were read back.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import StreamWeaveError
from app.transfers.base import ObjectFacts, Target
from app.transfers.rsync.daemon import MOST_BASES
from app.transfers.rsync.parts import part_folder
from app.transfers.rsync.refusals import troubles
from app.transfers.rsync.spool import dropped, local, local_trouble

if TYPE_CHECKING:
    from app.transfers.rsync.storage import RsyncStorage

WALL = ".streamweave/wall"
_CALLS = 3


@dataclass(eq=False)
class _Asked:
    """A target that waits for its name."""

    target: Target
    file: Path
    answer: "asyncio.Future[ObjectFacts | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Linker:
    """Collects who asks at the same time, and serves them with few calls."""

    def __init__(self, storage: "RsyncStorage", folder: Path) -> None:
        self._storage = storage
        self._daemon = storage.daemon
        self._folder = folder
        self._asked: list[_Asked] = []
        self._working: asyncio.Task[None] | None = None
        self._calls = asyncio.Semaphore(_CALLS)
        self._count = 0

    async def publish(self, target: Target, file: Path) -> ObjectFacts | None:
        """Link one; None when its name exists."""
        asked = _Asked(target, file)
        self._asked.append(asked)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await asked.answer

    async def end(self) -> None:
        """Stop; who still waits is told."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        for asked in self._asked:
            asked.answer.cancel()

    async def _work(self) -> None:
        await asyncio.sleep(0)  # the others of the batch ask in the same turn of the loop
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                chunks = [asked[at : at + MOST_BASES] for at in range(0, len(asked), MOST_BASES)]
                async with asyncio.TaskGroup() as group:
                    for chunk in chunks:
                        group.create_task(self._serve(chunk))
        finally:
            self._working = None

    async def _serve(self, chunk: list[_Asked]) -> None:
        while chunk:
            self._count += 1
            tree = self._folder / f"named-{self._count}"
            try:
                async with self._calls:
                    taken = self._laid_out(chunk, tree)
                    answers = await self._linked(taken, tree)
            except StreamWeaveError as error:
                answers = [error] * len(taken := chunk)
            except BaseException:
                for asked in chunk:
                    asked.answer.cancel()
                raise
            finally:
                await asyncio.shield(dropped(tree))
            for asked, answer in zip(taken, answers, strict=True):
                if asked.answer.done():
                    continue
                if isinstance(answer, StreamWeaveError):
                    asked.answer.set_exception(answer)
                else:
                    asked.answer.set_result(answer)
            chunk = [asked for asked in chunk if asked not in taken]

    def _laid_out(self, chunk: Sequence[_Asked], tree: Path) -> list[_Asked]:
        """Lay out files under their final paths; those that are in each other's way come later."""
        taken: list[_Asked] = []
        for asked in chunk:
            named = local(tree, asked.target.dest_path)
            try:
                with local_trouble("naming"):
                    named.parent.mkdir(parents=True, exist_ok=True)
                    os.link(asked.file, named)
                    named.chmod(0)
            except StreamWeaveError:
                if not taken:
                    raise
            else:
                taken.append(asked)
        return taken

    async def _linked(
        self, asked: Sequence[_Asked], tree: Path
    ) -> list[ObjectFacts | StreamWeaveError | None]:
        storage = self._storage
        installation = storage.installation
        bases = [part_folder(installation, one.target).decode() for one in asked]
        linked, complaints = await self._daemon.link(tree, bases, WALL)
        others = [one for one in asked if one.target.dest_path not in linked]
        standing, _ = (
            await self._daemon.shown([one.target.dest_path for one in others])
            if others
            else ({}, [])
        )
        answers: list[ObjectFacts | StreamWeaveError | None] = []
        for one in asked:
            path = one.target.dest_path
            if path in linked:
                known = one.file.stat()
                answers.append(storage.facts(known.st_size, known.st_mtime_ns))
            else:
                answers.append(None if path in standing else _why(path, complaints))
        return answers


def _why(path: bytes, complaints: Sequence[bytes]) -> StreamWeaveError:
    """Return why a name could not be given."""
    said = b"; ".join(complaints).decode("utf-8", "replace")[:500]
    for told, error in troubles(complaints, "push"):
        if told.endswith(b"/" + path) and error.code != "storage_error":
            return error
    return StreamWeaveError("storage_error", f"The server did not link it: {said}")
