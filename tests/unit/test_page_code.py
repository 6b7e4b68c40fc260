"""The web page's code: types, style, its own tests, and a client that fits this server."""

import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _node(script: str, *arguments: str, **environment: str) -> None:
    page = _script("build_page")
    done = subprocess.run(
        [str(page.node_path()), f"node_modules/{script}", *arguments],
        cwd=FRONTEND,
        env={**page.environment(), **environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    if not (FRONTEND / "node_modules" / "typescript").is_dir():
        pytest.skip("the page's packages are not installed: scripts/build_page.py --tools")


def test_the_openapi_document_of_the_page_is_this_servers() -> None:
    text = _script("write_openapi").document_text()
    assert text == (FRONTEND / "openapi.json").read_text(encoding="utf-8"), (
        "python scripts/write_openapi.py frontend/openapi.json, then npm run client"
    )


def test_the_client_of_the_page_is_generated_from_it() -> None:
    # Beside the committed one: the generated files name their neighbours.
    fresh = FRONTEND / "src" / "api" / f"fresh-{os.getpid()}"
    committed = FRONTEND / "src" / "api" / "generated"
    try:
        _node(
            "orval/dist/bin/orval.mjs",
            "--config",
            "orval.config.ts",
            STREAMWEAVE_CLIENT_FOLDER=f"./src/api/{fresh.name}",
        )
        assert _texts(fresh) == _texts(committed), "npm run client"
    finally:
        subprocess.run(["rm", "-rf", str(fresh)], check=True)


def _texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.ts"))
    }


def test_the_types_of_the_page_fit() -> None:
    _node("typescript/bin/tsc", "--noEmit")


def test_the_page_keeps_its_style() -> None:
    _node("@biomejs/biome/bin/biome", "check", ".")


def test_the_pages_own_tests_pass() -> None:
    _node("vitest/vitest.mjs", "run")
