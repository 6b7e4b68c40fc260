"""`harvest INSTRUMENT`: start it, and with `--wait` watch it come to rest."""

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.frame import AsJson, connect, reported, show_json, size_text
from streamweave_sdk.cli.instruments import find_instrument

if TYPE_CHECKING:
    from rich.progress import Progress

    from streamweave_sdk.client import Client, Json

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Ending:
    """How waiting for a harvest ended."""

    code: ExitCode
    progress: dict[str, Any]
    reason: str


@reported
def harvest(
    instrument: Annotated[str, typer.Argument(help="slug, name or id")],
    wait: Annotated[bool, typer.Option(help="Wait until everything has come to rest.")] = False,
    timeout: Annotated[float | None, typer.Option(help="seconds to wait; none: for ever")] = None,
    as_json: AsJson = False,
) -> None:
    """Harvest an instrument now.

    With --wait: ends with 7 when something failed, with 8 when the time is over.
    """
    with connect() as client:
        found = find_instrument(client, instrument)
        ticket = client.post(f"instruments/{found['id']}/harvest")
        if not wait:
            _tell_started(found, ticket, as_json)
            return
        ending = _wait(client, found, ticket, timeout)
    if as_json:
        show_json({**ticket, "ended": ending.reason, "progress": ending.progress})
    else:
        _tell_ended(ending)
    raise typer.Exit(ending.code)


def _tell_started(instrument: "Json", ticket: "Json", as_json: bool) -> None:
    if as_json:
        show_json(ticket)
    elif ticket["joined"]:
        typer.echo(f"{instrument['name']} is being harvested already; it will be scanned again.")
    else:
        typer.echo(f"Harvesting {instrument['name']}: run {ticket['run_id']}.")


def _tell_ended(ending: Ending) -> None:
    counts = ending.progress
    done, failed = counts["recent_available"], counts["recent_failed"]["files"]
    if done["files"]:
        typer.echo(f"{done['files']} copies proven, {size_text(done['size_bytes'])}.")
    elif ending.reason == "done":
        typer.echo(f"Nothing new. {counts['available']['files']} copies are safe.")
    for name, text in _WAITING:
        if counts[name]["files"]:
            typer.echo(f"{counts[name]['files']} {text}.")
    conflicts = counts["recent_conflict"]["files"]
    if failed or conflicts:
        typer.echo(f"{failed} failed, {conflicts} in conflict: see 'streamweave transfers list'.")
    if ending.reason != "done":
        typer.echo(ending.reason, err=True)


_WAITING = (
    ("settling", "still being written"),
    ("held", "held by a hook or a setting"),
    ("retry_wait", "waiting for another try"),
    ("queued", "in line"),
    ("in_flight", "on their way"),
)


def _wait(client: "Client", instrument: "Json", ticket: "Json", timeout: float | None) -> Ending:
    deadline = time.monotonic() + timeout if timeout is not None else None
    with _bar() as bar:
        task = bar.add_task(instrument["name"], total=None)
        while True:
            path = f"instruments/{instrument['id']}/progress"
            counts = client.get(path, since=ticket["requested_at"])
            _draw(bar, task, instrument["name"], counts)
            ending = _judge(counts, _run_of(client, ticket), ticket)
            if ending is not None:
                return ending
            if deadline is not None and time.monotonic() >= deadline:
                return Ending(ExitCode.TIMEOUT, counts, f"Not finished in {timeout:.0f} s.")
            time.sleep(_POLL_SECONDS)


def _run_of(client: "Client", ticket: "Json") -> "Json | None":
    return client.get(f"runs/{ticket['run_id']}") if ticket["run_id"] else None


def _judge(counts: "Json", run: "Json | None", ticket: "Json") -> Ending | None:
    """Return how it ended, or None while it goes on."""
    failed = counts["recent_failed"]["files"] + counts["recent_conflict"]["files"]
    code = ExitCode.HARVEST_FAILED if failed else ExitCode.OK
    scan = counts["scan"]
    if scan["listing_held_at"] and scan["listing_held_at"] >= ticket["requested_at"]:
        reason = scan["listing_held_detail"] or "The listing is much smaller than the last one."
        return Ending(ExitCode.HARVEST_FAILED, counts, reason)
    if counts["done"]:
        return Ending(code, counts, "done")
    if run is None or run["state"] != "ended":
        return None
    if run["outcome"] == "completed":
        # What still settles is looked at by the next scan, not by this run.
        return Ending(code, counts, "done")
    reason = run["error_detail"] or scan["error_detail"] or f"The run was {run['outcome']}."
    return Ending(ExitCode.HARVEST_FAILED, counts, reason)


def _bar() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def _draw(bar: "Progress", task: Any, name: str, counts: "Json") -> None:
    done = counts["recent_available"]
    open_bytes = sum(counts[k]["size_bytes"] for k in ("queued", "in_flight", "retry_wait"))
    parts = [f"{name}: {done['files']} copies"]
    if counts["scan"]["running"]:
        parts.append("scanning")
    parts += [f"{counts[k]['files']} {text}" for k, text in _WAITING if counts[k]["files"]]
    bar.update(
        task,
        description=", ".join(parts),
        completed=done["size_bytes"],
        total=done["size_bytes"] + open_bytes or None,
    )
