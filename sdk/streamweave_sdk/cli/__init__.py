"""The commands that speak to a server, for `streamweave` and for `streamweave-client`."""

import typer


def register(app: typer.Typer) -> None:
    """Attach all resource commands to an application."""
    from streamweave_sdk.cli import (
        downloads,
        harvest,
        hooks,
        instruments,
        lab,
        session,
        storage,
        work,
    )

    app.command()(session.login)
    app.command()(session.logout)
    app.command()(harvest.harvest)
    app.command()(work.explain)
    app.add_typer(instruments.app, name="instruments")
    app.add_typer(lab.accounts, name="accounts")
    app.add_typer(storage.app, name="storage")
    app.add_typer(hooks.app, name="hooks")
    app.add_typer(lab.schedules, name="schedules")
    app.add_typer(lab.users, name="users")
    app.add_typer(work.runs, name="runs")
    work.files.command("download")(downloads.download_files)
    app.add_typer(work.files, name="files")
    app.add_typer(work.transfers, name="transfers")
    app.add_typer(work.audit, name="audit")


def main() -> None:
    """Run the client alone (`streamweave-client`)."""
    # Plain help: rich alone would take a third of a second to load.
    app = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="StreamWeave: scientific data harvesting."
    )
    register(app)
    app()
