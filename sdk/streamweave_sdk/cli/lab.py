"""Service accounts, storage locations, schedules and people."""

from typing import Annotated

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.frame import (
    AsJson,
    Limit,
    SecretFile,
    Stop,
    connect,
    given,
    read_secret,
    reported,
    show_list,
    show_one,
)
from streamweave_sdk.cli.instruments import find_instrument

accounts = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Service accounts. ACCOUNT is a name or an id.",
)
schedules = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Schedules: cron, or a watch."
)
users = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="People. USER is an e-mail address or an id."
)

_SECRET = "STREAMWEAVE_SECRET"
_ACCOUNT = ("name", "username", "secret_kind", "refused_at", "id")
_SCHEDULE = ("instrument", "kind", "cron", "time_zone", "rescan_seconds", "enabled", "id")
_USER = ("email", "display_name", "is_superuser", "is_active", "id")
Kind = Annotated[str | None, typer.Option(help="password, private_key or access_key")]


@accounts.command("list")
@reported
def list_accounts(limit: Limit = 200, as_json: AsJson = False) -> None:
    """List service accounts."""
    with connect() as client:
        show_list(client.items("accounts"), _ACCOUNT, limit, as_json)


@accounts.command("show")
@reported
def show_account(account: str, as_json: AsJson = False) -> None:
    """Show one service account, without its secret."""
    with connect() as client:
        show_one(client.find("accounts", account, "name"), as_json)


@accounts.command("create")
@reported
def create_account(
    name: str,
    username: Annotated[str, typer.Option()],
    kind: Kind = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a service account; its secret comes from a file, STREAMWEAVE_SECRET or a prompt."""
    body = given(name=name, username=username, secret_kind=kind)
    body["secret"] = read_secret("Secret", _SECRET, secret_file)
    with connect() as client:
        show_one(client.post("accounts", body), as_json)


@accounts.command("set")
@reported
def change_account(
    account: str,
    name: Annotated[str | None, typer.Option()] = None,
    username: Annotated[str | None, typer.Option()] = None,
    new_secret: Annotated[bool, typer.Option(help="Ask for a new secret.")] = False,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a service account; a new secret may log on again after a refusal."""
    body = given(name=name, username=username)
    if new_secret or secret_file is not None:
        body["secret"] = read_secret("New secret", _SECRET, secret_file)
    with connect() as client:
        found = client.find("accounts", account, "name")
        show_one(client.edit(f"accounts/{found['id']}", body), as_json)


@accounts.command("delete")
@reported
def delete_account(account: str, as_json: AsJson = False) -> None:
    """Delete a service account that no instrument uses."""
    with connect() as client:
        found = client.find("accounts", account, "name")
        client.delete(f"accounts/{found['id']}")
        show_one({"deleted": found["name"]}, as_json)


@schedules.command("list")
@reported
def list_schedules(
    instrument: Annotated[str | None, typer.Option()] = None,
    limit: Limit = 200,
    as_json: AsJson = False,
) -> None:
    """List schedules."""
    with connect() as client:
        wanted = find_instrument(client, instrument)["id"] if instrument else None
        rows = client.items("schedules", instrument=wanted)
        if not as_json:
            slugs = {one["id"]: one["slug"] for one in client.items("instruments")}
            rows = ({**row, "instrument": slugs.get(row["instrument_id"])} for row in rows)
        show_list(rows, _SCHEDULE, limit, as_json)


@schedules.command("create")
@reported
def create_schedule(
    instrument: str,
    cron: Annotated[str | None, typer.Option(help="for example '0 2 * * *'")] = None,
    watch: Annotated[float | None, typer.Option(help="rescan every so many seconds")] = None,
    time_zone: Annotated[str | None, typer.Option(help="for example Europe/Berlin")] = None,
    jitter_seconds: Annotated[float | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """Harvest an instrument by cron, or watch it."""
    if (cron is None) == (watch is None):
        raise Stop(ExitCode.USAGE, "Give either --cron or --watch.")
    body = given(
        kind="cron" if cron else "watch",
        cron=cron,
        rescan_seconds=watch,
        time_zone=time_zone,
        jitter_seconds=jitter_seconds,
    )
    with connect() as client:
        body["instrument_id"] = find_instrument(client, instrument)["id"]
        show_one(client.post("schedules", body), as_json)


@schedules.command("show")
@reported
def show_schedule(schedule: str, as_json: AsJson = False) -> None:
    """Show one schedule (by id) with its next five times."""
    with connect() as client:
        show_one(client.find("schedules", schedule), as_json)


@schedules.command("set")
@reported
def change_schedule(
    schedule: str,
    cron: Annotated[str | None, typer.Option()] = None,
    watch: Annotated[float | None, typer.Option()] = None,
    time_zone: Annotated[str | None, typer.Option()] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a schedule (by id)."""
    body = given(cron=cron, rescan_seconds=watch, time_zone=time_zone, enabled=enabled)
    with connect() as client:
        found = client.find("schedules", schedule)
        show_one(client.edit(f"schedules/{found['id']}", body), as_json)


@schedules.command("delete")
@reported
def delete_schedule(schedule: str, as_json: AsJson = False) -> None:
    """Delete a schedule (by id)."""
    with connect() as client:
        found = client.find("schedules", schedule)
        client.delete(f"schedules/{found['id']}")
        show_one({"deleted": found["id"]}, as_json)


@users.command("list")
@reported
def list_users(limit: Limit = 200, as_json: AsJson = False) -> None:
    """List people."""
    with connect() as client:
        show_list(client.items("users"), _USER, limit, as_json)


@users.command("me")
@reported
def show_me(as_json: AsJson = False) -> None:
    """Show who is signed in."""
    with connect() as client:
        show_one(client.get("users/me"), as_json)


@users.command("create")
@reported
def create_user(
    email: str,
    display_name: Annotated[str | None, typer.Option()] = None,
    admin: Annotated[bool, typer.Option(help="Make an admin.")] = False,
    password_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a person; the password comes from a file, STREAMWEAVE_USER_PASSWORD or a prompt."""
    body = given(email=email, display_name=display_name, is_superuser=admin)
    body["password"] = read_secret("Password", "STREAMWEAVE_USER_PASSWORD", password_file)
    with connect() as client:
        show_one(client.post("users", body), as_json)


def _activate(user: str, active: bool, as_json: bool) -> None:
    with connect() as client:
        found = client.find("users", user, "email")
        show_one(client.edit(f"users/{found['id']}", {"is_active": active}), as_json)


@users.command()
@reported
def deactivate(user: str, as_json: AsJson = False) -> None:
    """Sign a person out everywhere and keep them out."""
    _activate(user, False, as_json)


@users.command()
@reported
def activate(user: str, as_json: AsJson = False) -> None:
    """Let a deactivated person in again."""
    _activate(user, True, as_json)
