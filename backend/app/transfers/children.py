"""What our child processes have in common: their environment, and that they end with us."""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None) -> None:
    """In a new child (Linux): be killed when the parent's main thread ends, however it ends.

    A parent that died before this is told by nobody: its child, which knows it, ends here.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os._exit(1)


def environment(**more: str) -> dict[str, str]:
    """Return what a child gets: nothing of ours but the path, and times in UTC."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "LC_ALL": "C", "TZ": "UTC", "SHELL": "/bin/sh", **more}


def bound(*more: str) -> tuple[list[str], Callable[[], None] | None]:
    """Return what stands before a command, and what is called before it, so that it dies with us.

    `more` is what else setpriv takes from it, where there is setpriv.
    Forking a large process for the call stops the event loop for 10 ms and more.
    """
    if guard := shutil.which("setpriv"):
        return [guard, "--pdeathsig", "KILL", *more, "--"], None
    return [], partial(die_with_parent, os.getpid())
