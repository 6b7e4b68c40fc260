"""Where an engine process spends its time: a thread that looks at all stacks, again and again.

A sample belongs to the first rule that one of its frames fits, from the innermost outwards. Threads
that wait count as `waiting` only when no thread of the process works.
"""

import sys
import threading
from collections import Counter
from types import FrameType

_INTERVAL_SECONDS = 0.002
_RULES: tuple[tuple[str, str, set[str]], ...] = (
    ("sync", "posix.py", {"_make_durable", "_syncfs", "_fsync_name", "sync"}),
    ("read_back", "posix.py", {"_read_back", "_read_back_all", "_drop_from_page_cache"}),
    ("publish", "posix.py", {"_publish", "_publish_all", "remove", "_remove_all"}),
    ("write", "posix.py", {"create", "write", "finish", "_write_all", "_place", "_facts"}),
    ("hash", "transfer.py", {"_hash"}),
    ("source", "stream.py", set()),
    ("source", "source.py", set()),
    ("source", "rc.py", set()),
    ("source", "local.py", set()),
    ("database", "/sqlalchemy/", set()),
    ("database", "/aiosqlite/", set()),
    ("database", "/psycopg/", set()),
    ("database", "/store/", set()),
)
_IDLE = {"select", "poll", "wait", "get", "_worker", "_wait_for_tstate_lock", "run_forever", "_run"}


class Sampler:
    """Counts samples by step until stopped."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        own = threading.get_ident()
        while not self._over.wait(_INTERVAL_SECONDS):
            steps = {_step(f) for ident, f in sys._current_frames().items() if ident != own}
            steps.discard("waiting")
            for step in steps or {"waiting"}:
                self._counts[step] += 1

    def stop(self) -> dict[str, float]:
        """Return each step's share of all samples, the largest first."""
        self._over.set()
        self._thread.join()
        total = sum(self._counts.values()) or 1
        return {step: round(n / total, 3) for step, n in self._counts.most_common()}


def _step(frame: FrameType | None) -> str:
    if frame is not None and frame.f_code.co_name in _IDLE:
        return "waiting"
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        for step, part, names in _RULES:
            if part in file and (not names or name in names):
                return step
        frame = frame.f_back
    return "python"
