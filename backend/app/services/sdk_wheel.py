"""The wheel of the SDK of this very version, for authors of hooks and movers.

Built once from the sources that the server runs with, by hatchling, which also builds releases.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import streamweave_sdk
from app.config import Settings
from app.errors import StreamWeaveError

_BUILD_SECONDS = 120.0
_building = asyncio.Lock()


async def sdk_wheel(settings: Settings) -> Path:
    """Return the wheel; it is built when its sources are younger.

    Raises:
        StreamWeaveError: `sdk_not_offered` where the sources are not there or cannot be built.
    """
    root = Path(streamweave_sdk.__file__).parents[1]
    async with _building:
        return await asyncio.to_thread(_wheel, root, settings.data / "sdk")


def _wheel(root: Path, kept: Path) -> Path:
    if not (root / "pyproject.toml").is_file():
        raise StreamWeaveError("sdk_not_offered", "The SDK was installed without its sources.")
    sources = [root / "pyproject.toml", *root.rglob("*.py")]
    changed_at = max(path.stat().st_mtime for path in sources)
    for wheel in kept.glob("*.whl"):
        if wheel.stat().st_mtime > changed_at:
            return wheel
        wheel.unlink()  # of an earlier version
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        try:
            built = subprocess.run(
                command, cwd=root, capture_output=True, text=True, timeout=_BUILD_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StreamWeaveError("sdk_not_offered", f"building: {error}") from error
        made = next(Path(folder).glob("*.whl"), None)
        if built.returncode != 0 or made is None:
            raise StreamWeaveError("sdk_not_offered", f"building: {built.stderr[-500:]}")
        return made.replace(kept / made.name)
