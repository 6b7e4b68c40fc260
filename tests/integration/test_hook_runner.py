"""Hooks in real processes: one that hangs, crashes, leaks or answers nonsense hurts only itself."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.clock import monotonic
from app.hooks.runner import HookRunner, HookSpec
from streamweave_sdk.testing import a_file

SCRIPT = """
import os, time
from streamweave_sdk.hooks import Config, Continue, PreTransfer, Skip

class Plain(Config):
    word: str = "x"

class Good(PreTransfer[Plain]):
    def run(self, file):
        print("looked at", file.name)
        self.log.warning("careful")
        return Skip(reason="found", rule=self.config.word) if "x" in file.name else Continue()

class Hangs(PreTransfer[Plain]):
    def run(self, file):
        while "bad" in file.name:
            time.sleep(1)
        return Continue()

class Crashes(PreTransfer[Plain]):
    def run(self, file):
        if "bad" in file.name:
            os._exit(7)
        return Continue()

class Leaks(PreTransfer[Plain]):
    def run(self, file):
        if "bad" in file.name:
            self.kept = []
            while True:
                self.kept.append(bytearray(50_000_000))
        return Continue()

class Nonsense(PreTransfer[Plain]):
    def run(self, file):
        return {"kind": "explode"} if "bad" in file.name else Continue()

class Raises(PreTransfer[Plain]):
    def run(self, file):
        if "bad" in file.name:
            raise ValueError("cannot read the header")
        return Continue()

class Environment(PreTransfer[Plain]):
    def run(self, file):
        return Skip(reason=" ".join(sorted(os.environ)), rule="r")

class First(PreTransfer[Plain]):
    first_bytes = 4
    def run(self, file):
        return Skip(reason=file.first_bytes.decode(), rule=str(os.getpid()))
"""


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[HookRunner]:
    (tmp_path / "hooks.py").write_text(SCRIPT)
    made = HookRunner(tmp_path)
    yield made
    await made.close()


def spec(hook: str, **more: Any) -> HookSpec:
    return HookSpec(uuid.uuid4(), 1, hook, more.pop("config", {}), **more)


FILES = [a_file("a.tif"), a_file("bad.tif"), a_file("c.tif")]


async def test_a_hook_answers_with_its_configuration_and_what_it_said_is_kept(
    runner: HookRunner,
) -> None:
    one, two = await runner.ask(
        spec("good", config={"word": "axe"}), [a_file("a.tif"), a_file("x.tif")]
    )
    assert one.answer == {"kind": "continue"}
    assert two.answer == {"kind": "skip", "reason": "found", "rule": "axe"}
    assert {"looked at", "looked at a.tif"} & {" ".join(line.split()) for line in two.log}
    assert "WARNING: careful" in two.log
    assert two.version == "1"


@pytest.mark.parametrize(
    ("hook", "code"),
    [
        ("hangs", "hook_timed_out"),
        ("crashes", "hook_crashed"),
        ("leaks", "hook_crashed"),
        ("nonsense", "hook_failed"),
        ("raises", "hook_failed"),
    ],
)
async def test_only_the_file_at_fault_fails(runner: HookRunner, hook: str, code: str) -> None:
    asked = spec(hook, timeout_seconds=2.0, memory_bytes=600 << 20)
    a, bad, c = await runner.ask(asked, FILES)
    assert (a.answer, c.answer) == ({"kind": "continue"}, {"kind": "continue"})
    assert bad.answer is None and bad.error is not None
    assert bad.error.code == code
    again = await runner.ask(asked, FILES[:1])
    assert again[0].answer == {"kind": "continue"}


async def test_a_hanging_hook_costs_the_others_nothing_and_then_rests(runner: HookRunner) -> None:
    good, hangs = spec("good"), spec("hangs", timeout_seconds=3.0)
    await runner.ask(good, FILES[:1])  # started
    hanging = asyncio.create_task(runner.ask(hangs, [a_file(f"bad{n}") for n in range(50)]))
    began = monotonic()
    for _ in range(20):
        await runner.ask(good, FILES)
    assert not hanging.done()
    assert monotonic() - began < 3.0
    answers = await hanging
    # The batch, two of its files, then it rests: not fifty time-outs.
    assert monotonic() - began < 15.0
    assert {one.error.code for one in answers if one.error} == {"hook_timed_out"}
    before = monotonic()
    await runner.ask(hangs, FILES[:1])
    assert monotonic() - before < 0.5


async def test_what_cannot_be_started_says_why(runner: HookRunner) -> None:
    [missing] = await runner.ask(spec("nowhere"), FILES[:1])
    assert missing.error is not None and missing.error.code == "hook_not_startable"
    assert "There is no hook 'nowhere'" in missing.error.detail
    [wrong] = await runner.ask(spec("good", config={"typo": 1}), FILES[:1])
    assert wrong.error is not None and "typo" in wrong.error.detail


async def test_no_secret_of_the_worker_reaches_a_hook(
    runner: HookRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMWEAVE_SECRET_KEYS", "x")
    monkeypatch.setenv("STREAMWEAVE_DATABASE_URL", "x")
    [one] = await runner.ask(spec("environment"), FILES[:1])
    assert one.answer is not None
    assert "STREAMWEAVE" not in one.answer["reason"]


async def test_a_killed_process_is_made_anew_and_a_changed_configuration_too(
    runner: HookRunner,
) -> None:
    asked = spec("first")
    assert await runner.first_bytes(asked) == 4
    file = a_file(first_bytes=b"II*\0")
    [one] = await runner.ask(asked, [file])
    assert one.answer is not None and one.answer["reason"] == "II*\ufffd"  # no NUL is kept
    os.kill(int(one.answer["rule"]), 9)
    [two] = await runner.ask(asked, [file])
    assert two.answer is not None and two.answer["rule"] != one.answer["rule"]
    changed = HookSpec(asked.id, 2, "first", {"word": "y"})
    [three] = await runner.ask(changed, [file])
    assert three.answer is not None and three.answer["rule"] != two.answer["rule"]


async def test_a_thousand_files_a_second_go_through_the_filter(runner: HookRunner) -> None:
    asked = spec("file-filter", config={"rules": [{"name": "tmp", "globs": ["*.tmp"]}]})
    await runner.ask(asked, FILES[:1])
    began = monotonic()
    for number in range(10):
        answers = await runner.ask(asked, [a_file(f"d{number}/{n}.raw") for n in range(200)])
        assert all(one.answer == {"kind": "continue"} for one in answers)
    assert monotonic() - began < 2.0
