"""Following a flight check: each station is told as soon as it is reached."""

import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from streamweave_sdk.client import Client, Json

_POLL_SECONDS = 0.5


def fly(client: "Client", instrument: "Json", *, quiet: bool) -> "Json":
    """Start a flight, or join the one that is under way, and follow it to its end."""
    path = f"instruments/{instrument['id']}/flights"
    flight = client.post(path)
    told = 0
    while True:
        for station in flight["stations"][told:]:
            told += 1
            if not quiet:
                typer.echo(_line(station))
        if flight["state"] in ("over", "lost"):
            break
        time.sleep(_POLL_SECONDS)
        flight = client.get(f"{path}/{flight['id']}")
    if flight["state"] == "lost" and not quiet:
        typer.echo("The worker that flew it is gone. Fly again.", err=True)
    return flight


def _line(station: "Json") -> str:
    where = f" {station['storage_name']}" if station["storage_name"] else ""
    begin = f"{'ok ' if station['ok'] else 'NO '} {station['station']}{where}"
    if station["ok"]:
        shown = ", ".join(f"{name} {value}" for name, value in station["evidence"].items())
        return f"{begin}  {station['seconds']:.2f} s  {shown}"
    return f"{begin}  {station['code']}: {station['detail']} {station['remedy']}"
