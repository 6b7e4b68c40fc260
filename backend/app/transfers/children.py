"""What our child processes have in common: their environment, and that they end with us."""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def environment(**more: str) -> dict[str, str]:
    """Return what a child gets: nothing of ours but the path, and times in UTC."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "LC_ALL": "C", "TZ": "UTC", "SHELL": "/bin/sh", **more}


def bound(*more: str) -> tuple[list[str], Callable[[], None] | None]:
    """Return what stands before a command, and what is called before it, so that it dies with us.

    `more` is what else setpriv takes from it, where there is setpriv.
    Forking a large process for the call stops the event loop for 10 ms and more.
    """
    guard = shutil.which("setpriv")
    return ([guard, "--pdeathsig", "KILL", *more, "--"], None) if guard else ([], _die_with_parent)


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
