"""Children end with their parent, also one that died while they were being made."""

import os
import subprocess
import sys
from functools import partial

from app.transfers.children import die_with_parent

TALKS = [sys.executable, "-c", "print('alive')"]


def said_by_a_child_of(parent: int) -> bytes:
    done = subprocess.run(
        TALKS, stdout=subprocess.PIPE, preexec_fn=partial(die_with_parent, parent), check=False
    )
    return done.stdout


def test_a_child_whose_parent_died_before_it_could_ask_ends_at_once() -> None:
    assert said_by_a_child_of(os.getpid()) == b"alive\n"
    # Its parent is another one by now: as when it died, and the child was given to init.
    assert said_by_a_child_of(os.getppid()) == b""
