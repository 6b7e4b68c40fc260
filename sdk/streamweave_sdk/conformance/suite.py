"""What every mover must do; run by the plug-in `streamweave_sdk.conformance`."""

import asyncio
import hashlib
import os
import random
import re
import shutil
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from streamweave_sdk.conformance import MoverLab
from streamweave_sdk.conformance.running import (
    arguments_seen,
    bring,
    code,
    descendants,
    nothing_new_runs,
    opened,
)
from streamweave_sdk.transfers import (
    Fetches,
    FileFacts,
    MoverSource,
    Options,
    Streams,
    TransferError,
    Wanted,
)

T = TypeVar("T")
_WORDS = "secret|password|passwd|token|credential"
_SIZES = (0, 1, 4_095, 65_537, 1 << 20, (3 << 20) + 1)
_NO_FILE = ("source_file_missing", "source_name_unsafe")
_ANY_NAMES = (b"-rf", b"new\nline", b"\xff\xfe", b"back\\slash", b"#hash", b" spaces ")
_UTF8_NAMES = ("ü.raw".encode(), b"two words", b"a;b'c$d", b"[x]", b"100%", b"a&b=c+d")


@pytest.fixture
def lab(mover_lab: MoverLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MoverLab]:
    """The author's lab; whatever is left in the places where programs like to leave things fails.

    The temporary folder, the home and the working directory are empty ones of the test's own.
    """
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("TMPDIR", "HOME"):
        monkeypatch.setenv(name, str(elsewhere))
    monkeypatch.chdir(elsewhere)
    yield mover_lab
    assert list(elsewhere.iterdir()) == [], "the mover left something outside of its folder"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Where an opening may put what it likes; it makes it."""
    return tmp_path / "private"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one test's work."""
    return asyncio.run(work)


def content_of(size_bytes: int) -> bytes:
    """Return bytes that no rule makes."""
    return random.Random(size_bytes).randbytes(size_bytes)


def inside(lab: MoverLab, name: bytes) -> bytes:
    """Return the path of a name of the suite."""
    return lab.below + b"/" + name if lab.below else name


def put(lab: MoverLab, *names: bytes, size_bytes: int = 10) -> list[Wanted]:
    """Make files, and return them as they are wanted."""
    files = {inside(lab, name): content_of(size_bytes) for name in names}
    lab.put(files)
    return [Wanted(path, len(content)) for path, content in files.items()]


async def names_in(source: MoverSource, directory: bytes) -> dict[bytes, bool]:
    """List a directory: name to whether it is one."""
    entries = await source.list_directory(directory)
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names)), "a name is listed twice"
    return {entry.name: entry.is_directory for entry in entries}


# --- what it says of itself ----------------------------------------------------------------------


def test_it_has_a_name_and_serves_its_place(lab: MoverLab) -> None:
    """Names are what instruments store; the place of the lab must be one of its own."""
    mover = lab.mover
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", mover.name)
    assert mover.title
    assert lab.place.protocol in mover.protocols
    assert mover.problem() is None
    options = mover.options_model.model_validate(dict(lab.options))
    assert mover.unsuitable(lab.place, options) is None


def test_its_options_make_a_form_without_secrets(lab: MoverLab) -> None:
    """Each field needs a title and a type; what is not known is refused."""
    model = lab.mover.options_model
    assert issubclass(model, Options)
    schema = model.model_json_schema()
    assert schema["type"] == "object"
    assert schema.get("additionalProperties") is False
    for name, field in schema.get("properties", {}).items():
        assert field.get("title"), f"{name} has no title"
        assert {"type", "anyOf", "enum", "$ref", "allOf"} & set(field), f"{name} has no type"
        assert not re.search(_WORDS, name.lower()), f"{name}: secrets are service accounts"


def test_it_says_what_its_source_can_do(lab: MoverLab, private: Path) -> None:
    """Capabilities name mover and protocol; windows are positive."""

    async def work() -> None:
        async with opened(lab, private) as source:
            can = source.capabilities
            assert (can.mover, can.protocol) == (lab.mover.name, lab.place.protocol)
            assert can.window_files >= 1
            assert can.window_bytes >= 1
            assert can.mtime_precision_ns >= 1
            assert isinstance(source, Fetches | Streams)

    run(work())


# --- listing and asking --------------------------------------------------------------------------


def test_directories_and_files_are_listed_with_size_and_time(lab: MoverLab, private: Path) -> None:
    """One level at a time."""
    put(lab, b"a.raw", b"sub/b.raw", b"sub/deep/c.raw", size_bytes=1234)

    async def work() -> None:
        async with opened(lab, private) as source:
            assert await names_in(source, lab.below) == {b"a.raw": False, b"sub": True}
            sub = inside(lab, b"sub")
            assert await names_in(source, sub) == {b"b.raw": False, b"deep": True}
            assert await names_in(source, sub + b"/deep") == {b"c.raw": False}
            (entry,) = await source.list_directory(sub + b"/deep")
            assert entry.facts.size_bytes == 1234
            assert entry.facts.mtime_ns % source.capabilities.mtime_precision_ns == 0
            assert await source.stat([sub + b"/deep/c.raw"]) == [entry.facts]

    run(work())


def test_any_name_is_listed_and_brought(lab: MoverLab, private: Path) -> None:
    """Bytes where the source carries them, else UTF-8; names are never options or patterns."""

    async def work() -> None:
        async with opened(lab, private) as source:
            carries_any = source.capabilities.carries_any_name
            names = _UTF8_NAMES + (_ANY_NAMES if carries_any else ())
            files = put(lab, *names, *(b"sub/" + name for name in names))
            assert set(await names_in(source, lab.below)) == {*names, b"sub"}
            assert set(await names_in(source, inside(lab, b"sub"))) == set(names)
            facts = await source.stat([file.path for file in files])
            assert [code(fact) for fact in facts] == [""] * len(files)
            came = await bring(source, files, private)
            assert len(came) == len(files)
            assert {files[n].path for n in came if came[n] != content_of(10)} == set()

    run(work())


def test_links_are_neither_shown_nor_followed(lab: MoverLab, private: Path) -> None:
    """A link could lead anywhere."""
    if not lab.has_links:
        pytest.skip("this lab's source has no links")
    put(lab, b"a.raw")
    lab.link(inside(lab, b"link"), b"a.raw")
    lab.link(inside(lab, b"folder"), b"/")

    async def work() -> None:
        async with opened(lab, private) as source:
            assert await names_in(source, lab.below) == {b"a.raw": False}
            link = inside(lab, b"link")
            assert [code(fact) in _NO_FILE for fact in await source.stat([link])] == [True]
            came = await bring(source, [Wanted(link, 10)], private)
            assert code(came[0]) in _NO_FILE

    run(work())


def test_a_folder_that_is_not_there_is_told_as_missing(lab: MoverLab, private: Path) -> None:
    """An empty answer would be taken for an emptied folder; a file is no folder either."""
    put(lab, b"a.raw")

    async def work() -> None:
        async with opened(lab, private) as source:
            for name in (b"no-such-folder", b"no/such/folder"):
                with pytest.raises(TransferError) as refused:
                    await source.list_directory(inside(lab, name))
                assert refused.value.code == "source_folder_missing"
            with pytest.raises(TransferError):
                await source.list_directory(inside(lab, b"a.raw"))

    run(work())


def test_each_file_is_asked_about_in_its_place(lab: MoverLab, private: Path) -> None:
    """What is missing, and what is a folder, is `source_file_missing` where it stands."""
    files = put(lab, b"a.raw", b"sub/b.raw", size_bytes=77)

    async def work() -> None:
        async with opened(lab, private) as source:
            gone, folder = inside(lab, b"gone"), inside(lab, b"sub")
            asked = [gone, files[1].path, folder, files[0].path, inside(lab, b"no/x")]
            answers = await source.stat(asked)
            assert [isinstance(answer, FileFacts) for answer in answers] == [
                False, True, False, True, False,
            ]  # fmt: skip
            missing = {code(answers[n]) for n in (0, 2, 4)}
            assert missing == {"source_file_missing"}
            assert list(await source.stat([])) == []

    run(work())


# --- bringing ------------------------------------------------------------------------------------


def test_files_of_all_sizes_come_exactly(lab: MoverLab, private: Path) -> None:
    """From nothing to some MiB."""
    contents = {inside(lab, b"%d.raw" % size): content_of(size) for size in _SIZES}
    lab.put(contents)

    async def work() -> None:
        async with opened(lab, private) as source:
            files = [Wanted(path, len(content)) for path, content in contents.items()]
            came = await bring(source, files, private)
            wrong = [file.path for n, file in enumerate(files) if came[n] != contents[file.path]]
            assert wrong == []

    run(work())


def test_many_files_come_and_each_is_told_once(lab: MoverLab, private: Path) -> None:
    """As many as it says that it wants at once."""

    async def work() -> None:
        async with opened(lab, private) as source:
            count = min(source.capabilities.window_files, 200)
            files = put(lab, *(b"%d/%03d.raw" % (n % 7, n) for n in range(count)))
            came = await bring(source, files, private)
            assert sorted(came) == list(range(count))
            assert {outcome for outcome in came.values() if isinstance(outcome, bytes)} == {
                content_of(10)
            }
            assert not [outcome for outcome in came.values() if code(outcome)]

    run(work())


def test_another_size_than_wanted_is_a_changed_file(lab: MoverLab, private: Path) -> None:
    """More and fewer bytes; the files beside it come."""
    files = put(lab, b"a.raw", b"b.raw", b"c.raw")
    wanted = [replace(files[0], size_bytes=9), files[1], replace(files[2], size_bytes=11)]

    async def work() -> None:
        async with opened(lab, private) as source:
            came = await bring(source, wanted, private)
            assert [code(came[n]) for n in range(3)] == [
                "source_file_changed", "", "source_file_changed",
            ]  # fmt: skip

    run(work())


def test_a_missing_file_stops_no_other(lab: MoverLab, private: Path) -> None:
    """One file's failure is one file's failure."""
    files = put(lab, *(b"%d.raw" % n for n in range(6)))
    files[2:2] = [Wanted(inside(lab, b"gone"), 10), Wanted(inside(lab, b"no/such/x"), 10)]

    async def work() -> None:
        async with opened(lab, private) as source:
            came = await bring(source, files, private)
            missing = "source_file_missing"
            assert [code(came[n]) for n in range(8)] == ["", "", missing, missing, *[""] * 4]

    run(work())


def test_a_call_that_is_given_up_leaves_nothing_running(lab: MoverLab, private: Path) -> None:
    """It may be repeated over the same opening, and then brings all."""
    files = put(lab, b"a.raw", b"b.raw", size_bytes=4 << 20)

    async def work() -> None:
        async with opened(lab, private) as source:
            await source.list_directory(lab.below)
            before = descendants()
            call = asyncio.create_task(bring(source, files, private))
            await asyncio.sleep(0.05)  # somewhere in the middle, or before, or after
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await nothing_new_runs(before)
            came = await bring(source, files, private)
            assert [came[n] == content_of(4 << 20) for n in range(2)] == [True, True]

    run(work())


def test_the_version_before_is_used_and_never_changed(lab: MoverLab, private: Path) -> None:
    """It may be a file of the archive. What comes is exact, also beside equal size and time."""
    (file,) = put(lab, b"a.raw", size_bytes=1 << 20)
    kept = private.parent / "kept.v1.raw"
    kept.write_bytes(content_of(1 << 20)[:-1000] + b"x" * 1000)
    before = _facts(kept)

    async def work() -> None:
        async with opened(lab, private) as source:
            (facts,) = await source.stat([file.path])
            assert isinstance(facts, FileFacts)
            os.utime(kept, ns=(facts.mtime_ns, facts.mtime_ns))
            wanted = replace(file, mtime_ns=facts.mtime_ns, previous=kept)
            assert (await bring(source, [wanted], private))[0] == content_of(1 << 20)
            assert _facts(kept)[:3] == (*before[:2], facts.mtime_ns)
            assert _facts(kept)[3:] == before[3:]

    run(work())


def _facts(path: Path) -> tuple[object, ...]:
    facts = os.stat(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode, facts.st_nlink, digest


# --- manners -------------------------------------------------------------------------------------


def test_the_source_is_only_read(lab: MoverLab, private: Path) -> None:
    """Names, times, contents: all is as it was."""
    files = put(lab, b"a.raw", b"sub/b.raw", size_bytes=100_000)
    before = lab.state()

    async def work() -> None:
        async with opened(lab, private) as source:
            await source.list_directory(inside(lab, b"sub"))
            await source.stat([file.path for file in files])
            await bring(source, [*files, Wanted(inside(lab, b"gone"), 1)], private)

    run(work())
    assert lab.state() == before


def test_closing_ends_all_and_frees_the_folder(lab: MoverLab, private: Path) -> None:
    """Also without a call."""
    files = put(lab, b"a.raw")

    async def work() -> None:
        before = descendants()
        async with opened(lab, private):
            pass
        await nothing_new_runs(before)
        shutil.rmtree(private)
        async with opened(lab, private) as source:
            await source.list_directory(lab.below)
            came = await bring(source, files, private)
            assert came[0] == content_of(10)
        await nothing_new_runs(before)
        assert descendants().keys() <= before.keys()
        shutil.rmtree(private)
        assert not private.exists(), "something was written there after it was closed"

    run(work())


def test_secrets_stand_in_no_process_list(lab: MoverLab, private: Path) -> None:
    """Anybody on the machine can read the arguments of programs."""
    files = put(lab, b"a.raw", size_bytes=1 << 20)
    secret = lab.place.secret or "conformance-9f3a1c"
    lines = [line.encode() for line in secret.splitlines() if len(line) > 6]

    async def work() -> None:
        async with opened(lab, private, secret=secret) as source:
            await source.list_directory(lab.below)
            await bring(source, files, private)

    with arguments_seen() as seen:
        run(work())
    assert not [argument for argument in seen if any(line in argument for line in lines)]


def test_a_server_that_hangs_is_given_up_in_time(lab: MoverLab, private: Path) -> None:
    """Each call ends or raises within the place's time without progress."""
    if lab.hanging is None:
        pytest.skip("this lab cannot make its server hang")
    hanging = lab.hanging
    files = put(lab, b"a.raw", size_bytes=1 << 20)

    async def work() -> None:
        async with opened(lab, private, timeout_seconds=2.0) as source:
            await source.list_directory(lab.below)
            with hanging():
                async with asyncio.timeout(2 * 2.0 + 2):
                    with pytest.raises(TransferError):
                        await source.list_directory(lab.below)
                async with asyncio.timeout(2 * 2.0 + 2):
                    assert code((await bring(source, files, private))[0])

    run(work())
