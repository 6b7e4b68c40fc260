"""The house keeps its own rules: style, types, arrows, sizes, generated pages."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import CATALOGUE
from app.harvest.states import ALLOWED
from scripts import build_docs, check_sizes

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(sysconfig.get_path("scripts"))


def run(*command: str) -> None:
    """Run one of the project's own tools; fail with what it said, and with how to repeat it."""
    program, *arguments = command
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}"
        pytest.fail(f"`.venv/bin/{' '.join(command)}` says:\n{said}", pytrace=False)


def test_lint_finds_nothing() -> None:
    run("ruff", "check", "--no-cache")


def test_everything_is_formatted() -> None:
    run("ruff", "format", "--check", "--no-cache")


def test_types_are_right() -> None:
    run("mypy")


def test_imports_follow_the_arrows() -> None:
    run("lint-imports", "--no-cache")


def test_nothing_is_longer_than_its_limit() -> None:
    found = check_sizes.complaints(list(check_sizes.measure()), check_sizes.EXCEPTIONS)
    assert not found, "\n".join(found)


def test_an_exception_without_use_is_a_complaint() -> None:
    sizes = [check_sizes.Size("a.py", 500, 500), check_sizes.Size("b.py", 501, 500)]
    found = check_sizes.complaints(sizes, {"a.py": "was long once"})
    assert [line.split()[0] for line in found] == ["b.py", "a.py"]


@pytest.mark.parametrize("name", sorted(build_docs.PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    page = (build_docs.DOCS / name).read_text(encoding="utf-8")
    assert page == build_docs.PAGES[name](), f"docs/{name} is old: run scripts/build_docs.sh"


def test_pages_name_every_state_and_code() -> None:
    assert all(f"`{code}`" in build_docs.errors_page() for code in CATALOGUE)
    assert all(f"`{state.value}`" in build_docs.states_page() for state in ALLOWED)


def test_every_setting_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [f"`STREAMWEAVE_{name.upper()}`" for name in Settings.model_fields]
    assert [name for name in names if name not in readme] == []
