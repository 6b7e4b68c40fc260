"""The command line. Local commands are here; resource commands come from the SDK over HTTP.

Everything heavy is imported when it is used: `--help` answers within 0.3 s.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from streamweave_sdk.cli import register

app = typer.Typer(
    name="streamweave",
    help="StreamWeave: scientific data harvesting, simplified.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich alone would take a third of a second to load
    pretty_exceptions_enable=False,
)

DataOption = Annotated[Path, typer.Option("--data", help="Where everything is kept.")]


@app.command()
def demo(
    data: DataOption = Path("streamweave-demo"),
    once: Annotated[bool, typer.Option("--once", help="End after the first harvest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
    scale: Annotated[float, typer.Option(help="How many times the usual files.")] = 1.0,
    timeout: Annotated[float, typer.Option(help="Give up after so many seconds.")] = 600.0,
) -> None:
    """Harvest a simulated laboratory.

    Everything is set up and shown by itself, and kept in the current folder.
    """
    from app.demo import DemoOptions, run_demo

    options = DemoOptions(data.absolute(), once, as_json, scale, timeout)
    raise typer.Exit(_guarded(lambda: run_demo(options)))


@app.command()
def up(
    data: Annotated[
        Path | None, typer.Option("--data", help="Where everything is kept; else STREAMWEAVE_DATA.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The API's port on loopback.")] = None,
) -> None:
    """Run StreamWeave on this machine.

    Starts and supervises API, Prefect server, worker and rclone.
    """
    from app.up import run_up

    raise typer.Exit(_guarded(lambda: run_up(data, port)))


@app.command()
def worker() -> None:
    """Run one worker for STREAMWEAVE_ZONES.

    Database and Prefect server run elsewhere.
    """
    import asyncio
    import logging

    from app.config import get_settings
    from app.worker.main import run_worker

    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel("WARNING")

    def run() -> int:
        settings = get_settings()
        settings.check()
        asyncio.run(run_worker(settings))
        return 0

    raise typer.Exit(_guarded(run))


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="A revision, or 'head'.")] = "head",
) -> None:
    """Bring the database up to date.

    It is the one of STREAMWEAVE_DATABASE_URL, or the one in the data directory.
    """
    from app.config import get_settings
    from app.migrations import migrate as run

    def bring_up() -> int:
        settings = get_settings()
        where = "STREAMWEAVE_DATABASE_URL"
        if settings.is_sqlite:
            settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            where = settings.url.partition(":///")[2]
        run(settings.url, revision)
        typer.echo(f"The database is at {revision}: {where}", err=True)
        return 0

    raise typer.Exit(_guarded(bring_up))


secrets_app = typer.Typer(
    help="Keys of the stored secrets.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(secrets_app, name="secrets")


@secrets_app.command("rotate")
def rotate() -> None:
    """Encrypt all stored secrets with the first key of STREAMWEAVE_SECRET_KEYS."""
    import asyncio

    from app.config import get_settings
    from app.database import Database
    from app.services.credentials import Vault, rotate_secrets

    async def rotated() -> int:
        settings = get_settings()
        database = Database.from_settings(settings)
        vault = Vault.from_settings(settings)
        try:
            return await database.run(lambda session: rotate_secrets(session, vault))
        finally:
            await database.close()

    def run() -> int:
        count = asyncio.run(rotated())
        typer.echo(f"Secrets encrypted with the newest key: {count}.", err=True)
        return 0

    raise typer.Exit(_guarded(run))


@secrets_app.command("new-key")
def new_key() -> None:
    """Print a new key for STREAMWEAVE_SECRET_KEYS; put it first, keep the old ones behind it."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


def _guarded(work: Callable[[], int]) -> int:
    """Run a local command; a catalogued error is told with its remedy, exit code 1."""
    from app.errors import StreamWeaveError

    try:
        return work()
    except StreamWeaveError as error:
        typer.echo(f"{error.code}: {error.detail}\n{error.entry.remedy}", err=True)
        return 1


register(app)


def main() -> None:
    """Run the command line under its own name: `python -m` would put itself into help texts."""
    app(prog_name="streamweave")


if __name__ == "__main__":
    main()
