"""A server as a child process: dies with its parent, answers before ``start`` returns.

The child leads its own process group, so that a stop reaches what it forked itself (smbd forks
one process a connection) and nothing else on the machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.02
_START_ATTEMPTS = 5
_PORT_ATTEMPTS = 200
_PORT_RANGE = range(20_000, 32_000)
# 1 is PR_SET_PDEATHSIG, 9 is SIGKILL. The parent may have ended before the call.
_BIND_TO_PARENT = """\
import ctypes, os, sys
if ctypes.CDLL(None).prctl(1, 9, 0, 0, 0) != 0 or os.getppid() != int(sys.argv[1]):
    sys.exit("simlab: could not bind this server to the life of its parent")
os.execv(sys.argv[2], sys.argv[2:])
"""

# The kernel sends the death signal when the THREAD that forked ends, not the process. A caller's
# thread may be short, so every server is forked by this one thread, which lives as long as Python.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simlab-spawner")


class ServerDidNotStart(RuntimeError):
    """A server ended at once or did not answer in time; the message holds the end of its log."""


def free_port(preferred: int | None = None) -> int:
    """A port of the loopback interface that can be bound now, the preferred one if possible.

    Others come from below the range that the kernel gives to outgoing connections: a port that
    is remembered over a restart must not be lost to a passing connection.
    """
    for attempt in range(_PORT_ATTEMPTS):
        offset = secrets.randbelow(len(_PORT_RANGE))
        candidate = preferred if preferred and attempt == 0 else _PORT_RANGE[offset]
        with socket.socket() as probe:
            # As servers do: a port in TIME_WAIT after a restart is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue  # taken: that is the question asked here
            return candidate
    raise ServerDidNotStart(f"No free port on {LOOPBACK} in {_PORT_ATTEMPTS} attempts.")


def _dying_with_parent(command: list[str]) -> list[str]:
    """The same command, killed by the kernel when its parent ends (Linux; elsewhere unchanged)."""
    if sys.platform != "linux":
        return command
    # A step of its own that then becomes the server (same process id), because running Python
    # between fork and exec is not safe in a program with threads.
    return [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid()), *command]


@dataclass(frozen=True)
class Login:
    """Who may enter: a user with a password, or (SFTP only) with a key."""

    username: str
    password: str | None = field(default=None, repr=False)
    authorized_key: str | None = None

    def __post_init__(self) -> None:
        if (self.password is None) == (self.authorized_key is None):
            raise ValueError("A log-in has either a password or an authorized key.")

    def required_password(self) -> str:
        """The password, for servers that know no keys."""
        if self.password is None:
            raise ValueError(f"{self.username} has a key, but this server takes passwords.")
        return self.password


class ServerProcess(ABC):
    """One server on 127.0.0.1. Subclasses say how it is run and how its answer looks."""

    host = LOOPBACK

    def __init__(self, name: str, *, logs: Path, port: int | None = None) -> None:
        self.name = name
        self.log_path = logs / f"{name}.log"
        self._preferred_port = port
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # Once over, its process id may be another program's: nothing is signalled any more.
        self._is_over = True

    @property
    def port(self) -> int:
        """The port it listens on; known once started."""
        if self._port is None:
            raise LookupError(f"{self.name} was never started.")
        return self._port

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running (or ended) process; known once started."""
        if self._process is None:
            raise LookupError(f"{self.name} was never started.")
        return self._process

    @abstractmethod
    def command(self, port: int) -> Sequence[str]:
        """What to run; called before every start, so it may write configuration files."""

    def environment(self) -> Mapping[str, str]:
        """Extra environment variables: the place for secrets, as argv can be read by anyone."""
        return {}

    @abstractmethod
    def answers(self, port: int) -> bool:
        """Whether the server speaks its protocol on the port."""

    def start(self, timeout_seconds: float = 20.0) -> None:
        """Run it and wait until it answers; does nothing if it already runs."""
        if self.alive():
            return
        said = ""
        for _ in range(_START_ATTEMPTS):
            port = free_port(self._port or self._preferred_port)
            log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            if self._start_on(port, timeout_seconds):
                self._port = port
                return
            said = self.log_path.read_bytes()[log_start:].decode(errors="replace")
            # Someone took the port between our look and the server's: only then try another.
            if "address already in use" not in said.lower():
                break
        raise ServerDidNotStart(f"{self.name} ended or is silent. Its log ends:\n{said[-2000:]}")

    def _start_on(self, port: int, timeout_seconds: float) -> bool:
        command = _dying_with_parent(list(self.command(port)))
        # RCLONE_* of the caller would change what the servers do.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
        environment = inherited | dict(self.environment())
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._process = _spawner.submit(self._spawn, command, environment).result()
        self._is_over = False
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.answers(port):
                # Another program could hold the port while ours is about to give up.
                return self._process.poll() is None
            time.sleep(_POLL_SECONDS)
        self.kill()
        return False

    def _spawn(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Whether the process runs (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End it politely, then by force; safe to call twice."""
        if self._process is not None and self.alive():
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # a frozen process must wake to see the first signal
            with contextlib.suppress(subprocess.TimeoutExpired):  # the force below is the answer
                self._process.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """End the process and what it forked at once, as a power cut would."""
        if self._process is None or self._is_over:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._is_over = True

    def close(self) -> None:
        """Stop for good; a closed server is not started again."""
        self.stop()

    def freeze(self) -> None:
        """Stop the process and its children without closing any connection: a hang."""
        self._signal(signal.SIGSTOP)
        if hasattr(os, "waitid"):  # its threads run on for a moment, and may answer in it
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._is_over:
            raise LookupError(f"{self.name} does not run.")
        try:
            # The group, not the process: its number is that of the process we started ourselves,
            # and it stays taken as long as any member of the group lives.
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return  # the whole group has ended already, which is what a signal would be for
