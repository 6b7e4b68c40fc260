"""Instruments. INSTRUMENT is a slug, a name or an id."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.flight import fly
from streamweave_sdk.cli.frame import (
    AsJson,
    Limit,
    SecretFile,
    Stop,
    connect,
    given,
    reported,
    show_list,
    show_one,
    with_secret,
)

if TYPE_CHECKING:
    from streamweave_sdk.client import Client, Json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)

_PROTOCOLS = "smb, sftp, s3, webdav, local, rsync, globus or adapter"
Which = Annotated[str, typer.Argument(metavar="INSTRUMENT")]
Protocol = Annotated[str | None, typer.Option(help=_PROTOCOLS)]
Host = Annotated[str | None, typer.Option(help="for smb and sftp")]
Port = Annotated[int | None, typer.Option()]
Url = Annotated[str | None, typer.Option(help="for s3 and webdav")]
Root = Annotated[str | None, typer.Option(help="smb: share[/path]; s3: bucket[/prefix]; a path")]
HostKey = Annotated[str | None, typer.Option(help="sftp: the server's public key")]
Account = Annotated[str | None, typer.Option(help="service account, by name or id")]
Zone = Annotated[str | None, typer.Option()]
Quiet = Annotated[float | None, typer.Option(help="complete after so long without change")]
Connections = Annotated[int | None, typer.Option(help="at most so many at a time")]
Bandwidth = Annotated[int | None, typer.Option(help="bytes per second, over all workers")]
StartFrom = Annotated[str | None, typer.Option(help="leave files older than this time alone")]
Incarnations = Annotated[str | None, typer.Option(help="version or new_file")]
Storage = Annotated[
    list[str] | None, typer.Option(help="storage location, or NAME=TEMPLATE; may be repeated")
]
Enough = Annotated[
    list[str] | None,
    typer.Option(
        help="what a read-back must come from at these places to be proof enough: device, "
        "page_cache, server_cache, storage_checksum; may be repeated"
    ),
]
Options = Annotated[list[str] | None, typer.Option("--option", help="NAME=VALUE; may be repeated")]
Mover = Annotated[
    str | None, typer.Option(help="what brings the files; '' is the protocol's default")
]
MoverOptions = Annotated[
    list[str] | None, typer.Option("--mover-option", help="NAME=VALUE; may be repeated")
]
Description = Annotated[str | None, typer.Option()]
NAMES = ("slug", "name")


def find_instrument(client: "Client", text: str) -> "Json":
    """Return an instrument by slug, name or id."""
    return client.find("instruments", text, *NAMES)


def options(pairs: list[str] | None, *, as_text: bool = False) -> dict[str, Any] | None:
    """Return NAME=VALUE pairs as a mapping; `true` and `false` as such unless all is text."""
    if pairs is None:
        return None
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise Stop(ExitCode.USAGE, f"--option {name} needs a value: {name}=VALUE")
        is_flag = value in ("true", "false") and not as_text
        found[name] = value == "true" if is_flag else value
    return found


def _links(
    client: "Client",
    account: str | None,
    storage: list[str] | None,
    enough: list[str] | None,
    pairs: list[str] | None,
) -> dict[str, Any]:
    """Return the parts of a body that name other resources."""
    body: dict[str, Any] = given(options=options(pairs))
    if account is not None:
        body["service_account_id"] = client.find("accounts", account, "name")["id"]
    if storage is not None:
        body["storage"] = [_policy(client, one) | given(enough=enough) for one in storage]
    elif enough is not None:
        raise typer.BadParameter(
            "It belongs to the places that --storage names.", param_hint="--enough"
        )
    return body


def _policy(client: "Client", text: str) -> dict[str, Any]:
    """Return a place of the storage policy from `NAME` or `NAME=TEMPLATE`."""
    name, sign, template = text.partition("=")
    place = client.find("storage", name, "name")["id"]
    return {"storage_location_id": place} | ({"template": template} if sign else {})


@app.command("list")
@reported
def list_instruments(limit: Limit = 200, as_json: AsJson = False) -> None:
    """List the instruments that you may see."""
    with connect() as client:
        columns = ("slug", "name", "protocol", "zone", "paused", "id")
        show_list(client.items("instruments"), columns, limit, as_json)


@app.command()
@reported
def show(instrument: Which, as_json: AsJson = False) -> None:
    """Show one instrument."""
    with connect() as client:
        show_one(find_instrument(client, instrument), as_json)


@app.command()
@reported
def create(  # noqa: PLR0913  one option a field
    slug: Annotated[str, typer.Argument()],
    protocol: Annotated[str, typer.Option(help=_PROTOCOLS)],
    name: Annotated[str | None, typer.Option(help="the slug when left out")] = None,
    host: Host = None,
    port: Port = None,
    url: Url = None,
    root: Root = None,
    host_key: HostKey = None,
    account: Account = None,
    zone: Zone = None,
    quiet_seconds: Quiet = None,
    connections: Connections = None,
    bandwidth: Bandwidth = None,
    start_from: StartFrom = None,
    incarnation_policy: Incarnations = None,
    description: Description = None,
    storage: Storage = None,
    enough: Enough = None,
    option: Options = None,
    mover: Mover = None,
    mover_option: MoverOptions = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add an instrument.

    A service account that is used elsewhere needs its secret again: from a file, from
    STREAMWEAVE_SECRET or from a prompt.
    """
    body = given(
        slug=slug, name=name or slug, protocol=protocol, host=host, port=port, url=url, root=root,
        host_key=host_key, zone=zone, quiet_seconds=quiet_seconds, connections=connections,
        bandwidth_bytes_per_second=bandwidth, start_from=start_from,
        incarnation_policy=incarnation_policy, description=description, mover=mover,
        mover_options=options(mover_option),
    )  # fmt: skip
    with connect() as client:
        body |= _links(client, account, storage, enough, option)
        made = with_secret(lambda b: client.post("instruments", b), body, secret_file)
        show_one(made, as_json)


@app.command("set")
@reported
def change(  # noqa: PLR0913  one option a field
    instrument: Which,
    name: Annotated[str | None, typer.Option()] = None,
    slug: Annotated[str | None, typer.Option()] = None,
    protocol: Protocol = None,
    host: Host = None,
    port: Port = None,
    url: Url = None,
    root: Root = None,
    host_key: HostKey = None,
    account: Account = None,
    zone: Zone = None,
    quiet_seconds: Quiet = None,
    connections: Connections = None,
    bandwidth: Bandwidth = None,
    start_from: StartFrom = None,
    incarnation_policy: Incarnations = None,
    description: Description = None,
    storage: Storage = None,
    enough: Enough = None,
    option: Options = None,
    mover: Mover = None,
    mover_option: MoverOptions = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Change an instrument.

    A new address for its service account needs the secret again: from a file, from
    STREAMWEAVE_SECRET or from a prompt.
    """
    body = given(
        slug=slug, name=name, protocol=protocol, host=host, port=port, url=url, root=root,
        host_key=host_key, zone=zone, quiet_seconds=quiet_seconds, connections=connections,
        bandwidth_bytes_per_second=bandwidth, start_from=start_from,
        incarnation_policy=incarnation_policy, description=description, mover=mover,
        mover_options=options(mover_option),
    )  # fmt: skip
    with connect() as client:
        path = f"instruments/{find_instrument(client, instrument)['id']}"
        body |= _links(client, account, storage, enough, option)
        changed = with_secret(lambda b: client.edit(path, b), body, secret_file)
        show_one(changed, as_json)


@app.command()
@reported
def movers(as_json: AsJson = False) -> None:
    """List what can bring files, and for which protocols."""
    with connect() as client:
        rows = client.get("movers")["items"]
    shown = [
        {**row, "serves": ", ".join(row["protocols"]), "usual_for": ", ".join(row["default_for"])}
        for row in rows
    ]
    columns = ("name", "title", "serves", "usual_for", "problem")
    show_list(rows if as_json else shown, columns, len(rows), as_json)


@app.command()
@reported
def flight(instrument: Which, as_json: AsJson = False) -> None:
    """Let the smallest complete file travel the whole way to a scratch name, and be removed.

    Ends with 5 when a station was not reached.
    """
    with connect() as client:
        found = find_instrument(client, instrument)
        ended = fly(client, found, quiet=as_json)
    if as_json:
        show_one(ended, as_json)
    if not ended["ok"]:
        raise typer.Exit(ExitCode.REFUSED)


@app.command()
@reported
def delete(instrument: Which, as_json: AsJson = False) -> None:
    """Delete an instrument that never had a file."""
    with connect() as client:
        found = find_instrument(client, instrument)
        client.delete(f"instruments/{found['id']}")
        show_one({"deleted": found["slug"]}, as_json)


def _act(instrument: str, verb: str, as_json: bool) -> None:
    with connect() as client:
        found = find_instrument(client, instrument)
        show_one(client.post(f"instruments/{found['id']}/{verb}"), as_json)


@app.command()
@reported
def pause(instrument: Which, as_json: AsJson = False) -> None:
    """Leave an instrument alone until it is resumed."""
    _act(instrument, "pause", as_json)


@app.command()
@reported
def resume(instrument: Which, as_json: AsJson = False) -> None:
    """Go on with a paused instrument."""
    _act(instrument, "resume", as_json)


@app.command()
@reported
def confirm_listing(instrument: Which, as_json: AsJson = False) -> None:
    """Accept the next listing, though it is empty or much smaller."""
    _act(instrument, "confirm-listing", as_json)


@app.command()
@reported
def check(instrument: Which, as_json: AsJson = False) -> None:
    """Let a worker test the connection."""
    with connect() as client:
        found = find_instrument(client, instrument)
        result = client.post(f"instruments/{found['id']}/check")
    show_one(result if as_json else _readable(result), as_json)
    if not result["ok"]:
        raise typer.Exit(ExitCode.REFUSED)


def _readable(result: "Json") -> "Json":
    entries = [
        f"{one['name']}/" if one.get("directory") else one["name"] for one in result["entries"]
    ]
    return {**result, "entries": entries}


@app.command()
@reported
def users(instrument: Which, as_json: AsJson = False) -> None:
    """List who may see an instrument."""
    with connect() as client:
        found = find_instrument(client, instrument)
        rows = client.get(f"instruments/{found['id']}/users")["items"]
        show_list(rows, ("email", "display_name", "created_at", "user_id"), len(rows), as_json)


@app.command()
@reported
def assign(instrument: Which, user: str, as_json: AsJson = False) -> None:
    """Let a person (e-mail or id) see an instrument."""
    with connect() as client:
        found = find_instrument(client, instrument)
        person = client.find("users", user, "email")
        show_one(client.put(f"instruments/{found['id']}/users/{person['id']}"), as_json)


@app.command()
@reported
def unassign(instrument: Which, user: str, as_json: AsJson = False) -> None:
    """Take a person's right to an instrument away."""
    with connect() as client:
        found = find_instrument(client, instrument)
        person = client.find("users", user, "email")
        client.delete(f"instruments/{found['id']}/users/{person['id']}", guarded=False)
        show_one({"unassigned": person["email"]}, as_json)
