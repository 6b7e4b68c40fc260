"""The command line against a real server: what a data manager types on the first day."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
import uvicorn
from typer.testing import CliRunner

from streamweave_sdk import cli, config
from streamweave_sdk.cli.exit_codes import ExitCode
from tests.integration.api_fixtures import PASSWORD, Api

pytest_plugins = ("tests.integration.api_fixtures",)


@pytest.fixture
async def url(api: Api) -> AsyncIterator[str]:
    """The API of the test on a free port; commands run in a thread beside its loop."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api.app, lifespan="off", log_level="error"))
        # Whoever connects before the server accepts waits in the socket's queue.
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


async def _run(*arguments: str, code: int = 0, **environment: str) -> Any:
    app = typer.Typer()
    cli.register(app)
    result = await asyncio.to_thread(
        CliRunner().invoke, app, [*arguments, "--json"], env=environment
    )
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


async def test_the_first_day_of_a_data_manager(
    api: Api, url: str, monkeypatch: pytest.MonkeyPatch, orchestration: list[Any]
) -> None:
    monkeypatch.setattr(config, "user_config_path", lambda _: api.roots.parent / "config")
    for name in ("STREAMWEAVE_URL", "STREAMWEAVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    await _run("login", url, "--email", "admin@lab.example", STREAMWEAVE_PASSWORD=PASSWORD)
    await _run("storage", "create", "archive", str(api.roots / "archive"))
    await _run("accounts", "create", "reader", "--username", "svc", STREAMWEAVE_SECRET="geheim")
    made = await _run(
        "instruments", "create", "tem-2", "--protocol", "smb", "--host", "pc", "--root", "data",
        "--account", "reader", "--storage", "archive", "--option", "domain=LAB",
    )  # fmt: skip
    assert made["options"] == {"domain": "LAB"}
    refused = await _run(
        "instruments", "set", "tem-2", "--host", "pc2", code=ExitCode.REFUSED,
        STREAMWEAVE_SECRET="guess",
    )  # fmt: skip
    assert refused["error"]["code"] == "secret_required"
    moved = await _run("instruments", "set", "tem-2", "--host", "pc2", STREAMWEAVE_SECRET="geheim")
    assert moved["host"] == "pc2"
    second = ("instruments", "create", "tem-3", "--protocol", "smb", "--host", "pc3", "--root", "x")
    refused = await _run(
        *second, "--account", "reader", code=ExitCode.REFUSED, STREAMWEAVE_SECRET="guess"
    )
    assert refused["error"]["code"] == "secret_required"
    made = await _run(*second, "--account", "reader", STREAMWEAVE_SECRET="geheim")
    assert made["host"] == "pc3"
    schedule = await _run("schedules", "create", "tem-2", "--cron", "0 2 * * *")
    assert len(schedule["next_times"]) == 5
    await _run("schedules", "set", schedule["id"], "--disable")
    await _run("users", "create", "ada@lab.example", STREAMWEAVE_USER_PASSWORD=PASSWORD)
    await _run("instruments", "assign", "tem-2", "ada@lab.example")
    assert [one["email"] for one in await _run("instruments", "users", "tem-2")] == [
        "ada@lab.example"
    ]
    await _run("users", "deactivate", "ada@lab.example")
    ticket = await _run("harvest", "tem-2")
    assert (ticket["joined"], len(orchestration)) == (False, 1)
    assert (await _run("audit", "verify"))["intact"] is True
    assert await _run("files", "list", "--instrument", "tem-2") == []
    check = await _run("instruments", "check", "tem-2", code=ExitCode.REFUSED)
    assert check["error"]["code"] == "zone_not_served"
    await _run("logout")
    await _run("runs", "list", code=ExitCode.NOT_SIGNED_IN, STREAMWEAVE_URL=url)
