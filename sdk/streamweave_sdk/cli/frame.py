"""What every command shares: the client, errors as exit codes, secrets, output.

Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from streamweave_sdk.cli.exit_codes import ExitCode, of_problem

if TYPE_CHECKING:
    from streamweave_sdk.client import ApiProblem, Client

R = TypeVar("R")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
SecretFile = Annotated[
    Path | None,
    typer.Option(help="Read the secret from this file; '-' is standard input.", allow_dash=True),
]
Limit = Annotated[int, typer.Option(min=1, help="At most this many.")]


class Stop(Exception):
    """Ends a command with a message and an exit code."""

    def __init__(self, code: ExitCode, message: str) -> None:
        self.code = code
        super().__init__(message)


def connect() -> "Client":
    """Return a client of the configured server."""
    from streamweave_sdk.client import Client
    from streamweave_sdk.config import load_connection

    connection = load_connection()
    return Client(connection.url, connection.token)


def reported(command: Callable[..., R]) -> Callable[..., R]:
    """Turn what goes wrong in a command into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> R:
        from streamweave_sdk.client import ApiProblem, ServerUnreachable

        as_json = bool(kwargs.get("as_json"))
        try:
            return command(*args, **kwargs)
        except ApiProblem as problem:
            _tell_problem(problem, as_json)
            raise typer.Exit(of_problem(problem.status)) from None
        except ServerUnreachable as error:
            _tell(str(error), "Check STREAMWEAVE_URL and whether the server runs.", as_json)
            raise typer.Exit(ExitCode.UNREACHABLE) from None
        except Stop as stop:
            _tell(str(stop), "", as_json)
            raise typer.Exit(stop.code) from None

    return run


def _tell_problem(problem: "ApiProblem", as_json: bool) -> None:
    remedy = "Run 'streamweave login'." if problem.status == 401 else problem.remedy
    for field in problem.errors:
        typer.echo(f"  {field.get('pointer') or '/'}: {field.get('detail')}", err=True)
    _tell(problem.detail, remedy, as_json, problem.code)


def _tell(message: str, remedy: str, as_json: bool, code: str = "error") -> None:
    typer.echo(f"Error: {message}", err=True)
    if remedy:
        typer.echo(remedy, err=True)
    if as_json:
        show_json({"error": {"code": code, "detail": message, "remedy": remedy}})


def read_secret(label: str, variable: str, file: Path | None) -> str:
    """Return a secret from a file, standard input, the environment or a prompt.

    Never from an argument: those are seen by everybody on the machine.
    """
    if file is not None:
        secret = sys.stdin.read() if str(file) == "-" else file.read_text()
        return secret.rstrip("\r\n")
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise Stop(
            ExitCode.USAGE,
            f"{label} is missing: use {variable}, a file, or '-' for standard input.",
        )
    answer: str = typer.prompt(label, hide_input=True)
    return answer


def show_json(value: Any) -> None:
    """Write one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_list(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], limit: int, as_json: bool
) -> None:
    """Write up to `limit` rows as a table or as JSON."""
    shown = [row for _, row in zip(range(limit), rows, strict=False)]
    if as_json:
        show_json(shown)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for row in shown:
        table.add_row(*(_text(column, row.get(column)) for column in columns))
    console = Console()
    console.print(table if shown else "Nothing there.")


def show_one(row: Mapping[str, Any], as_json: bool) -> None:
    """Write one resource, a line a field."""
    if as_json:
        show_json(row)
        return
    width = max((len(key) for key in row), default=0)
    for key, value in row.items():
        if isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False)
        typer.echo(f"{key.replace('_', ' '):<{width}}  {_text(key, value)}")


def _text(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.endswith("_bytes") and isinstance(value, int):
        return size_text(value)
    if column.endswith(("_at", "_since", "at")) and isinstance(value, str) and len(value) > 18:
        return value[:19].replace("T", " ") + "Z"
    # A terminal obeys control characters, and names come from elsewhere.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def size_text(size_bytes: float) -> str:
    """Return a size in SI units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} PB"


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {key: value for key, value in values.items() if value is not None}
