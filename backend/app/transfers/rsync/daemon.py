"""Calls to an rsync daemon that is written to: list, push, pull, link, remove; many names a call.

Names never stand in a command line or a pattern: what is sent lies in a folder of ours as it is to
lie there, and what is asked for is a list on standard input. A refused log-on is tried once.
"""

import asyncio
import os
import posixpath
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from app.errors import StreamWeaveError
from app.transfers.children import environment
from app.transfers.paths import parent
from app.transfers.rsync.line import DaemonLine, seconds
from app.transfers.rsync.process import Child, running
from app.transfers.rsync.refusals import ensure_ended
from app.transfers.rsync.said import Listed, listed, unescaped
from app.transfers.rsync.spool import local_trouble
from streamweave_sdk.transfers import Place

MOST_BASES = 20  # folders that one call may link from (rsync's MAX_BASIS_DIRS)
_AT_ONCE = 8
_LINKED = b"hf"
_HOST = re.compile(r"[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*")
# Without it each of the small messages waits for 40 ms.
_ALWAYS = ["--secluded-args", "--sockopts=TCP_NODELAY"]
_NAMED = ["--from0", "--files-from=-", "--no-implied-dirs"]
_READING = ["--dirs", "--no-links", "--no-devices", "--no-specials", "--no-human-readable"]
_MODES = "--chmod=D777,F666"  # the server's umask decides
_WRITING = ["--recursive", "--omit-dir-times", "--whole-file", _MODES]
# Linked or not at all: rsync can neither read what it is shown here nor write anything there.
_LINKING = [
    "--recursive", "--omit-dir-times", "--whole-file", _MODES, "--ignore-existing", "--size-only",
    "-ii", "--out-format=%i %n",
]  # fmt: skip
_UNREADING = ["--bounding-set", "-dac_override,-dac_read_search"]


class Answered:
    """What a call said: its lines, and what it complained of."""

    def __init__(self, lines: list[bytes], complaints: list[bytes]) -> None:
        self.lines = lines
        self.complaints = complaints


class Daemon:
    """An rsync daemon, a module of it and a folder in that. `place.root` is `module/folder`."""

    def __init__(self, place: Place, run: Path) -> None:
        self.place = f"rsync://{place.host}:{place.port or 873}/{place.root.strip('/')}"
        self._run = run
        self._timeout = seconds(place)
        self._line = DaemonLine(place, run)
        below = posixpath.normpath(place.root.strip("/").partition("/")[2] or ".")
        self._root = "" if below == "." else below + "/"
        # rsync 3.5 opens nothing below a folder that is part of the address: it is named here.
        self._prefix = b"./" if below == "." else b"./" + os.fsencode(below) + b"/./"
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._first = asyncio.Lock()
        self._is_known = False  # the password was taken once
        self._refused: StreamWeaveError | None = None

    def renew(self) -> None:
        """Allow one more log-on after a refused one."""
        self._refused = None

    async def shown(self, names: Sequence[bytes]) -> tuple[dict[bytes, Listed], list[bytes]]:
        """Return what stands at paths (one that ends in `/`: what is in it), and complaints."""
        given = b"".join(self._prefix + name + b"\0" for name in names)
        answer = await self._call(
            "pull", [*_NAMED, *_READING, "--list-only", self._line.origin, "./"], given
        )
        found = (listed(line) for line in answer.lines)
        return {one.name: one for one in found if one is not None}, answer.complaints

    async def pull(self, names: Sequence[bytes], into: Path) -> list[bytes]:
        """Bring files into a folder, whole and under their paths; return complaints."""
        given = b"".join(self._prefix + name + b"\0" for name in names)
        bringing = ["--times", "--omit-dir-times", "--whole-file", "--chmod=D700,F600"]
        arguments = [*_NAMED, *_READING, *bringing, self._line.origin, f"{into}/"]
        return (await self._call("pull", arguments, given)).complaints

    async def push(self, folder: Path, to: str, *more: str) -> list[bytes]:
        """Send all that lies in a folder to a folder there; return complaints."""
        arguments = [*_WRITING, *more, f"{folder}/", self._there(to)]
        return (await self._call("push", arguments)).complaints

    async def put_folder(self, folder: Path, to: str, name: str, mode: str) -> None:
        """Make a folder there, with just this mode."""
        arguments = [*_NAMED, "--dirs", "--perms", f"--chmod=D{mode}", f"{folder}/"]
        await self._call("push", [*arguments, self._there(to)], name.encode() + b"\0")

    async def link(
        self, folder: Path, bases: Sequence[str], wall: str
    ) -> tuple[set[bytes], list[bytes]]:
        """Give what stands in `bases` the names of the files in a folder; return what was linked.

        Names that exist are left alone. `wall` is a folder there that takes no file: what cannot be
        linked cannot be written either.
        """
        arguments = [
            *_LINKING,
            *(f"--link-dest={base}" for base in bases),
            f"--temp-dir={wall}",
            f"{folder}/",
            self._there(),
        ]
        answer = await self._call("push", arguments, may_read=False)
        linked = {unescaped(line[12:]) for line in answer.lines if line.startswith(_LINKED)}
        return linked, answer.complaints

    async def remove(self, names: Sequence[bytes], around: Path) -> list[bytes]:
        """Remove files, and folders with all that is in them; none there is fine."""
        # rsync removes there what is missing in a folder that is here.
        for folder in {parent(name) for name in names}:
            os.makedirs(os.path.join(os.fsencode(around), folder), exist_ok=True)
        given = b"".join(name + b"\0" for name in names)
        removing = ["--recursive", "--delete-missing-args", "--force", "--existing"]
        arguments = [*_NAMED, *removing, "--omit-dir-times", f"{around}/", self._there()]
        return (await self._call("push", arguments, given)).complaints

    def _there(self, below: str = "") -> str:
        return f"{self._line.origin}{self._root}{below}"

    async def _call(
        self, direction: str, arguments: Sequence[str], given: bytes = b"", *, may_read: bool = True
    ) -> Answered:
        """Make a call; the first one alone, until its password was taken.

        Raises:
            StreamWeaveError: what is about the whole call.
        """
        if self._is_known:
            return await self._made(direction, arguments, given, may_read)
        async with self._first:
            if self._is_known or self._refused is None:
                return await self._made(direction, arguments, given, may_read)
            raise self._refused

    async def _made(
        self, direction: str, arguments: Sequence[str], given: bytes, may_read: bool
    ) -> Answered:
        if self._refused is not None:
            raise self._refused  # accounts get locked out
        ensure_program()
        command = ["rsync", *_ALWAYS, f"--timeout={self._timeout}", *self._line.arguments()]
        lines: list[bytes] = []
        async with self._turns:
            with local_trouble("starting rsync"):
                async with running(
                    [*command, *arguments],
                    given=given,
                    cwd=self._run,
                    env=environment(**self._line.variables()),
                    bound=[] if may_read else _bound(),
                ) as child:
                    exit_code = await self._heard(child, lines)
        try:
            ensure_ended(exit_code, child.complaints, direction)
        except StreamWeaveError as error:
            if error.code == "storage_logon_failed":
                self._refused = error
            raise
        self._is_known = True
        return Answered(lines, child.complaints)

    async def _heard(self, child: Child, lines: list[bytes]) -> int:
        while (line := await child.line()) is not None:
            lines.append(line)
        return await child.wait()


def unsuitable_host(host: str) -> bool:
    """Whether a host is no name and no address."""
    return _HOST.fullmatch(host) is None


def ensure_program() -> None:
    """Check that rsync is here and knows all that is needed.

    Raises:
        StreamWeaveError: `storage_program_missing`.
    """
    program = shutil.which("rsync")
    if program is None:
        raise StreamWeaveError("storage_program_missing", "rsync is not on this machine.")
    if not _knows_all(program):
        raise StreamWeaveError("storage_program_missing", f"{program} is older than 3.2.4.")


@lru_cache(4)
def _knows_all(program: str) -> bool:
    asked = subprocess.run(
        [program, "--help"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
    )
    return b"--secluded-args" in asked.stdout and b"--fsync" in asked.stdout


@lru_cache(1)
def _bound() -> list[str]:
    """Return what keeps root's rsync from reading files that nobody may read."""
    guard = shutil.which("setpriv")
    if os.geteuid() != 0 or guard is None:
        return []
    tried = subprocess.run(
        [guard, *_UNREADING, "--", "true"], capture_output=True, timeout=20, check=False
    )
    return _UNREADING if tried.returncode == 0 else []
