"""`--help` answers at once: nothing heavy is imported before a command runs."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

# pydantic is not among them: typer itself needs it.
HEAVY = ("cryptography", "fastapi", "httpx", "platformdirs", "prefect", "rich", "sqlalchemy")
_PROBE = f"""
import json, sys
sys.argv[0] = "streamweave"
from app.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
COMMANDS = [("--help",), ("instruments", "--help"), ("secrets", "--help"), ("up", "--help")]


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *arguments]
    env = {**os.environ, "COLUMNS": "100", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: streamweave ")
    assert json.loads(done.stdout.splitlines()[-1]) == []


def _processor_seconds(*command: str) -> float:
    """What a command costs the processor, the least of five: the rest is other people's work."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(spent)


@pytest.mark.parametrize("arguments", COMMANDS[:2], ids=" ".join)
def test_help_costs_little_more_than_its_libraries(arguments: tuple[str, ...]) -> None:
    # Some 0.15 s here; as a ratio, because the same machine is twice as slow at other times.
    libraries = _processor_seconds("-c", "import typer, pydantic")
    assert _processor_seconds("-m", "app.cli", *arguments) <= 2.5 * libraries


def test_completion_knows_the_command_by_its_name(tmp_path: Path) -> None:
    # In case of a shell that cannot be found out from the processes above.
    script = _run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete -o default -F _streamweave_completion streamweave" in script.stdout
    offered = _run(
        _STREAMWEAVE_COMPLETE="complete_bash", COMP_WORDS="streamweave inst", COMP_CWORD="1"
    )
    assert offered.stdout.split() == ["instruments"]
    _run(
        "--install-completion", "bash",
        HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1",
    )  # fmt: skip
    assert list(tmp_path.rglob("*streamweave*"))
