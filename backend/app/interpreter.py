"""How the interpreter of a process that harvests is set."""

import gc
import sys

_SWITCH_SECONDS = 0.0001
_GARBAGE_OBJECTS = 50_000


def prepare_interpreter() -> None:
    """Let threads take turns quickly, and look for garbage rarely; call it after the imports.

    Transactions and read-backs give the interpreter away with each row and each file, and would
    wait 5 ms to have it again while the event loop is busy (measured: a fifth of all time). What is
    imported lives as long as the process; looking through it for cycles again and again, as rows
    come and go, cost a fifth of all time.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS, 20, 20)
