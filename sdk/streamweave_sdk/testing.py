"""A kit for authors of hooks: made-up files, and the same checks that the server makes.

def test_dark_frames_are_left_out():
    assert try_hook(NoDarkFrames, a_file("2026/dark_01.tif")).kind == "skip"
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter

from streamweave_sdk.hooks.contract import (
    Answer,
    Continue,
    Hook,
    PostAnswer,
    PostTransfer,
    PreTransfer,
    Redirect,
    Skip,
    SourceFacts,
    VersionFacts,
)

_NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
_ANSWERS: TypeAdapter[Continue | Skip | Redirect] = TypeAdapter(Answer)


def a_file(path: str = "2026/scan_001.tif", **facts: Any) -> SourceFacts:
    """Return a complete file of an instrument; `facts` replace what is made up."""
    made: dict[str, Any] = {
        "instrument": "tem-2", "size_bytes": 1000, "modified_at": _NOON, "asked_at": _NOON,
    }  # fmt: skip
    return SourceFacts.model_validate({**made, "path": path, **facts})


def a_version(path: str = "2026/scan_001.tif", **facts: Any) -> VersionFacts:
    """Return a proven version; `facts` replace what is made up."""
    made: dict[str, Any] = {
        "instrument": "tem-2", "size_bytes": 1000, "modified_at": _NOON, "version": 1,
        "identifier": "ark:99999/sw1n1pfbt3r790p7.v1", "sha256": "0" * 64, "key": "a-key",
    }  # fmt: skip
    return VersionFacts.model_validate({**made, "path": path, **facts})


def make_hook(hook: type[Hook[Any]], config: Mapping[str, Any] | None = None) -> Hook[Any]:
    """Return the hook with a configuration that went through JSON, as the server's does.

    Raises:
        pydantic.ValidationError: the configuration does not fit its schema.
    """
    sent = json.dumps(dict(config or {}))
    hook.config_model.model_json_schema()  # a form must be possible
    return hook(hook.config_model.model_validate_json(sent))


def try_many(
    hook: type[PreTransfer[Any]],
    files: Sequence[SourceFacts],
    config: Mapping[str, Any] | None = None,
) -> list[Continue | Skip | Redirect]:
    """Return the answers for a batch, checked.

    Raises:
        AssertionError: not one answer a file.
        pydantic.ValidationError: an answer is none of Continue, Skip, Redirect.
    """
    made = make_hook(hook, config)
    assert isinstance(made, PreTransfer)
    answers = list(made.run_many(files))
    if len(answers) != len(files):
        raise AssertionError(f"{len(answers)} answers for {len(files)} files.")
    return [_ANSWERS.validate_python(answer) for answer in answers]


def try_hook(
    hook: type[PreTransfer[Any]], file: SourceFacts, config: Mapping[str, Any] | None = None
) -> Continue | Skip | Redirect:
    """Return the answer for one file, checked (see `try_many`)."""
    return try_many(hook, [file], config)[0]


class ReaderOf(io.BytesIO):
    """A reader of made-up bytes, with neighbours by path; `close` removes what it put on disk."""

    def __init__(self, content: bytes = b"", neighbours: Mapping[str, bytes] | None = None) -> None:
        super().__init__(content)
        self._neighbours = dict(neighbours or {})
        self._folder: TemporaryDirectory[str] | None = None

    def local_path(self) -> Path:
        """Return a temporary file with the bytes."""
        self._folder = self._folder or TemporaryDirectory(prefix="streamweave-hook-")
        path = Path(self._folder.name) / "content"
        path.write_bytes(self.getvalue())
        return path

    def neighbour(self, path: str, at_most_bytes: int = 1 << 20) -> bytes | None:
        """Return the bytes of a neighbour that is not too large."""
        found = self._neighbours.get(path)
        return found if found is not None and len(found) <= at_most_bytes else None

    def close(self) -> None:
        """Remove the temporary file."""
        if self._folder:
            self._folder.cleanup()
        super().close()


def try_post_hook(
    hook: type[PostTransfer[Any]],
    version: VersionFacts,
    content: bytes = b"",
    config: Mapping[str, Any] | None = None,
    neighbours: Mapping[str, bytes] | None = None,
) -> PostAnswer:
    """Return what a post-transfer hook answers for a version with this content, checked.

    `neighbours` are other proven files of the instrument, by path.

    Raises:
        pydantic.ValidationError: the answer is no PostAnswer.
    """
    made = make_hook(hook, config)
    assert isinstance(made, PostTransfer)
    with ReaderOf(content, neighbours) as reader:
        answer = PostAnswer.model_validate(made.run(version, reader))
    return PostAnswer.model_validate_json(answer.model_dump_json())  # it must bear the way
