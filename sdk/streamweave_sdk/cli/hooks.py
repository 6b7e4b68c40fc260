"""Hooks: a facility's own rules. HOOK is a configured hook's name or id."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.frame import (
    AsJson,
    Limit,
    Stop,
    connect,
    given,
    reported,
    show_json,
    show_list,
    show_one,
)
from streamweave_sdk.cli.instruments import find_instrument

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
_COLUMNS = (
    "position",
    "name",
    "hook",
    "kind",
    "enabled",
    "stopped_reason",
    "failure_policy",
    "pattern",
    "id",
)
_TYPES = ("hook", "kind", "version", "description")
Config = Annotated[
    Path | None, typer.Option(help="its configuration, a JSON file; '-' is standard input")
]
Instrument = Annotated[str | None, typer.Option(help="only for it: slug, name or id")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="for all instruments")]
Pattern = Annotated[str | None, typer.Option(help="only files that fit this glob")]
Policy = Annotated[str | None, typer.Option(help="block or warn: what happens when it fails")]
Position = Annotated[int | None, typer.Option(help="hooks are asked in this order")]
Timeout = Annotated[float | None, typer.Option(help="seconds for a batch or a version")]
Memory = Annotated[int | None, typer.Option(help="bytes that its process may have")]


def read_config(file: Path | None) -> dict[str, Any] | None:
    """Return the configuration in a file, None without one."""
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise Stop(ExitCode.USAGE, f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise Stop(ExitCode.USAGE, f"{file} holds no JSON object.")
    return found


@app.command("types")
@reported
def list_types(as_json: AsJson = False) -> None:
    """List the kinds of hooks that the server has; --json with their schemas."""
    with connect() as client:
        found = client.get("hook-types")
    if as_json:
        show_json(found)
        return
    show_list(found["items"], _TYPES, len(found["items"]), as_json)
    for where, why in found["problems"].items():
        typer.echo(f"{where}: {why}", err=True)


@app.command("list")
@reported
def list_hooks(instrument: Instrument = None, limit: Limit = 200, as_json: AsJson = False) -> None:
    """List configured hooks, in the order in which they are asked."""
    with connect() as client:
        wanted = find_instrument(client, instrument)["id"] if instrument else None
        show_list(client.items("hooks", instrument=wanted), _COLUMNS, limit, as_json)


@app.command("show")
@reported
def show_hook(hook: str, as_json: AsJson = False) -> None:
    """Show one configured hook."""
    with connect() as client:
        show_one(client.find("hooks", hook, "name"), as_json)


@app.command("add")
@reported
def add_hook(  # noqa: PLR0913  one option a field
    name: str,
    hook: Annotated[str, typer.Argument(help="its kind, as 'hooks types' lists them")],
    config: Config = None,
    instrument: Instrument = None,
    pattern: Pattern = None,
    policy: Policy = None,
    position: Position = None,
    timeout: Timeout = None,
    memory: Memory = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="not yet switched on")] = False,
    as_json: AsJson = False,
) -> None:
    """Configure a hook. The server checks the configuration."""
    body = given(
        name=name, hook=hook, config=read_config(config), pattern=pattern, failure_policy=policy,
        position=position, timeout_seconds=timeout, memory_bytes=memory,
        enabled=False if disabled else None,
    )  # fmt: skip
    with connect() as client:
        if instrument is not None:
            body["instrument_id"] = find_instrument(client, instrument)["id"]
        show_one(client.post("hooks", body), as_json)


@app.command("edit")
@reported
def edit_hook(  # noqa: PLR0913  one option a field
    hook: str,
    name: Annotated[str | None, typer.Option()] = None,
    config: Config = None,
    instrument: Instrument = None,
    everywhere: Everywhere = False,
    pattern: Annotated[str | None, typer.Option(help="a glob; '' for all files")] = None,
    policy: Policy = None,
    position: Position = None,
    timeout: Timeout = None,
    memory: Memory = None,
    as_json: AsJson = False,
) -> None:
    """Change a hook. A secret that is sent as '**********' stays."""
    body = given(
        name=name, config=read_config(config), failure_policy=policy, position=position,
        timeout_seconds=timeout, memory_bytes=memory,
    )  # fmt: skip
    if pattern is not None:
        body["pattern"] = pattern or None
    with connect() as client:
        if everywhere or instrument is not None:
            found = find_instrument(client, instrument)["id"] if instrument else None
            body["instrument_id"] = found
        where = f"hooks/{client.find('hooks', hook, 'name')['id']}"
        show_one(client.edit(where, body), as_json)


@app.command("enable")
@reported
def enable_hook(hook: str, as_json: AsJson = False) -> None:
    """Switch a hook on."""
    _switch(hook, True, as_json)


@app.command("disable")
@reported
def disable_hook(hook: str, as_json: AsJson = False) -> None:
    """Switch a hook off; its configuration stays."""
    _switch(hook, False, as_json)


def _switch(hook: str, enabled: bool, as_json: bool) -> None:
    with connect() as client:
        where = f"hooks/{client.find('hooks', hook, 'name')['id']}"
        show_one(client.edit(where, {"enabled": enabled}), as_json)


@app.command("remove")
@reported
def remove_hook(hook: str, as_json: AsJson = False) -> None:
    """Forget a hook; what it said stays in the log."""
    with connect() as client:
        found = client.find("hooks", hook, "name")
        client.delete(f"hooks/{found['id']}")
        show_one({"removed": found["name"]}, as_json)


@app.command("test")
@reported
def test_hook(  # noqa: PLR0913  one option a field
    hook: Annotated[str, typer.Argument(help="a kind, or a configured hook's name")],
    instrument: Annotated[str, typer.Option(help="slug, name or id")],
    config: Config = None,
    pattern: Pattern = None,
    live: Annotated[bool, typer.Option("--live", help="also files on the instrument now")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="files of each at most")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what a draft would have done with past files. Nothing is written."""
    with connect() as client:
        known = next((one for one in client.items("hooks") if one["name"] == hook), None)
        body = given(config=read_config(config), pattern=pattern, live=live, limit=limit)
        if known is not None:
            body = {"config": known["config"], **given(pattern=known["pattern"]), **body}
            body["hook_id"] = known["id"]
        body["hook"] = known["hook"] if known else hook
        body["instrument_id"] = find_instrument(client, instrument)["id"]
        found = client.post("hooks/test", body)["items"]
    rows = [{**one, "why": one["error_detail"] or one["reason"]} for one in found]
    columns = ("origin", "path", "outcome", "rule", "why")
    show_list(found if as_json else rows, columns, len(found), as_json)


@app.command("runs")
@reported
def list_runs(  # noqa: PLR0913  one option a filter
    hook: Annotated[str | None, typer.Option(help="name or id")] = None,
    instrument: Annotated[str | None, typer.Option(help="slug, name or id")] = None,
    file: Annotated[str | None, typer.Option(help="a file's id")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="continue, skip, redirect, answered, later or failed")
    ] = None,
    after: Annotated[str | None, typer.Option(help="a time, as 2026-05-20T12:00:00Z")] = None,
    before: Annotated[str | None, typer.Option(help="a time")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what hooks said, newest first."""
    with connect() as client:
        asked = given(file=file, outcome=outcome, after=after, before=before)
        if hook is not None:
            asked["hook"] = client.find("hooks", hook, "name")["id"]
        if instrument is not None:
            asked["instrument"] = find_instrument(client, instrument)["id"]
        rows = client.items("hook-runs", **asked)
        if not as_json:
            rows = ({**row, "path": row["facts"].get("path")} for row in rows)
        columns = ("at", "hook_name", "path", "outcome", "error_detail", "duration_ms")
        show_list(rows, columns, limit, as_json)


@app.command("replay")
@reported
def replay(  # noqa: PLR0913  one option a filter
    hook: Annotated[str | None, typer.Argument(help="name or id; left out: all hooks")] = None,
    file: Annotated[list[str] | None, typer.Option(help="a file's id; may be repeated")] = None,
    instrument: Annotated[str | None, typer.Option(help="files of it")] = None,
    state: Annotated[str | None, typer.Option(help="files in this state")] = None,
    prefix: Annotated[str | None, typer.Option(help="how the path begins")] = None,
    tag: Annotated[str | None, typer.Option(help="files with this tag")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="only what failed or waits")] = False,
    since: Annotated[str | None, typer.Option(help="asked about since this time")] = None,
    until: Annotated[str | None, typer.Option(help="asked about before this time")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask hooks again about files."""
    with connect() as client:
        body = given(files=file, since=since, until=until, failed=failed, dry_run=dry_run)
        asked = given(state=state, q=prefix, tag=tag)
        if hook is not None:
            body["hook_id"] = client.find("hooks", hook, "name")["id"]
        if instrument is not None:
            asked["instrument"] = find_instrument(client, instrument)["id"]
        found = client.request("POST", "hook-runs/replay", params=asked, json=body).json()
    if as_json or not dry_run:
        show_one({k: v for k, v in found.items() if k != "changes" or as_json}, as_json)
        return
    rows = [{**one, "after": one["error_detail"] or one["after"]} for one in found["changes"]]
    columns = ("path", "hook_name", "outcome", "changed", "before", "after")
    show_list(rows, columns, len(rows), as_json)
