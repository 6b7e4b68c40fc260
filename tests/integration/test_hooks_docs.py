"""docs/hooks.md is true: its hooks, its tests and its commands, as they stand there."""

import asyncio
import re
import shlex
import subprocess
import sys
from pathlib import Path

from app.models import CopyState
from streamweave_sdk.hooks import find_hooks
from streamweave_sdk.testing import a_version, try_post_hook
from tests.integration.api_fixtures import Api
from tests.integration.cli_fixtures import run_cli

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.cli_fixtures")
PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_the_tutorial_in_a_fresh_folder_with_a_running_server(
    api: Api, signed_in: str, tmp_path: Path
) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    api.app.state.settings.hooks_folder = folder  # the server runs already
    storage = await api.make_storage()
    instrument = await api.make_instrument("tem-2")
    for path in ("2026/dark_01.tif", "2026/grid_01.tif"):
        await api.make_file(instrument["id"], storage["id"], path, state=CopyState.AVAILABLE)
    hook, test = _blocks("python")[:2]
    assert len([line for line in hook.splitlines() if line.strip()]) <= 20
    (folder / "dark.py").write_text(hook)
    (folder / "test_dark.py").write_text(test)
    tried = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_dark.py"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tried.returncode == 0 and "1 passed" in tried.stdout, tried.stdout + tried.stderr
    commands = [shlex.split(line)[1:] for line in _blocks("sh")[0].splitlines()]
    kinds, trials, made = [await run_cli(*command) for command in commands]
    assert "no-dark-frames" in [one["hook"] for one in kinds["items"]] and not kinds["problems"]
    assert {one["path"]: one["outcome"] for one in trials} == {
        "2026/dark_01.tif": "skip", "2026/grid_01.tif": "continue",
    }  # fmt: skip
    assert made["enabled"] and made["instrument_id"] == instrument["id"]
    # The commands of log and replay.
    answers = [await run_cli(*shlex.split(line)[1:]) for line in _blocks("sh")[1].splitlines()]
    assert answers[0] == [] and len(answers[1]["changes"]) == 2 and answers[2]["files"] == 2


def test_the_hook_after_a_transfer_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(_blocks("python")[2])
    hook = find_hooks(tmp_path).hooks["sample-name"]
    version = a_version("x/a.raw")
    answer = try_post_hook(hook, version, neighbours={"x/a.raw.txt": b"lamella 7\n"})  # type: ignore[arg-type]
    assert (answer.metadata, answer.tags) == ({"sample": "lamella 7"}, ["named"])
