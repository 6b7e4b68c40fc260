"""Runs, files, transfers and the audit trail."""

import json
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

runs = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Runs.")
files = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Files, their versions and copies."
)
transfers = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Transfers: copies as work."
)
audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The audit trail.")

_RUN = ("kind", "state", "outcome", "trigger", "requested_at", "ended_at", "id")
_FILE = ("instrument_name", "path", "status", "size_bytes", "id")
_TRANSFER = ("path", "storage_name", "state", "size_bytes", "error_code", "id")
_EVENT = ("at", "actor", "action", "subject", "seq")
Instrument = Annotated[str | None, typer.Option(help="slug, name or id")]
State = Annotated[str | None, typer.Option()]


@runs.command("list")
@reported
def list_runs(
    instrument: Instrument = None,
    state: State = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    with connect() as client:
        wanted = find_instrument(client, instrument)["id"] if instrument else None
        show_list(client.items("runs", instrument=wanted, state=state), _RUN, limit, as_json)


@runs.command("show")
@reported
def show_run(run: str, as_json: AsJson = False) -> None:
    """Show one run."""
    with connect() as client:
        show_one(client.find("runs", run), as_json)


@runs.command("cancel")
@reported
def cancel_run(run: str, as_json: AsJson = False) -> None:
    """Ask a live run to stop."""
    with connect() as client:
        show_one(client.post(f"runs/{client.find('runs', run)['id']}/cancel"), as_json)


@files.command("list")
@reported
def list_files(  # noqa: PLR0913  one option a filter
    instrument: Instrument = None,
    state: State = None,
    prefix: Annotated[str | None, typer.Option(help="how the path begins")] = None,
    path: Annotated[str | None, typer.Option(help="the exact path")] = None,
    tag: Annotated[str | None, typer.Option(help="one of its tags")] = None,
    meta: Annotated[str | None, typer.Option(help="KEY=VALUE of its metadata")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List files, newest first; by path when a prefix is given."""
    with connect() as client:
        wanted = find_instrument(client, instrument)["id"] if instrument else None
        rows = client.items(
            "files", instrument=wanted, state=state, q=prefix, path=path, tag=tag, meta=meta
        )
        # Whoever asks for one instrument knows its name: more room for the path.
        show_list(rows, _FILE[1:] if instrument else _FILE, limit, as_json)


@files.command("show")
@reported
def show_file(file: str, as_json: AsJson = False) -> None:
    """Show one file (by id) with its copies, metadata and tags."""
    with connect() as client:
        found = client.find("files", file)
        known = client.get(f"files/{found['id']}/metadata")
    notices = [one["text"] for answer in known["answers"] for one in answer["notices"]]
    more = {"metadata": known["fields"], "tags": known["tags"], "notices": notices}
    show_one({**found, **more, "problems": known["problems"]}, as_json)


@files.command("annotate")
@reported
def annotate_file(
    file: str,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE; KEY= takes your value back; may be repeated"),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="may be repeated")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="may be repeated")] = None,
    as_json: AsJson = False,
) -> None:
    """Say something of a file that goes before what hooks said: values and tags."""
    with connect() as client:
        where = f"files/{client.find('files', file)['id']}/metadata"
        note = client.get(where)["note"] or {"fields": {}, "tags_added": [], "tags_removed": []}
        fields = dict(note["fields"])
        for pair in values or ():
            key, sign, text = pair.partition("=")
            if not sign or not key:
                raise Stop(ExitCode.USAGE, f"--set {pair} needs a value: KEY=VALUE")
            fields.pop(key, None)
            if text:
                fields[key] = _value(text)
        added = [one for one in note["tags_added"] if one not in (untag or ())] + (tag or [])
        removed = [one for one in note["tags_removed"] if one not in (tag or ())] + (untag or [])
        body = {
            "fields": fields,
            "tags_added": list(dict.fromkeys(added)),
            "tags_removed": list(dict.fromkeys(removed)),
        }
        show_one(client.edit(where, body), as_json)


def _value(text: str) -> Any:
    """Return a value as JSON says it, else as a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@files.command("versions")
@reported
def show_versions(file: str, as_json: AsJson = False) -> None:
    """Show the versions of a file (by id) with copies and evidence."""
    with connect() as client:
        rows = client.get(f"files/{client.find('files', file)['id']}/versions")["items"]
        columns = ("number", "sha256", "size_bytes", "identifier", "created_at")
        show_list(rows, columns, len(rows), as_json)


@transfers.command("list")
@reported
def list_transfers(
    instrument: Instrument = None,
    storage: Annotated[str | None, typer.Option(help="name or id")] = None,
    state: State = None,
    error_code: Annotated[str | None, typer.Option()] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List transfers, newest first."""
    with connect() as client:
        source = find_instrument(client, instrument)["id"] if instrument else None
        place = client.find("storage", storage, "name")["id"] if storage else None
        rows = client.items(
            "transfers", instrument=source, storage=place, state=state, error_code=error_code
        )
        show_list(rows, _TRANSFER, limit, as_json)


@transfers.command("show")
@reported
def show_transfer(transfer: str, as_json: AsJson = False) -> None:
    """Show one transfer with attempts and evidence."""
    with connect() as client:
        show_one(client.find("transfers", transfer), as_json)


@transfers.command("retry")
@reported
def retry(
    transfer: Annotated[str | None, typer.Argument(help="an id; left out with --all")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All failed and conflicting ones of the filter.")
    ] = False,
    instrument: Instrument = None,
    storage: Annotated[str | None, typer.Option(help="name or id")] = None,
    error_code: Annotated[str | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """Put failed or conflicting copies back in line."""
    if everything == (transfer is not None):
        raise Stop(ExitCode.USAGE, "Give either an id or --all.")
    with connect() as client:
        if transfer is not None:
            found = client.find("transfers", transfer)
            show_one(client.post(f"transfers/{found['id']}/retry"), as_json)
            return
        body = given(error_code=error_code)
        if instrument:
            body["instrument_id"] = find_instrument(client, instrument)["id"]
        if storage:
            body["storage_location_id"] = client.find("storage", storage, "name")["id"]
        show_one(client.post("transfers/retry", body), as_json)


@audit.command("list")
@reported
def list_audit(
    instrument: Instrument = None,
    action: Annotated[str | None, typer.Option()] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List audit events, newest first."""
    with connect() as client:
        wanted = find_instrument(client, instrument)["id"] if instrument else None
        rows = client.items("audit", instrument=wanted, action=action)
        show_list(rows, _EVENT, limit, as_json)


@audit.command("verify")
@reported
def verify_audit(as_json: AsJson = False) -> None:
    """Let the server compute the chain anew; ends with 5 when it is broken."""
    with connect() as client:
        found = client.get("audit/verify")
    show_one(found, as_json)
    if not found["intact"]:
        raise typer.Exit(ExitCode.REFUSED)


@reported
def explain(instrument: str, path: str, as_json: AsJson = False) -> None:
    """Say why a file of an instrument is (not) here."""
    with connect() as client:
        found = client.get(
            "explain", instrument=find_instrument(client, instrument)["id"], path=path
        )
    if as_json:
        show_json(found)
        return
    typer.echo(found["sentence"])
    if found["remedy"]:
        typer.echo(found["remedy"])
