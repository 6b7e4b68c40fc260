"""The inside of a hook process: `python -m app.hooks.host`. One process runs one configured hook.

The first frame says which hook, its configuration and its bound of memory; each later one is a
batch. Standard output belongs to the frames alone: what a hook prints becomes log lines.
Not promised: that a hook does no harm to its machine. It has the rights of the worker's user, but
neither its environment nor its secrets.
"""

import base64
import ctypes
import inspect
import io
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import SecretStr, TypeAdapter, ValidationError

from app.hooks.frames import FrameError, pack, read_frame
from app.hooks.reader import Call, RemoteReader
from app.hooks.registry import known_hooks
from streamweave_sdk.hooks import (
    Answer,
    Continue,
    PostAnswer,
    PostTransfer,
    PreTransfer,
    Redirect,
    RetryLater,
    Skip,
    SourceFacts,
    StopAsking,
    VersionFacts,
)

_PR_SET_PDEATHSIG = 1
_LOG_LINES = 100
_LINE_CHARACTERS = 500
_METADATA_BYTES = 256 << 10
_ANSWERS: TypeAdapter[Continue | Skip | Redirect] = TypeAdapter(Answer)
Told = dict[str, Any]


class _Lines(logging.Handler):
    """Keeps the first lines that a hook says, bounded: a chatty hook must not fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.keep(f"{record.levelname}: {record.getMessage()}")

    def keep(self, text: str) -> None:
        """Keep the lines of a text."""
        for line in text.splitlines():
            if line and len(self.lines) < _LOG_LINES:
                self.lines.append(line[:_LINE_CHARACTERS])

    def take(self) -> list[str]:
        """Return what was kept, and begin anew."""
        lines, self.lines = self.lines, []
        return lines


class _Printed(io.TextIOBase):
    """Standard output of a hook: its prints are log lines."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    def write(self, text: str) -> int:
        """Keep what is printed."""
        self._lines.keep(text)
        return len(text)


def _failed(error: BaseException) -> Told:
    return {"error": f"{type(error).__name__}: {error}"[:2000]}


def answer(hook: PreTransfer[Any], files: Sequence[SourceFacts]) -> list[Told]:
    """Return an answer or an error for each file; a batch that fails is asked file by file."""
    try:
        answers = list(hook.run_many(files))
        if len(answers) != len(files):
            raise ValueError(f"{len(answers)} answers for {len(files)} files.")
        return [_checked(one) for one in answers]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a hook may fail in any way: it is that file's error
        if len(files) == 1:
            return [_failed(error)]
    return [one for file in files for one in answer(hook, [file])]


def _checked(answered: object) -> Told:
    try:
        told: Told = _ANSWERS.validate_python(answered).model_dump()
    except ValidationError:
        return {"error": f"It answered {answered!r:.200}: no Continue, Skip or Redirect."}
    return told


def _facts(sent: dict[str, Any]) -> SourceFacts:
    first = base64.b64decode(sent.pop("first_bytes", ""))
    return SourceFacts.model_validate({**sent, "first_bytes": first})


def answer_version(hook: PostTransfer[Any], version: VersionFacts, call: Call) -> Told:
    """Return what a hook says of a version, that it waits or stops, or its error."""
    try:
        with RemoteReader(call, version.size_bytes) as reader:
            told = PostAnswer.model_validate(hook.run(version, reader)).model_dump_json()
    except RetryLater as later:
        wish = later.after_seconds
        after = wish if isinstance(wish, int | float) else None
        return {"later": {"reason": str(later)[:2000], "after_seconds": after}}
    except StopAsking as stop:
        return {"stop": str(stop)[:2000]}
    except MemoryError:
        raise
    except ValidationError as error:
        return {"error": f"It answered no PostAnswer: {error}"[:2000]}
    except Exception as error:  # noqa: BLE001  a hook may fail in any way: it is that version's error
        return _failed(error)
    found: Told = json.loads(told)
    if len(json.dumps(found["metadata"])) > _METADATA_BYTES:
        return {"error": "Its metadata are longer than 256 KiB."}
    return {"answer": found}


def _make(first: dict[str, Any]) -> PreTransfer[Any] | PostTransfer[Any]:
    known = known_hooks(Path(first["folder"]) if first["folder"] else None)
    found = known.hooks.get(first["hook"])
    if found is None:
        problems = "; ".join(f"{where}: {why}" for where, why in known.problems.items())
        raise LookupError(f"There is no hook '{first['hook']}' here. {problems}".strip())
    made = found(found.config_model.model_validate(first["config"]))
    if not isinstance(made, PreTransfer | PostTransfer):
        raise LookupError(f"'{first['hook']}' is neither PreTransfer nor PostTransfer.")
    return made


def _described(first: dict[str, Any]) -> Told:
    known = known_hooks(Path(first["folder"]) if first["folder"] else None)
    hooks = [
        {
            "hook": hook.name,
            "kind": hook.kind,
            "version": hook.version,
            "description": (inspect.getdoc(hook) or "").partition("\n\n")[0],
            "schema": hook.config_model.model_json_schema(),
        }
        for _, hook in sorted(known.hooks.items())
    ]
    return {"hooks": hooks, "problems": known.problems}


def _checked_config(first: dict[str, Any]) -> Told:
    known = known_hooks(Path(first["folder"]) if first["folder"] else None)
    hook = known.hooks.get(first["hook"])
    if hook is None:
        return {"error": f"There is no hook '{first['hook']}'."}
    found = {"kind": hook.kind, "version": hook.version}
    try:
        config = hook.config_model.model_validate_json(json.dumps(first["config"]))
    except ValidationError as error:
        return {
            **found,
            "errors": [{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()],
        }
    secrets = dict(_secrets_in(config.model_dump(), ""))
    return {**found, "config": config.model_dump(mode="json"), "secrets": secrets}


def _secrets_in(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the secrets of a configuration by their JSON pointers."""
    if isinstance(value, SecretStr):
        yield where, value.get_secret_value()
    elif isinstance(value, Mapping):
        for key, part in value.items():
            name = str(key).replace("~", "~0").replace("/", "~1")
            yield from _secrets_in(part, f"{where}/{name}")
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _secrets_in(part, f"{where}/{number}")


def _bound(memory_bytes: int) -> None:
    """Bound memory and files: what a hook leaks ends its own process."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _told_at_once(first: Told) -> Told | None:
    if "describe" in first:
        return _described(first)
    return _checked_config(first) if "check" in first else None


def _made(first: Told) -> PreTransfer[Any] | PostTransfer[Any] | Told:
    """Return the hook with this process bounded, or what is wrong with it."""
    try:
        hook = _make(first)
        _bound(first["memory_bytes"])
    except Exception as error:  # noqa: BLE001  whatever is wrong with the hook is told
        return _failed(error)
    return hook


def _answers_of(hook: PreTransfer[Any] | PostTransfer[Any], asked: Told, call: Call) -> Told:
    if isinstance(hook, PostTransfer):
        return answer_version(hook, VersionFacts.model_validate(asked["version"]), call)
    return {"answers": answer(hook, [_facts(one) for one in asked["files"]])}


class _Pipe:
    """The frames of this process: what it tells, and what it asks while a hook works."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, lines: _Lines) -> None:
        self._source = source
        self._sink = sink
        self._lines = lines

    def next(self) -> Told | None:
        """Return the next frame, None when the worker is gone."""
        return read_frame(self._source)

    def send(self, value: Told) -> None:
        """Tell the worker, with the log lines so far."""
        self._put({**value, "log": self._lines.take()})

    def call(self, question: Told) -> Told:
        """Ask the worker, and return its answer."""
        self._put({"call": question})
        told = self.next()
        if told is None:
            raise SystemExit(0)  # the worker is gone
        return told

    def _put(self, value: Told) -> None:
        self._sink.write(pack(value))
        self._sink.flush()


def serve(source: BinaryIO, sink: BinaryIO, lines: _Lines) -> int:
    """Answer until the worker is gone; return the exit code."""
    pipe = _Pipe(source, sink, lines)
    first = pipe.next()
    if first is None:
        return 0
    if (told := _told_at_once(first)) is not None:
        pipe.send(told)
        return 0
    hook = _made(first)
    if isinstance(hook, dict):
        pipe.send(hook)
        return 1
    wanted = min(hook.first_bytes, 65536) if isinstance(hook, PreTransfer) else 0
    pipe.send({"ready": True, "version": hook.version, "first_bytes": wanted})
    while (asked := pipe.next()) is not None:
        try:
            pipe.send(_answers_of(hook, asked, pipe.call))
        except MemoryError:
            return 3  # what is left of memory is not to be trusted
        except FrameError as error:
            pipe.send(_failed(error))
    return 0


def main() -> None:
    """Run this process."""
    # A worker that is killed takes its hooks with it, also one that hangs.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    lines = _Lines()
    logging.basicConfig(handlers=[lines], level=logging.INFO, force=True)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = _Printed(lines)
    raise SystemExit(serve(sys.stdin.buffer, sink, lines))


if __name__ == "__main__":
    main()
