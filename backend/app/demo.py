"""`streamweave demo`: the main job on the embedded stack, with the simulated laboratory."""

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from app.clock import monotonic
from app.config import Settings, private_file
from app.demo_hooks import DemoHooks
from app.embedded import EmbeddedStack
from app.transfers.movers import known_movers
from simlab.lab import SimInstrument, SimLab
from streamweave_sdk.client import ApiProblem, Client
from streamweave_sdk.transfers import Place

_EMAIL = "admin@example.org"
_RESCAN_SECONDS = 3.0
_CONNECTIONS = 4
_WRITING_SECONDS = 20.0
# So long the answers of hooks are waited for, once all files are there.
_HOOKS_SECONDS = 30.0
# These have a second copy, in an object store, under paths of its own.
_TWO_COPIES = ("uv-vis", "tem-2")
_TEMPLATE = "{instrument}/{acquired:%Y/%m}/{path}"
# This one's files are brought by rsync, where it is installed.
_BY_RSYNC = "uv-vis"
_MOVING = ("queued", "transferring", "proving", "publishing", "retry_wait")
_STREAMS = ("settling", "queued", "in_flight", "retry_wait", "available", "failed", "conflict")


@dataclass(frozen=True)
class DemoOptions:
    """What the command line asked for."""

    data: Path
    once: bool
    as_json: bool
    scale: float
    timeout_seconds: float


class Demo:
    """One demonstration: laboratory, stack, set-up through the API, live progress, summary."""

    def __init__(self, options: DemoOptions) -> None:
        self.options = options
        self.console = Console(stderr=True)
        options.data.mkdir(parents=True, exist_ok=True)
        self.lab = SimLab(options.data / "lab", scale=options.scale)
        self.archive = options.data / "archive"
        roots = f"{options.data / 'lab'}:{self.archive}"
        self.stack = EmbeddedStack(
            Settings(
                data=options.data / "streamweave",
                local_roots=roots,
                retry_base_seconds=1.0,
                hold_seconds=2.0,
                lease_seconds=20.0,
                publish_timeout_seconds=5.0,
                run_lost_seconds=20.0,
                drain_after_seconds=5.0,
            )
        )
        self.password = private_file(
            options.data / "demo-password", lambda: secrets.token_urlsafe(12).encode()
        ).decode()

    async def run(self) -> int:
        """Run the demonstration; return the exit code."""
        began = monotonic()
        self._say(f"Everything is kept in {self.options.data}.")
        self._say("Starting the simulated laboratory ...")
        await asyncio.to_thread(self.lab.start)
        for slug, reason in self.lab.skipped.items():
            self._say(f"[bold red]LEFT OUT: {slug}: {reason}[/]")
        try:
            self._say("Starting StreamWeave: API, Prefect server, worker, rclone ...")
            os.environ |= _quick_lives(self.stack.settings)
            async with self.stack.running():
                return await self._harvest(began)
        finally:
            await asyncio.to_thread(self.lab.stop)

    async def _harvest(self, began: float) -> int:
        since = datetime.now(UTC)
        client = await asyncio.to_thread(self._sign_in)
        with contextlib.closing(client):
            hooks = await asyncio.to_thread(self._set_up, client)
            self._say(f"[bold]{self.stack.url}[/]  sign in as {_EMAIL}, password {self.password}")
            self._say(f"In another terminal: streamweave login {self.stack.url} --email {_EMAIL}")
            summary = await self._follow(client, since, self._start_writing())
            summary["hooks"] = await self._hooks_came(client, hooks)
            summary["seconds_in_all"] = round(monotonic() - began, 1)
            self._tell(summary)
            if self.options.once:
                return 0 if summary["complete"] else 7
            self._say("Files that you put on an instrument arrive within seconds. Ctrl-C ends it.")
            await asyncio.Event().wait()
        return 0

    def _start_writing(self) -> Callable[[], bool]:
        """Let one instrument acquire a file meanwhile; returns whether it is still writing.

        It acquires once: a later start finds the file complete.
        """
        written = self.options.data / "lab" / ".acquired"
        if written.exists():
            return lambda: False
        slugs = [one.slug for one in self.lab.instruments]
        slug = "orbitrap" if "orbitrap" in slugs else slugs[0]
        writer = self.lab.start_writer(slug=slug, seconds=_WRITING_SECONDS)

        def is_writing() -> bool:
            if writer.alive():
                return True
            written.touch()
            return False

        return is_writing

    # --- through the API, as a person would ----------------------------------------------------

    def _sign_in(self) -> Client:
        with contextlib.closing(Client(self.stack.url)) as client:
            if self.stack.setup_code is not None:
                body = {
                    "code": self.stack.setup_code,
                    "email": _EMAIL,
                    "password": self.password,
                }
                client.post("setup", body)
            answer = client.request(
                "POST", "auth/token", data={"username": _EMAIL, "password": self.password}
            ).json()
        return Client(self.stack.url, answer["access_token"])

    def _set_up(self, client: Client) -> DemoHooks:
        hooks = DemoHooks(self.lab)
        if hooks.missing:
            missing = " and ".join(hooks.missing)
            self._say(f"No metadata of NMR: the extra 'extractors' ({missing}) is not installed.")
        if problem := _rsync_problem(self.lab.instruments):
            self._say(f"[bold]{_BY_RSYNC} is read directly, not by rsync: {problem}[/]")
        archive = _named(client, "storage", "Archive") or client.post(
            "storage", {"name": "Archive", "kind": "posix", "path": str(self.archive)}
        )
        objects = self._object_store(client)
        ids: dict[str, str] = {}
        for instrument in self.lab.instruments:
            known = _named(client, "instruments", instrument.name)
            if known is None:
                places = [{"storage_location_id": archive["id"], "required": True}]
                if instrument.slug in _TWO_COPIES:
                    places.append({"storage_location_id": objects, "template": _TEMPLATE})
                known = self._add(client, instrument, places)
            else:
                self._move(client, instrument, known)
            ids[instrument.slug] = known["id"]
        # To check a hook takes a second: those without one need not wait for it.
        for slug in sorted(ids, key=lambda slug: slug in hooks.slugs):
            hooks.set_up(client, slug, ids[slug])
            self._watch(client, ids[slug])
        return hooks

    def _object_store(self, client: Client) -> str:
        """Add the laboratory's object store, and let a worker test it: so it gets its sentinel."""
        store = self.lab.object_store
        account = _named(client, "accounts", "objects") or client.post(
            "accounts",
            {
                "name": "objects",
                "username": store.access_key,
                "secret": store.secret,
                "secret_kind": "access_key",
            },
        )
        body = {"url": store.url, "secret": store.secret}
        known = _named(client, "storage", "Objects")
        if known is None:
            more = {"path": store.bucket, "service_account_id": account["id"]}
            known = client.post("storage", {"name": "Objects", "kind": "s3", **more, **body})
        elif known["url"] != store.url:
            known = client.edit(f"storage/{known['id']}", body)
        place = str(known["id"])
        client.post(f"storage/{place}/check")
        return place

    def _add(
        self, client: Client, instrument: SimInstrument, places: list[dict[str, Any]]
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": instrument.name,
            "slug": instrument.slug,
            "description": instrument.description,
            "quiet_seconds": instrument.quiet_seconds,
            "connections": _CONNECTIONS,
            "storage": places,
            **_address(instrument),
        }
        if instrument.slug == _BY_RSYNC and not _rsync_problem(self.lab.instruments):
            body["mover"] = "rsync"
        if instrument.username:
            account = _named(client, "accounts", instrument.slug) or client.post(
                "accounts",
                {
                    "name": instrument.slug,
                    "username": instrument.username,
                    "secret": instrument.private_key or instrument.password,
                    "secret_kind": _secret_kind(instrument),
                },
            )
            body["service_account_id"] = account["id"]
            # A start before this one may have used the account already.
            body["secret"] = instrument.private_key or instrument.password
        return client.post("instruments", body)

    def _move(self, client: Client, instrument: SimInstrument, known: dict[str, Any]) -> None:
        """A server that came back on another port: the address changes, so the secret is due."""
        address = _address(instrument)
        if all(known.get(name) == address[name] for name in ("host", "port", "url")):
            return
        secret = instrument.private_key or instrument.password
        client.edit(f"instruments/{known['id']}", {**address, "secret": secret})

    def _watch(self, client: Client, instrument_id: str) -> None:
        body = {
            "instrument_id": instrument_id,
            "kind": "watch",
            "rescan_seconds": _RESCAN_SECONDS,
        }
        with contextlib.suppress(ApiProblem):  # name_taken: a start before made it
            client.post("schedules", body)

    # --- what is seen --------------------------------------------------------------------------

    async def _follow(
        self, client: Client, since: datetime, writing: Callable[[], bool]
    ) -> dict[str, Any]:
        """Show progress until every settled file of every instrument has its final state."""
        first: float | None = None
        until = monotonic() + self.options.timeout_seconds
        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            while True:
                rows = await asyncio.to_thread(self._progress, client, since)
                if first is None and any(row["scan"].get("scan_started_at") for row in rows):
                    first = monotonic()
                live.update(_table(self.lab.instruments, rows))
                done = all(row["done"] for row in rows) and not writing()
                if done or monotonic() > until:
                    break
                await asyncio.sleep(0.5)
        seconds = monotonic() - (first or monotonic())
        summary = self._summary(rows, seconds, done)
        summary["files"] = await asyncio.to_thread(_available_files, client)
        return summary

    async def _hooks_came(self, client: Client, hooks: DemoHooks) -> dict[str, int]:
        """Wait, for a bounded time, until hooks were asked about all files; tell what they did."""
        until = monotonic() + min(_HOOKS_SECONDS, self.options.timeout_seconds)
        while True:
            waiting = await asyncio.to_thread(hooks.waiting, client)
            if not waiting or monotonic() > until:
                break
            await asyncio.sleep(0.5)
        return {**await asyncio.to_thread(hooks.summary, client), "waiting": waiting}

    def _progress(self, client: Client, since: datetime) -> list[dict[str, Any]]:
        known = {one["slug"]: one["id"] for one in client.items("instruments")}
        return [
            client.get(f"instruments/{known[one.slug]}/progress", since=since.isoformat())
            for one in self.lab.instruments
        ]

    def _summary(self, rows: list[dict[str, Any]], seconds: float, done: bool) -> dict[str, Any]:
        copies: dict[str, int] = {}
        for row in rows:
            for name in _STREAMS[1:]:
                if count := _files(row, name):
                    copies[name] = copies.get(name, 0) + count
        broken = sum(copies.get(name, 0) for name in ("failed", "conflict", *_MOVING))
        return {
            "complete": done and not broken,
            "bytes": sum(_bytes(row) for row in rows),
            "seconds": round(seconds, 1),
            "copies": copies,
            "instruments": [
                {
                    "name": one.name,
                    "slug": one.slug,
                    "protocol": one.protocol,
                    "path": str(one.path),
                }
                for one in self.lab.instruments
            ],
            "by_rsync": {"slug": _BY_RSYNC, "left_out": _rsync_problem(self.lab.instruments)},
            "left_out": dict(self.lab.skipped),
            "storage": [
                {"name": "Archive", "path": str(self.archive)},
                {
                    "name": "Objects",
                    "path": str(self.lab.object_store.path),
                    "only": list(_TWO_COPIES),
                },
            ],
            "webhooks": str(self.lab.webhooks.path),
            "database": self.stack.settings.url.split("+")[0]
            + ":///"
            + str(self.stack.settings.data / "streamweave.db"),
            "data": str(self.options.data),
            "url": self.stack.url,
        }

    def _tell(self, summary: dict[str, Any]) -> None:
        megabytes = summary["bytes"] / 1e6
        word = "Complete" if summary["complete"] else "NOT complete"
        self._say(
            f"[bold]{word}[/]: {summary['files']} files, {megabytes:.1f} MB, proven and "
            f"identified in {summary['seconds']} s. They are in {self.archive}."
        )
        hooks = summary["hooks"]
        self._say(
            f"By hooks: {hooks['left_out']} files left out, {hooks['redirected']} redirected, "
            f"{hooks['with_metadata']} with metadata, {hooks['webhooks_verified']} signed webhooks "
            f"taken by {self.lab.webhooks.url}, {hooks['webhooks_refused']} refused."
        )
        if hooks["waiting"]:
            self._say(f"[bold]{hooks['waiting']} answers of hooks are still due.[/]")
        if self.options.as_json:
            print(json.dumps(summary), flush=True)  # noqa: T201  the command's answer

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def _quick_lives(settings: Settings) -> dict[str, str]:
    """Short leases for the demonstration, for all of its processes."""
    names = (
        "retry_base_seconds",
        "hold_seconds",
        "lease_seconds",
        "publish_timeout_seconds",
        "run_lost_seconds",
        "drain_after_seconds",
    )
    return {f"STREAMWEAVE_{name.upper()}": str(getattr(settings, name)) for name in names}


def _named(client: Client, resource: str, name: str) -> dict[str, Any] | None:
    return next((one for one in client.items(resource) if one["name"] == name), None)


def _address(instrument: SimInstrument) -> dict[str, Any]:
    options = {"s3": {"provider": "Rclone"}, "webdav": {"vendor": "rclone"}}
    by_url = instrument.protocol in ("s3", "webdav")
    return {
        "protocol": instrument.protocol,
        "host": None if by_url else instrument.host,
        "port": None if by_url else instrument.port,
        "url": instrument.url if by_url else None,
        "root": instrument.root,
        "host_key": instrument.host_key,
        "options": options.get(instrument.protocol, {}),
    }


def _rsync_problem(instruments: list[SimInstrument]) -> str | None:
    """Return why rsync cannot bring the files of its instrument here, or None."""
    rsync = known_movers().find("rsync")
    root = next((one.root for one in instruments if one.slug == _BY_RSYNC), "/")
    return rsync.problem() or rsync.unsuitable(Place("local", root=root), rsync.options_model())


def _secret_kind(instrument: SimInstrument) -> str:
    if instrument.private_key:
        return "private_key"
    return "access_key" if instrument.protocol == "s3" else "password"


def _available_files(client: Client) -> int:
    """How many files people see as available; counted one by one, however many there are."""
    return sum(1 for _ in client.items("files", state="available", limit=500))


def _files(row: dict[str, Any], name: str) -> int:
    return int((row.get(name) or {}).get("files", 0))


def _bytes(row: dict[str, Any]) -> int:
    return int((row.get("available") or {}).get("size_bytes", 0))


def _table(instruments: list[SimInstrument], rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("instrument")
    table.add_column("protocol")
    for name in _STREAMS:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("MB", justify="right")
    table.add_column("")
    for instrument, row in zip(instruments, rows, strict=True):
        error = row["scan"].get("error_code") or ("" if row["done"] else "...")
        table.add_row(
            instrument.name,
            instrument.protocol,
            *(str(_files(row, name)) for name in _STREAMS),
            f"{_bytes(row) / 1e6:.1f}",
            "[green]safe[/]" if row["done"] else error,
        )
    return table


def run_demo(options: DemoOptions) -> int:
    """Run the demonstration until it ends, or Ctrl-C."""
    try:
        return asyncio.run(Demo(options).run())
    except KeyboardInterrupt:
        print("Ended.", file=sys.stderr)  # noqa: T201
        return 0
