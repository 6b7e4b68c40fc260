"""Named crash points: where the fault tests kill the process. In production they do nothing.

`STREAMWEAVE_CRASH_AT=after_link:3` kills the process with SIGKILL the third time it gets there.
"""

import os
import signal

# What stands when the process dies there, and who finishes it:
CRASH_POINTS = {
    "after_claim": "copies are `transferring` by a lease that runs out; reaped and queued again",
    "after_file": "some temporaries, written; swept once the lease is gone; all queued again",
    "after_receive": "all temporaries, not synced yet; the same",
    "after_sync": "the same, durable, with journal lines",
    "after_read_back": "the same, in state `proving` when the batch is large",
    "after_intent": "`publishing`, only the temporary stands; the next claimant publishes it",
    "after_link": "`publishing`, of some both names stand; the next claimant finds its own object",
    "after_sync_names": "the same, durable",
    "after_available": "`available`, the temporary still stands; the sweeper removes it",
    "after_plan": "versions and copies are rows; any worker claims them",
}

_at = ""
_left = 0


def arm(where: str) -> None:
    """Set where to die: `name`, `name:count`, or nowhere when empty."""
    global _at, _left
    _at, _, count = where.partition(":")
    _left = int(count or "1")


def crash_point(name: str) -> None:
    """Die here, if the environment says so."""
    global _left
    if not _at or name != _at:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("STREAMWEAVE_CRASH_AT", ""))
