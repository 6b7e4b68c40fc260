"""The client and the command line, against a server of canned answers."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner

from streamweave_sdk import cli, client, config
from streamweave_sdk.cli import frame, harvest, table
from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.client import ApiProblem, Client, ServerUnreachable

ID = "0198b7c0-0000-7000-8000-000000000001"
Handler = Callable[[httpx.Request], httpx.Response]
_HttpTransport = httpx.HTTPTransport


def _problem(status: int, code: str) -> httpx.Response:
    body = {"code": code, "detail": f"It is {code}.", "remedy": "Mend it.", "status": status}
    return httpx.Response(status, json=body)


def _client(handler: Handler) -> Client:
    return Client("http://lab.example", "token", transport=httpx.MockTransport(handler))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STREAMWEAVE_URL", "STREAMWEAVE_TOKEN", "STREAMWEAVE_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "user_config_path", lambda _: tmp_path / "streamweave")
    return tmp_path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command against a handler."""
    app = typer.Typer()
    cli.register(app)

    def call(handler: Handler, *arguments: str, stdin: str | None = None) -> Any:
        monkeypatch.setattr(
            httpx, "HTTPTransport", lambda **_: httpx.MockTransport(handler), raising=True
        )
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return call


def test_pages_are_followed_to_the_end() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        last = request.url.params.get("cursor") == "next"
        body = {"items": [{"n": 2 if last else 1}], "next_cursor": None if last else "next"}
        return httpx.Response(200, json=body)

    with _client(handler) as api:
        assert [item["n"] for item in api.items("files")] == [1, 2]


def test_a_refusal_carries_code_detail_and_remedy() -> None:
    with _client(lambda _: _problem(409, "name_taken")) as api, pytest.raises(ApiProblem) as caught:
        api.post("accounts", {})
    assert (caught.value.status, caught.value.code) == (409, "name_taken")
    assert caught.value.remedy == "Mend it."


def test_an_edit_sends_the_etag_that_it_read() -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("If-Match"))
        return httpx.Response(200, json={}, headers={"ETag": '"r7"'})

    with _client(handler) as api:
        api.edit("accounts/1", {"name": "x"})
    assert seen == [None, '"r7"']


def test_no_answer_is_its_own_error() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with _client(handler) as api, pytest.raises(ServerUnreachable):
        api.get("health")


def test_the_connection_is_private_and_the_environment_wins(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config.save_connection(config.Connection("http://a/", "secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config.load_connection() == config.Connection("http://a", "secret")
    monkeypatch.setenv("STREAMWEAVE_TOKEN", "other")
    assert config.load_connection().token == "other"
    config.forget_connection()
    config.forget_connection()
    assert config.load_connection().url == config.DEFAULT_URL


def test_a_stored_token_is_never_sent_to_another_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.save_connection(config.Connection("http://a", "secret"))
    monkeypatch.setenv("STREAMWEAVE_URL", "http://b")
    assert config.load_connection() == config.Connection("http://b", None)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "not_signed_in", ExitCode.NOT_SIGNED_IN),
        (404, "not_found", ExitCode.NOT_FOUND),
        (403, "not_allowed", ExitCode.REFUSED),
        (422, "invalid_request", ExitCode.REFUSED),
        (500, "internal_error", ExitCode.UNEXPECTED),
    ],
)
def test_exit_codes_follow_the_answer(
    run: Callable[..., Any], status: int, code: str, expected: ExitCode
) -> None:
    result = run(lambda _: _problem(status, code), "runs", "list", "--json")
    assert result.exit_code == expected
    assert json.loads(result.stdout)["error"]["code"] == code


def test_json_is_one_document_on_standard_output(run: Callable[..., Any]) -> None:
    body = {"items": [{"slug": "tem-2", "id": ID}], "next_cursor": None}
    result = run(lambda _: httpx.Response(200, json=body), "instruments", "list", "--json")
    assert json.loads(result.stdout) == body["items"]


def test_an_instrument_is_found_by_slug_and_an_unknown_one_is_not_found(
    run: Callable[..., Any],
) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [{"slug": "a", "id": ID}], "next_cursor": None})

    assert run(handler, "instruments", "show", "a").exit_code == 0
    assert run(handler, "instruments", "show", "b").exit_code == ExitCode.NOT_FOUND


def test_a_secret_comes_from_standard_input_and_is_not_shown(run: Callable[..., Any]) -> None:
    sent: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(201, json={"name": "reader"})

    arguments = ("accounts", "create", "reader", "--username", "svc", "--secret-file", "-")
    result = run(handler, *arguments, stdin="s3cret\n")
    assert result.exit_code == 0
    assert sent == [{"name": "reader", "username": "svc", "secret": "s3cret"}]
    assert "s3cret" not in result.output


def test_no_command_takes_a_secret_as_an_argument_value() -> None:
    app = typer.Typer()
    cli.register(app)
    command = typer.main.get_command(app)
    for name, group in command.commands.items():  # type: ignore[attr-defined]
        for sub in getattr(group, "commands", {name: group}).values():
            options = {option for parameter in sub.params for option in parameter.opts}
            assert not options & {"--secret", "--password", "--token"}, (name, sub.name)


def test_names_from_elsewhere_cannot_steer_the_terminal(run: Callable[..., Any]) -> None:
    body = {"id": ID, "path": "a\x1b[2Jb"}
    result = run(lambda _: httpx.Response(200, json=body), "files", "show", ID)
    assert "\x1b" not in result.output


def _counts(**given: Any) -> dict[str, Any]:
    names = (
        *("settling", "held", "queued", "in_flight", "retry_wait", "available", "failed"),
        *("conflict", "recent_available", "recent_failed", "recent_conflict"),
    )
    scan = {
        "running": False, "done": True, "listing_held_at": None, "listing_held_detail": None,
        "error_detail": None,
    }  # fmt: skip
    base: dict[str, Any] = {name: {"files": 0, "size_bytes": 0} for name in names}
    return {**base, "scan": scan, "done": False, **given}


@pytest.mark.parametrize(
    ("counts", "run_state", "expected"),
    [
        (_counts(done=True), None, ExitCode.OK),
        (_counts(done=True, recent_failed={"files": 1, "size_bytes": 5}), None,
         ExitCode.HARVEST_FAILED),
        (_counts(), {"state": "ended", "outcome": "completed"}, ExitCode.OK),
        (_counts(), {"state": "ended", "outcome": "failed", "error_detail": "no share"},
         ExitCode.HARVEST_FAILED),
        (_counts(), {"state": "live", "outcome": None}, ExitCode.TIMEOUT),
    ],
)  # fmt: skip
def test_waiting_for_a_harvest_ends_with_the_code_of_its_ending(
    run: Callable[..., Any], counts: dict[str, Any], run_state: Any, expected: ExitCode
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/harvest"):
            ticket = {
                "run_id": ID if run_state else None, "joined": False,
                "requested_at": "2026-11-24T06:00:00Z",
            }  # fmt: skip
            return httpx.Response(202, json=ticket)
        if path.endswith("/progress"):
            return httpx.Response(200, json=counts)
        if "/runs/" in path:
            return httpx.Response(200, json=run_state)
        return httpx.Response(200, json={"id": ID, "name": "TEM-2", "slug": "tem-2"})

    result = run(handler, "harvest", ID, "--wait", "--timeout", "0", "--json")
    assert result.exit_code == expected, result.output
    assert json.loads(result.stdout)["progress"] == counts


def test_help_is_quick_and_loads_neither_httpx_nor_rich() -> None:
    script = (
        "import sys, contextlib, io\n"
        "from streamweave_sdk.cli import main\n"
        "sys.argv = ['streamweave-client', '--help']\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print([name for name in ('httpx', 'rich', 'pydantic') if name in sys.modules])\n"
    )
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert result.stdout.strip() == "[]"
    assert time.monotonic() - began < 3  # generous: a loaded machine must not fail the suite


def test_size_text_uses_si_units() -> None:
    assert [frame.size_text(n) for n in (0, 999, 1000, 88_000_000_000)] == [
        "0 B", "999 B", "1.0 kB", "88.0 GB",
    ]  # fmt: skip


def test_the_modules_that_commands_load_are_there() -> None:
    assert client.Client is Client
    assert harvest.Ending.__name__ == "Ending"


def _rows(request: httpx.Request) -> httpx.Response:
    item = {
        "id": ID, "path": "a very long folder/" * 8 + "run_1.raw", "state": "available",
        "storage_name": "Archive", "size_bytes": 4194304, "error_code": None,
        "evidence": {"received_bytes": 4194304, "adapter": "rclone"},
        "attempts": [{"number": 2, "worker": "w"}, {"number": 1, "worker": "v"}],
    }  # fmt: skip
    one = request.url.path.endswith(ID)
    return httpx.Response(200, json=item if one else {"items": [item], "next_cursor": None})


def test_a_table_fits_the_terminal_and_shows_ids_whole(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = run(_rows, "transfers", "list").stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert lines[0].split() == ["path", "storage", "state", "size", "error", "code", "id"]
    assert lines[1].endswith(ID)
    assert "run_1.raw  Archive  available  4.2 MB" in lines[1]


def test_a_table_in_a_pipe_is_whole(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "a very long folder/" * 8 + "run_1.raw" in run(_rows, "transfers", "list").stdout


def test_one_thing_is_shown_with_its_parts_below_it(run: Callable[..., Any]) -> None:
    shown = run(_rows, "transfers", "show", ID).stdout
    assert "size        4.2 MB (4194304 bytes)\n" in shown
    assert "evidence\n  received  4.2 MB (4194304 bytes)\n  adapter   rclone\n" in shown
    assert "attempts 1\n  number  2\n  worker  w\nattempts 2\n  number  1\n" in shown
    assert "{" not in shown


@pytest.mark.parametrize("width", [1, 2, 5, 12, 40])
def test_a_shortened_text_keeps_both_ends(width: int) -> None:
    text = "Probe-\u6e2c\u8a66/2026/run_000.raw"
    found = table.shorten(text, width)
    assert cell_len(found) <= width
    if width >= 12:
        assert found.startswith("Pro")
        assert found.endswith(".raw")
