"""The outside of hook processes: one process a configured hook, asked batch by batch.

Each hook has its own process, so that one that hangs, crashes or leaks takes nothing from others.
A batch has a time-out; then its process group is killed and the files are asked one by one, so
that only those fail that are at fault. A hook that fails twice more in a row rests for a while and
fails at once: a hanging hook costs a few time-outs, not one a file.
"""

import asyncio
import base64
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.clock import monotonic
from app.errors import StreamWeaveError
from app.hooks.frames import FrameError, clean, length_of, pack, unpack
from streamweave_sdk.hooks import SourceFacts

_REST_SECONDS = 60.0
_START_SECONDS = 30.0
_FAILURES_BEFORE_REST = 2
# What a hook process gets of the environment: no secret, no address of a database.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class HookSpec:
    """A configured hook as it is run; `revision` counts changes of its configuration."""

    id: uuid.UUID
    revision: int
    hook: str
    config: Mapping[str, Any]
    timeout_seconds: float = 30.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True)
class Answered:
    """What a hook said of one file: an answer by its `kind`, or an error."""

    answer: Mapping[str, Any] | None
    error: StreamWeaveError | None = None
    log: tuple[str, ...] = ()
    duration_ms: float = 0.0
    version: str = ""
    later: Mapping[str, Any] | None = None  # reason, after_seconds: it asks to be asked again
    asked: bool = True  # not while the hook rests
    stops: bool = False  # it asks to be asked no more, until a person has looked


# Answers what a post-transfer hook asks while it works; never raises for what it cannot read.
Serve = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class _Process:
    """A running hook process."""

    process: asyncio.subprocess.Process
    version: str = ""
    first_bytes: int = 0
    log: tuple[str, ...] = ()


@dataclass
class _Seat:
    """Where one configured hook runs, restarted when needed."""

    spec: HookSpec
    scripts: frozenset[tuple[str, int, int]] = frozenset()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    running: _Process | None = None
    failures: int = 0
    rests_until: float = float("-inf")
    last_error: StreamWeaveError | None = None


class HookRunner:
    """The hook processes of this process. `close` ends them all."""

    def __init__(self, folder: Path | None, *, rest_seconds: float = _REST_SECONDS) -> None:
        self._folder = folder
        self._rest_seconds = rest_seconds
        self._seats: dict[uuid.UUID, _Seat] = {}

    async def first_bytes(self, spec: HookSpec) -> int:
        """Return how many of a file's bytes a hook wants to see; 0 when it cannot be started."""
        seat = await self._seat(spec)
        async with seat.lock:
            if seat.rests_until > monotonic():
                return 0
            try:
                return (await self._started(seat)).first_bytes
            except StreamWeaveError:
                return 0  # asking it will fail too, and be told

    async def ask(self, spec: HookSpec, files: Sequence[SourceFacts]) -> list[Answered]:
        """Return what a hook says of each file, in their order; it never raises for a hook."""
        seat = await self._seat(spec)
        async with seat.lock:
            if seat.rests_until > monotonic():
                return [Answered(None, seat.last_error)] * len(files)
            try:
                return await self._batch(seat, files)
            except StreamWeaveError as error:
                crashed = error.code == "hook_crashed"  # perhaps of another file: asked once more
                if error.code == "hook_not_startable" or (len(files) == 1 and not crashed):
                    self._note(seat, error)
                    return [Answered(None, error)] * len(files)
            return await self._one_by_one(seat, files)

    async def ask_version(
        self, spec: HookSpec, version: Mapping[str, Any], serve: Serve
    ) -> Answered:
        """Return what a post-transfer hook says of a version; it never raises for a hook.

        Its time-out counts the hook's own time, not that of `serve`, which reads for it.
        """
        seat = await self._seat(spec)
        async with seat.lock:
            if seat.rests_until > monotonic():
                return Answered(None, seat.last_error, asked=False)
            try:
                return await self._version(seat, version, serve)
            except StreamWeaveError as error:
                self._note(seat, error)
                return Answered(None, error)

    async def _version(self, seat: _Seat, version: Mapping[str, Any], serve: Serve) -> Answered:
        running = await self._started(seat)
        began, left = monotonic(), seat.spec.timeout_seconds
        sent: dict[str, Any] = {"version": dict(version)}
        while True:
            before = monotonic()
            told = await self._exchange(seat, running, sent, max(0.0, left))
            left -= monotonic() - before
            if "call" not in told:
                break
            try:
                sent = await serve(told["call"])
            except BaseException:
                await self._kill(seat)  # it waits for an answer that does not come
                raise
        log, running.log = (*running.log, *told.get("log", ())), ()
        ms = (monotonic() - began) * 1000
        if "error" in told:
            error = StreamWeaveError("hook_failed", str(told["error"]))
            return Answered(None, error, log, ms, running.version)
        if "stop" in told:
            error = StreamWeaveError("hook_stopped", clean(str(told["stop"])))
            return Answered(None, error, log, ms, running.version, stops=True)
        if "later" not in told and not isinstance(told.get("answer"), dict):
            await self._kill(seat)
            raise StreamWeaveError("hook_crashed", f"It answered nonsense: {told!r:.200}.")
        seat.failures = 0
        return Answered(told.get("answer"), None, log, ms, running.version, told.get("later"))

    def rests(self, hook_id: uuid.UUID) -> bool:
        """Return whether a hook rests after its process failed several times."""
        seat = self._seats.get(hook_id)
        return seat is not None and seat.rests_until > monotonic()

    async def close(self) -> None:
        """Kill all hook processes."""
        for seat in self._seats.values():
            await self._kill(seat)
        self._seats.clear()

    async def _seat(self, spec: HookSpec) -> _Seat:
        """Return where a hook runs; a changed configuration or script makes a new process."""
        seat, scripts = self._seats.get(spec.id), self._scripts()
        if seat is None or (seat.spec, seat.scripts) != (spec, scripts):
            self._seats[spec.id] = fresh = _Seat(spec, scripts)
            if seat is not None:
                async with seat.lock:
                    await self._kill(seat)
            return fresh
        return seat

    def _scripts(self) -> frozenset[tuple[str, int, int]]:
        """Return names, times and sizes of the folder's scripts."""
        found = []
        for path in self._folder.glob("*.py") if self._folder else ():
            with contextlib.suppress(FileNotFoundError):  # its author is just saving it
                facts = path.stat()
                found.append((path.name, facts.st_mtime_ns, facts.st_size))
        return frozenset(found)

    async def _one_by_one(self, seat: _Seat, files: Sequence[SourceFacts]) -> list[Answered]:
        """Ask for each file alone; what is left when the hook comes to rest fails with it."""
        answered: list[Answered] = []
        for file in files:
            if seat.rests_until > monotonic():
                answered.append(Answered(None, seat.last_error))
                continue
            try:
                answered += await self._batch(seat, [file])
            except StreamWeaveError as error:
                self._note(seat, error)
                answered.append(Answered(None, error))
        return answered

    def _note(self, seat: _Seat, error: StreamWeaveError) -> None:
        seat.failures += 1
        seat.last_error = error
        if seat.failures >= _FAILURES_BEFORE_REST:
            seat.failures = 0
            seat.rests_until = monotonic() + self._rest_seconds

    async def _batch(self, seat: _Seat, files: Sequence[SourceFacts]) -> list[Answered]:
        """Ask once.

        Raises:
            StreamWeaveError: `hook_timed_out`, `hook_crashed`, `hook_not_startable`; the process
                is gone then.
        """
        running = await self._started(seat)
        began = monotonic()
        told = await self._exchange(seat, running, {"files": [_sent(one) for one in files]})
        answers = told.get("answers")
        if not isinstance(answers, list) or len(answers) != len(files):
            await self._kill(seat)
            raise StreamWeaveError("hook_crashed", f"It answered nonsense: {told!r:.200}.")
        seat.failures = 0
        each_ms = (monotonic() - began) * 1000 / max(1, len(files))
        log = (*running.log, *clean(list(told.get("log", ()))))
        running.log = ()
        return [_answered(one, log, each_ms, running.version) for one in answers]

    async def _exchange(
        self, seat: _Seat, running: _Process, sent: Any, left: float | None = None
    ) -> dict[str, Any]:
        process, whole = running.process, seat.spec.timeout_seconds
        seconds = whole if left is None else left
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(pack(sent))
                await process.stdin.drain()
                head = await process.stdout.readexactly(4)
                return unpack(await process.stdout.readexactly(length_of(head)))
        except TimeoutError as error:
            await self._kill(seat)
            raise StreamWeaveError("hook_timed_out", f"No answer in {whole:g} s.") from error
        except (FrameError, OSError, EOFError) as error:
            await self._kill(seat)
            code = process.returncode
            reason = _ENDS.get(code or 0, f"exit code {code}")
            raise StreamWeaveError("hook_crashed", f"Its process ended: {reason}.") from error
        except asyncio.CancelledError:
            # Half an exchange stands in the pipe: nobody could tell whose answer comes next.
            await self._kill(seat)
            raise

    async def _started(self, seat: _Seat) -> _Process:
        if seat.running is not None and seat.running.process.returncode is None:
            return seat.running
        spec = seat.spec
        seat.running = running = await _spawned()
        first = {
            "hook": spec.hook,
            "config": dict(spec.config),
            "folder": str(self._folder) if self._folder else None,
            "memory_bytes": spec.memory_bytes,
        }
        patient = _Seat(HookSpec(spec.id, 0, spec.hook, {}, _START_SECONDS), running=running)
        told = await self._exchange(patient, running, first)
        if "error" in told:
            await self._kill(seat)
            raise StreamWeaveError("hook_not_startable", str(told["error"]))
        running.version = clean(str(told["version"]))[:100]
        running.first_bytes = int(told["first_bytes"])
        running.log = tuple(told["log"])
        return running

    async def _kill(self, seat: _Seat) -> None:
        running, seat.running = seat.running, None
        if running is None:
            return
        # Also what the hook started: they share its process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        await running.process.wait()


async def _spawned() -> _Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "app.hooks.host",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
        limit=1 << 20,
    )  # fmt: skip
    return _Process(process)


async def ask_once(question: dict[str, Any]) -> dict[str, Any]:
    """Ask a fresh hook process one question and end it.

    Raises:
        StreamWeaveError: `hook_timed_out`, `hook_crashed`.
    """
    runner = HookRunner(None)
    seat = _Seat(HookSpec(uuid.uuid4(), 0, "", {}, _START_SECONDS), running=await _spawned())
    assert seat.running is not None
    try:
        return await runner._exchange(seat, seat.running, question)
    finally:
        await runner._kill(seat)


_ENDS = {-9: "killed", -11: "a segmentation fault", 3: "it used up its memory", 0: "it left"}


def _answered(one: dict[str, Any], log: tuple[str, ...], ms: float, version: str) -> Answered:
    one = clean(one)
    if "error" in one:
        return Answered(None, StreamWeaveError("hook_failed", one["error"]), log, ms, version)
    return Answered(one, None, log, ms, version)


def _sent(file: SourceFacts) -> dict[str, Any]:
    sent = file.model_dump(mode="json", exclude={"first_bytes"})
    if file.first_bytes:
        sent["first_bytes"] = base64.b64encode(file.first_bytes).decode()
    return sent
