"""What an rsync daemon can do, found out by trying it: links, refusals, flushing, times.

All of it happens in one folder below `.streamweave/parts`, which is removed, or swept.
"""

import asyncio
import contextlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import StreamWeaveError
from app.transfers.base import Target
from app.transfers.paths import join
from app.transfers.rsync.linking import WALL
from app.transfers.rsync.parts import part_folder
from app.transfers.rsync.spool import dropped, local

if TYPE_CHECKING:
    from app.transfers.rsync.storage import RsyncStorage

_MTIME_NS = 1_500_000_001 * 10**9
_HOME = ".streamweave/"
_FLUSHING = "--fsync"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: whether files are flushed, times kept, and copies in a race impossible."""

    flushing: tuple[str, ...]
    keeps_times: bool
    has_wall: bool


async def tried(storage: "RsyncStorage") -> Found:
    """Try a daemon.

    Raises:
        StreamWeaveError: `storage_unsuitable` when it cannot link, or does what it must not.
    """
    target = Target(b"", uuid.uuid4(), 0)
    part = part_folder(storage.installation, target)
    folder = await storage.spool.fresh()
    try:
        found = await _Trial(storage, part, folder).run()
    except StreamWeaveError:
        with contextlib.suppress(StreamWeaveError):  # what stays is swept
            await storage.remove_all([part])
        raise
    finally:
        await asyncio.shield(dropped(folder))
    await storage.remove_all([part])  # it must be able to do that as well
    return found


class _Trial:
    def __init__(self, storage: "RsyncStorage", part: bytes, folder: Path) -> None:
        self._daemon = storage.daemon
        self._part = part
        self._folder = folder

    def _lay(self, tree: str, path: bytes, content: bytes, mode: int = 0o600) -> Path:
        file = local(self._folder / tree, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(_MTIME_NS, _MTIME_NS))
        file.chmod(mode)
        return self._folder / tree

    async def run(self) -> Found:
        (self._folder / "wall").mkdir()
        home, wall = _HOME.rstrip("/"), WALL.rpartition("/")[2]
        await self._daemon.put_folder(self._folder, f"{home}/", wall, "555")
        flushing = await self._send()
        linked = await self._link()
        await self._write_where_nothing_goes()
        names = [join(self._part, name) for name in (b"free", b"taken", b"lost", b"walled")]
        back = self._folder / "back"
        back.mkdir()
        await self._daemon.pull(names, back)
        free, taken, lost, walled = (local(back, name) for name in names)
        if not linked or not free.is_file() or free.read_bytes() != b"1":
            _refuse("It makes no hard links of what lies there (--link-dest).")
        if not taken.is_file() or taken.read_bytes() != b"mine":
            _refuse("It wrote over a name that existed.")
        if lost.exists():
            _refuse("It took a file that was only to be linked.")
        keeps_times = free.stat().st_mtime_ns // 10**9 == _MTIME_NS // 10**9
        return Found(flushing, keeps_times, not walled.exists())

    async def _send(self) -> tuple[str, ...]:
        """Send two temporaries, and a file that has its name already; flushed if it can."""
        below = self._part.removeprefix(_HOME.encode())
        for name, content in ((b"free", b"1"), (b"taken", b"1234")):
            self._lay("sent", join(below, join(self._part, name)), content)
        tree = self._lay("sent", join(below, b"taken"), b"mine")
        try:
            await self._daemon.push(tree, _HOME, "--times", _FLUSHING)
        except StreamWeaveError as error:
            if error.code != "storage_unsuitable":
                raise
            await self._daemon.push(tree, _HOME, "--times")
            return ()
        return (_FLUSHING,)

    async def _link(self) -> bool:
        """Ask for three names: one that is free, one that is taken, one without a temporary."""
        for name, content in ((b"free", b"1"), (b"taken", b"1234"), (b"lost", b"123")):
            tree = self._lay("named", join(self._part, name), content, 0)
        linked, _ = await self._daemon.link(tree, [self._part.decode()], WALL)
        return linked == {join(self._part, b"free")}

    async def _write_where_nothing_goes(self) -> None:
        tree = self._lay("walled", join(self._part, b"walled"), b"1")
        await self._daemon.push(tree, "", f"--temp-dir={WALL}")


def _refuse(detail: str) -> None:
    raise StreamWeaveError("storage_unsuitable", detail)
