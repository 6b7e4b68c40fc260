"""A flight check on the page: stations light up one after the other, and say what they found."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]
OLD = 1_700_000_000


@pytest.fixture
def scale(lab: LiveLab) -> Iterator[dict[str, Any]]:
    """A paused instrument with one complete file."""
    root = lab.folder_of("uv-vis") / "scale"
    root.mkdir(exist_ok=True)
    (root / "weighing_001.csv").write_bytes(b"42.0 mg\n")
    os.utime(root / "weighing_001.csv", (OLD, OLD))
    place = lab.client.find("storage", "Archive", "name")
    made = lab.client.post(
        "instruments",
        {
            "name": "Scale",
            "slug": "scale",
            "protocol": "local",
            "root": str(root),
            "storage": [{"storage_location_id": place["id"]}],
        },
    )
    lab.client.post(f"instruments/{made['id']}/pause")
    yield made
    (root / "weighing_001.csv").unlink(missing_ok=True)
    path = f"instruments/{made['id']}"
    revision = lab.client.get(path)["revision"]
    lab.client.request("DELETE", path, headers={"If-Match": f'"r{revision}"'})


def test_a_file_flies_and_nothing_of_it_is_kept(
    as_admin: Open, lab: LiveLab, scale: dict[str, Any]
) -> None:
    page = as_admin().open(f"/instruments/{scale['id']}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Flight check").click()
    expect(page.get_by_text("No file has flown yet.")).to_be_visible()
    page.get_by_role("button", name="Fly", exact=True).click()
    expect(page.get_by_text("Every station was reached.")).to_be_visible(timeout=90_000)
    for station in ("Source reached", "read back", "Published", "Scratch object removed"):
        expect(page.get_by_text(station).first).to_be_visible()
    expect(page.get_by_text("weighing_001.csv")).to_be_visible()
    assert lab.client.get("files", instrument=scale["id"])["items"] == []


def test_a_flight_that_finds_no_file_says_what_to_do(
    as_admin: Open, lab: LiveLab, scale: dict[str, Any]
) -> None:
    (lab.folder_of("uv-vis") / "scale" / "weighing_001.csv").unlink()
    page = as_admin().open(f"/instruments/{scale['id']}/flight")
    page.get_by_role("button", name="Fly", exact=True).click()
    expect(page.get_by_text("It did not arrive everywhere.")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("flight_no_file")).to_be_visible()
    expect(page.get_by_text("Let the instrument write a file")).to_be_visible()
