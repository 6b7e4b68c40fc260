"""The image that serves the page: its Dockerfile and its Caddyfile say what they should."""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.page import SECURITY_HEADERS

FRONTEND = Path(__file__).parents[2] / "frontend"
PROGRAMS = Path(sysconfig.get_path("scripts"))


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=FRONTEND,
    )  # fmt: skip
    assert done.returncode == 0, f"{program} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def config() -> Any:
    return json.loads(run("caddy", "adapt", "--config", "Caddyfile", "--adapter", "caddyfile"))


def handlers(part: Any) -> Iterator[dict[str, Any]]:
    """Every handler in it, however deep."""
    if isinstance(part, dict):
        if "handler" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from handlers(one)


def test_the_dockerfile_has_nothing_that_hadolint_knows_better() -> None:
    run("hadolint", "Dockerfile")


def test_the_caddyfile_is_valid_and_formatted() -> None:
    run("caddy", "validate", "--config", "Caddyfile", "--adapter", "caddyfile")
    run("caddy", "fmt", "--diff", "Caddyfile")


def test_every_answer_of_the_page_has_the_headers_of_the_api(config: Any) -> None:
    sent = [
        one["response"]["set"]
        for one in handlers(config)
        if one["handler"] == "headers" and "Cache-Control" in one["response"].get("set", {})
    ]
    assert len(sent) == 3
    for headers in sent:
        theirs = {name: value for name, [value] in headers.items() if name in SECURITY_HEADERS}
        assert theirs == dict(SECURITY_HEADERS)


def test_nothing_but_the_api_is_behind_it_and_its_live_events_are_not_held(config: Any) -> None:
    proxies = [one for one in handlers(config) if one["handler"] == "reverse_proxy"]
    assert proxies
    for proxy in proxies:
        assert proxy["upstreams"] == [{"dial": "api:8700"}]
        assert proxy["flush_interval"] == -1


def test_its_own_switches_are_closed(config: Any) -> None:
    assert config["admin"] == {"disabled": True}
