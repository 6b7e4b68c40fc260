"""The command line of somebody who is signed in, against the API of the test."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
import uvicorn
from typer.testing import CliRunner

from streamweave_sdk import cli
from tests.integration.api_fixtures import Api


async def run_cli(*arguments: str, code: int = 0, as_json: bool = True) -> Any:
    """Run a command; return its JSON, or its text."""
    app = typer.Typer()
    cli.register(app)
    asked = [*arguments, "--json"] if as_json else list(arguments)
    result = await asyncio.to_thread(CliRunner().invoke, app, asked)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if as_json else result.stdout


@pytest.fixture
async def signed_in(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The API on a free port, and a token of an admin in the environment; gives its address."""
    _, token = await api.make_user("commands@lab.example", admin=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api.app, lifespan="off", log_level="error"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("STREAMWEAVE_URL", url)
        monkeypatch.setenv("STREAMWEAVE_TOKEN", token)
        yield url
        server.should_exit = True
        await task
