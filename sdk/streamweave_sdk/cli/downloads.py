"""`streamweave files download`: one file, or all of a filter, resumed and checked."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamweave_sdk.cli.exit_codes import ExitCode
from streamweave_sdk.cli.frame import AsJson, Stop, connect, reported, show_json
from streamweave_sdk.cli.instruments import find_instrument

if TYPE_CHECKING:
    from streamweave_sdk.client import Client
    from streamweave_sdk.downloads import Downloaded

_RENAMED = str.maketrans({"\\": "_", ":": "_", "\x00": "_"})


@reported
def download_files(
    file: Annotated[
        str | None, typer.Argument(help="a file's id; left out with --instrument")
    ] = None,
    to: Annotated[Path, typer.Option(help="the path, or the folder of a selection")] = Path(),
    version: Annotated[int | None, typer.Option(help="newest when left out")] = None,
    instrument: Annotated[str | None, typer.Option(help="slug, name or id: all its files")] = None,
    prefix: Annotated[str | None, typer.Option(help="how their paths begin")] = None,
    as_json: AsJson = False,
) -> None:
    """Download proven files; goes on where an earlier call stopped, and checks the hash."""
    if (file is None) == (instrument is None):
        raise Stop(ExitCode.USAGE, "Give either a file's id or --instrument.")
    with connect() as client:
        if file is not None:
            one = client.find("files", file)
            target = to / _name(one) if to.is_dir() else to
            done = [_fetched(client, one, target, version, as_json)]
        else:
            source = find_instrument(client, str(instrument))["id"]
            rows = client.items("files", instrument=source, state="available", q=prefix)
            done = [_fetched(client, one, to / _path(one), version, as_json) for one in rows]
    if as_json:
        show_json([_told(one) for one in done if one is not None])


def _name(file: dict[str, Any]) -> str:
    return _path(file).name


def _path(file: dict[str, Any]) -> Path:
    """The path below the folder: no part of it leads out, whatever the source called it."""
    parts = [part.translate(_RENAMED) for part in PurePosixPath(file["path"]).parts]
    return Path(*[part for part in parts if part not in ("/", "..", ".")])


def _fetched(
    client: "Client", file: dict[str, Any], target: Path, version: int | None, quiet: bool
) -> "Downloaded | None":
    from streamweave_sdk.downloads import download

    if target.exists():
        if not quiet:
            typer.echo(f"{target} is there already", err=True)
        return None
    done = download(client, file["id"], target, version)
    if not quiet:
        typer.echo(f"{done.sha256}  {target}")
    return done


def _told(one: "Downloaded") -> dict[str, Any]:
    return {
        "path": str(one.path),
        "size_bytes": one.size_bytes,
        "sha256": one.sha256,
        "resumed_at": one.resumed_at,
    }
