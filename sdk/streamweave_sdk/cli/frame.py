"""What every command shares: the client, errors as exit codes, secrets, output.

Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from streamweave_sdk.cli.exit_codes import ExitCode, of_problem

if TYPE_CHECKING:
    from streamweave_sdk.client import ApiProblem, Client, Json

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
    from streamweave_sdk.cli.table import print_table

    cells = [[_text(column, row.get(column)) for column in columns] for row in shown]
    print_table([_title(column) for column in columns], cells)


def show_one(row: Mapping[str, Any], as_json: bool) -> None:
    """Write one resource, a line a field."""
    if as_json:
        show_json(row)
        return
    for line in _lines(row, ""):
        typer.echo(line)


def _lines(row: Mapping[str, Any], indent: str) -> Iterator[str]:
    width = max((len(_title(key)) for key in row), default=0)
    for key, value in row.items():
        title = f"{indent}{_title(key):<{width}}"
        if isinstance(value, dict) and value:
            yield title.rstrip()
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, one in enumerate(value, start=1):
                yield f"{title.rstrip()} {number}"
                yield from _lines(one, indent + "  ")
        else:
            yield f"{title}  {_exact(key, value)}"


def _exact(key: str, value: Any) -> str:
    """Return a value as somebody needs it who looks at one thing: sizes to the byte."""
    if isinstance(value, list | dict):
        return ", ".join(_text("", one) for one in value) or "-"
    text = _text(key, value)
    if isinstance(value, int) and key.endswith("_bytes") and value >= 1000:
        return f"{text} ({value} bytes)"
    return text


def _title(column: str) -> str:
    return column.removesuffix("_name").removesuffix("_bytes").replace("_", " ")


def _text(column: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.endswith("_bytes") and isinstance(value, int):
        return size_text(value)
    if column.endswith(("_at", "_since", "at")) and isinstance(value, str) and len(value) > 18:
        return value[:19].replace("T", " ") + "Z"
    # A terminal obeys control characters, and names come from elsewhere.
    return "".join(_plain(c) for c in str(value))


def _plain(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\n\t" else "\N{REPLACEMENT CHARACTER}"


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


def with_secret(send: Callable[["Json"], "Json"], body: "Json", file: Path | None) -> "Json":
    """Send a body; when the server asks for the account's secret, send it again with that.

    The secret comes from `file`, from STREAMWEAVE_SECRET or from a prompt.
    """
    from streamweave_sdk.client import ApiProblem

    if file is not None:
        return send({**body, "secret": read_secret("Secret", "STREAMWEAVE_SECRET", file)})
    try:
        return send(body)
    except ApiProblem as problem:
        if problem.code != "secret_required":
            raise
    secret = read_secret("Secret of the account", "STREAMWEAVE_SECRET", None)
    return send({**body, "secret": secret})
