"""rsync as a mover: what it needs, and what it cannot reach."""

import asyncio
import re
import shutil
import subprocess
from functools import lru_cache

from app.transfers.rsync.line import CONFINED, line_to
from app.transfers.rsync.options import RsyncOptions
from app.transfers.rsync.source import RsyncSource
from streamweave_sdk.transfers import Mover, Need, Place, Surroundings

_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")


class Rsync(Mover[RsyncOptions]):
    """rsync over SSH, from a daemon, or from a path: many files a call, and only what changed."""

    name = "rsync"
    title = "rsync"
    options_model = RsyncOptions
    protocols = frozenset({"sftp", "rsync", "local"})
    needs = frozenset({Need.PROGRAM})

    def problem(self) -> str | None:
        """Return which program is missing here, or None."""
        missing = [name for name in ("rsync", "ssh") if shutil.which(name) is None]
        return f"{' and '.join(missing)} not found on this machine." if missing else None

    def unsuitable(self, place: Place, options: RsyncOptions) -> str | None:
        """Return why rsync cannot reach this place, or None."""
        if place.protocol == "local":
            return _unsuitable_path(place.root)
        if not _HOST.fullmatch(place.host) or place.host.startswith("-"):
            return "The host must be a name or an address."
        if place.protocol == "rsync" and not place.root.strip("/"):
            return "The root begins with the daemon's module: module/folder."
        if place.protocol == "sftp" and not place.username:
            return "SSH needs a service account."
        if "\n" in place.secret and place.secret_kind == "password":
            return "A password has one line."
        return None

    async def open(self, place: Place, options: RsyncOptions, around: Surroundings) -> RsyncSource:
        """Open a source; it connects at its first call."""
        run = around.folder / "run"
        await asyncio.to_thread(run.mkdir, 0o700)
        return RsyncSource(place, options, around.folder, line_to(place, run))


def _unsuitable_path(root: str) -> str | None:
    if not root.startswith("/"):
        return "The path must begin at the root: /..."
    program = shutil.which("rsync")
    if program is not None and not _confines(program):
        return f"This rsync cannot keep below a path: {CONFINED} came with 3.5. Read it directly."
    return None


@lru_cache(4)
def _confines(program: str) -> bool:
    """Whether this rsync can be told not to follow links out of a path."""
    asked = subprocess.run(
        [program, "--help"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
    )
    return CONFINED.encode() in asked.stdout
