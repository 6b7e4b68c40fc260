"""Every page of StreamWeave, for whoever goes through all of them."""

import time
from dataclasses import dataclass
from typing import Any

from tests.browser.lab import LiveLab


@dataclass(frozen=True)
class Place:
    """A page: how it is called in reports, where it is, who may see it."""

    name: str
    path: str
    admin_only: bool = False


def places(lab: LiveLab) -> list[Place]:
    """All pages that need somebody to be signed in, with real things of the laboratory."""
    file = lab.file_of("uv-vis")
    transfer = next(iter(lab.client.items("transfers", instrument=file["instrument_id"])))
    run = next(iter(lab.client.items("runs")))
    return [
        Place("overview", "/"),
        Place("files", "/files"),
        Place("files-filtered", "/files?search=caffeine&state=%5B%22available%22%5D"),
        Place("files-nothing", "/files?search=nothingiscalledthis"),
        Place("file", f"/files/{file['id']}"),
        Place("runs", "/runs"),
        Place("run", f"/runs/{run['id']}"),
        Place("transfers", "/transfers"),
        Place("transfer", f"/transfers/{transfer['id']}"),
        Place("instruments", "/instruments"),
        Place("instrument", f"/instruments/{file['instrument_id']}"),
        Place("instrument-edit", f"/instruments/{file['instrument_id']}/edit", admin_only=True),
        Place("flight", f"/instruments/{_flown(lab, file)}/flight", admin_only=True),
        Place("wizard", "/instruments/new", admin_only=True),
        Place("storage", "/storage", admin_only=True),
        Place("schedules", "/schedules", admin_only=True),
        Place("accounts", "/accounts", admin_only=True),
        Place("hooks", "/hooks", admin_only=True),
        Place("hook-log", "/hooks/log", admin_only=True),
        Place("users", "/users", admin_only=True),
        Place("audit", "/audit"),
        Place("profile", "/profile"),
        Place("system", "/system", admin_only=True),
        Place("not-found", "/nowhere"),
    ]


def _flown(lab: LiveLab, file: dict[str, Any]) -> str:
    """Return the file's instrument, which a flight check has been made of."""
    path = f"instruments/{file['instrument_id']}/flights"
    if lab.client.get(f"{path}/last")["flight"] is None:
        lab.client.post(path)
    until = time.monotonic() + 60
    while lab.client.get(f"{path}/last")["flight"]["state"] != "over":
        assert time.monotonic() < until, "nobody flew it"
        time.sleep(0.2)
    return str(file["instrument_id"])
