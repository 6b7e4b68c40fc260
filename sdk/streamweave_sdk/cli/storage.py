"""Storage locations: the places that files are delivered to."""

from typing import Annotated

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.frame import (
    AsJson,
    Limit,
    SecretFile,
    connect,
    given,
    reported,
    show_list,
    show_one,
    with_secret,
)
from streamweave_sdk.cli.instruments import (
    Account,
    Host,
    HostKey,
    Options,
    Port,
    Url,
    Zone,
    options,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Places to deliver to.")
_COLUMNS = ("name", "kind", "path", "state", "error_code", "id")
KeepFree = Annotated[int | None, typer.Option(help="bytes that are never used")]
Quota = Annotated[int | None, typer.Option(help="bytes that may lie there at most")]


@app.command("list")
@reported
def list_storage(limit: Limit = 200, as_json: AsJson = False) -> None:
    """List storage locations."""
    with connect() as client:
        show_list(client.items("storage"), _COLUMNS, limit, as_json)


@app.command("show")
@reported
def show_storage(location: str, as_json: AsJson = False) -> None:
    """Show one storage location."""
    with connect() as client:
        show_one(client.find("storage", location, "name"), as_json)


@app.command("create")
@reported
def create_storage(  # noqa: PLR0913  one option a field
    name: str,
    path: Annotated[
        str,
        typer.Argument(
            help="a local path, share/folder (cifs), bucket/prefix (s3), module/folder (rsync), "
            "or a folder"
        ),
    ] = "",
    kind: Annotated[
        str, typer.Option(help="posix, nfs, cifs, s3, sftp, webdav or rsync")
    ] = "posix",
    host: Host = None,
    port: Port = None,
    url: Url = None,
    host_key: HostKey = None,
    account: Account = None,
    option: Options = None,
    zone: Zone = None,
    case_insensitive: Annotated[
        bool | None, typer.Option(help="as the kind usually is when left out")
    ] = None,
    keep_free: KeepFree = None,
    quota: Quota = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a storage location. `streamweave storage check` then gives it its sentinel.

    A service account that is used elsewhere needs its secret again: from a file, from
    STREAMWEAVE_SECRET or from a prompt.
    """
    body = given(
        name=name, kind=kind, path=path, host=host, port=port, url=url, host_key=host_key,
        zone=zone, case_insensitive=case_insensitive, keep_free_bytes=keep_free, quota_bytes=quota,
        options=options(option, as_text=True),
    )  # fmt: skip
    with connect() as client:
        if account is not None:
            body["service_account_id"] = client.find("accounts", account, "name")["id"]
        show_one(with_secret(lambda b: client.post("storage", b), body, secret_file), as_json)


@app.command("set")
@reported
def change_storage(  # noqa: PLR0913  one option a field
    location: str,
    name: Annotated[str | None, typer.Option()] = None,
    zone: Zone = None,
    host: Host = None,
    port: Port = None,
    url: Url = None,
    host_key: HostKey = None,
    account: Account = None,
    option: Options = None,
    keep_free: KeepFree = None,
    quota: Quota = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a storage location; its kind and path stay, since files lie there."""
    body = given(
        name=name, zone=zone, host=host, port=port, url=url, host_key=host_key,
        keep_free_bytes=keep_free, quota_bytes=quota, options=options(option, as_text=True),
    )  # fmt: skip
    with connect() as client:
        if account is not None:
            body["service_account_id"] = client.find("accounts", account, "name")["id"]
        where = f"storage/{client.find('storage', location, 'name')['id']}"
        show_one(with_secret(lambda b: client.edit(where, b), body, secret_file), as_json)


@app.command("delete")
@reported
def delete_storage(location: str, as_json: AsJson = False) -> None:
    """Forget a storage location that nothing uses; its files stay."""
    with connect() as client:
        found = client.find("storage", location, "name")
        client.delete(f"storage/{found['id']}")
        show_one({"deleted": found["name"]}, as_json)


@app.command("check")
@reported
def check_storage(location: str, as_json: AsJson = False) -> None:
    """Let a worker test the storage location; the first good test gives it its sentinel."""
    with connect() as client:
        found = client.find("storage", location, "name")
        result = client.post(f"storage/{found['id']}/check")
    show_one(result, as_json)
    if not result["ok"]:
        raise typer.Exit(ExitCode.REFUSED)
