"""The contract of hooks, as an author meets it: short, found, tested without a server."""

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from streamweave_sdk.hooks import (
    Config,
    Continue,
    Image,
    PostAnswer,
    PostTransfer,
    PreTransfer,
    Reader,
    Redirect,
    Skip,
    SourceFacts,
    VersionFacts,
    find_hooks,
)
from streamweave_sdk.testing import a_file, a_version, try_hook, try_many, try_post_hook

SCRIPT = '''"""Leaves dark frames out."""

from streamweave_sdk.hooks import Config, Continue, PreTransfer, Skip


class Rules(Config):
    """What a dark frame is."""

    word: str = "dark"


class NoDarkFrames(PreTransfer[Rules]):
    """Leaves dark frames out."""

    def run(self, file):
        if self.config.word in file.name:
            return Skip(reason="A dark frame.", rule=self.config.word)
        return Continue()
'''


class Limits(Config):
    """A size."""

    largest_bytes: int = Field(default=10, ge=1)


class SmallOnly(PreTransfer[Limits]):
    """Leaves large files out."""

    def run(self, file: SourceFacts) -> Continue | Skip | Redirect:
        if file.size_bytes > self.config.largest_bytes:
            return Skip(reason="Too large.", rule="size")
        return Continue()


class Counted(PostTransfer[Limits]):
    """Counts bytes."""

    version = "2"

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        return PostAnswer(metadata={"length": len(reader.read()), "name": version.name})


def test_a_new_hook_has_at_most_twenty_lines_and_is_found_in_a_folder(tmp_path: Path) -> None:
    assert len(SCRIPT.splitlines()) <= 20
    (tmp_path / "dark.py").write_text(SCRIPT)
    hook = find_hooks(tmp_path).hooks["no-dark-frames"]
    assert issubclass(hook, PreTransfer)
    assert try_hook(hook, a_file("a/dark_1.tif")) == Skip(reason="A dark frame.", rule="dark")
    assert try_hook(hook, a_file("a/dark_1.tif"), {"word": "bias"}) == Continue()


def test_a_broken_script_is_reported_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no licence')")
    (tmp_path / "dark.py").write_text(SCRIPT)
    (tmp_path / "twice.py").write_text(SCRIPT)
    found = find_hooks(tmp_path)
    assert "no-dark-frames" in found.hooks
    assert found.problems["broken.py"] == "RuntimeError: no licence"
    assert "another hook" in found.problems["twice.py"]


def test_a_configuration_is_checked_and_has_a_schema() -> None:
    assert SmallOnly.config_model is Limits
    schema = SmallOnly.config_model.model_json_schema()
    assert schema["properties"]["largest_bytes"]["minimum"] == 1
    with pytest.raises(ValidationError, match="largest_bytes"):
        try_hook(SmallOnly, a_file(), {"largest_bytes": 0})
    with pytest.raises(ValidationError, match="typo"):
        try_hook(SmallOnly, a_file(), {"typo": 1})


def test_a_batch_needs_one_answer_a_file() -> None:
    class Forgetful(SmallOnly):
        def run_many(self, files: object) -> list[Continue]:
            return []

    assert [a.kind for a in try_many(SmallOnly, [a_file(size_bytes=1), a_file()])] == [
        "continue",
        "skip",
    ]
    assert Forgetful.config_model is Limits
    with pytest.raises(AssertionError, match="0 answers for 1 files"):
        try_many(Forgetful, [a_file()])


def test_a_post_hook_reads_the_bytes_and_answers_metadata() -> None:
    answer = try_post_hook(Counted, a_version("x/y.raw"), b"12345")
    assert answer.metadata == {"length": 5, "name": "y.raw"}
    assert (Counted.name, Counted.version, Counted.kind) == ("counted", "2", "post_transfer")


class Looks(PostTransfer[Limits]):
    """Shows a picture and what stands beside it."""

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        beside = reader.neighbour(version.path + ".txt")
        said = {
            "beside": beside.decode() if beside else None,
            "on_disk": reader.local_path().stat().st_size,
        }
        return PostAnswer(metadata=said, preview=Image(data=b"\x89PNG", alt="A picture."))


def test_a_post_hook_sees_neighbours_and_a_file_and_its_picture_bears_json() -> None:
    version = a_version("2026/a.raw")
    answer = try_post_hook(Looks, version, b"12345", neighbours={"2026/a.raw.txt": b"note"})
    assert answer.metadata == {"beside": "note", "on_disk": 5}
    assert isinstance(answer.preview, Image)
    assert answer.preview.data == b"\x89PNG"
