"""An instrument is changed on the page by an admin: all of it, safely, and by nobody else."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]


@pytest.fixture
def balance(lab: LiveLab) -> Iterator[dict[str, Any]]:
    """A paused instrument of its own: nobody else looks at it, and nothing is harvested."""
    root = lab.folder_of("uv-vis") / "balance"
    root.mkdir(exist_ok=True)
    made = lab.client.post(
        "instruments",
        {"name": "Balance", "slug": "balance", "protocol": "local", "root": str(root)},
    )
    lab.client.post(f"instruments/{made['id']}/pause")
    yield lab.client.get(f"instruments/{made['id']}")
    _delete(lab, f"instruments/{made['id']}")


def _delete(lab: LiveLab, path: str) -> None:
    revision = lab.client.get(path)["revision"]
    lab.client.request("DELETE", path, headers={"If-Match": f'"r{revision}"'})


def _change(lab: LiveLab, one: dict[str, Any], **values: Any) -> None:
    path = f"instruments/{one['id']}"
    revision = lab.client.get(path)["revision"]
    lab.client.request("PATCH", path, json=values, headers={"If-Match": f'"r{revision}"'})


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_everything_that_can_be_changed_is_changed_in_one_form(
    as_admin: Open, lab: LiveLab, balance: dict[str, Any]
) -> None:
    page = as_admin().open(f"/instruments/{balance['id']}")
    page.get_by_role("link", name="Edit the settings").click()
    expect(page.get_by_role("heading", name="Edit Balance")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("Analytical balance")
    page.get_by_role("textbox", name="Short name").fill("analytical-balance")
    page.get_by_role("textbox", name="Description").fill("Room 12, by the window.")
    page.get_by_role("textbox", name="Quiet time").fill("30")
    page.get_by_label("A name that comes back").first.click()
    page.get_by_role("option", name="is a new file").click()
    page.get_by_role("textbox", name="Breaker").fill("29")
    page.get_by_label("Archive").check()
    page.get_by_role("switch", name="Required").uncheck()
    storage = page.get_by_role("region", name="Storage")
    storage.get_by_role("textbox", name="Destination template").fill("{instrument}/{year}/{name}")
    page.get_by_role("textbox", name="Connections at once").fill("5")
    page.get_by_role("textbox", name="Bandwidth").fill("1.5")
    page.get_by_label("Leave it alone at certain hours").check()
    page.get_by_label(re.compile("^From")).fill("22:00")
    page.get_by_label(re.compile("^Until")).fill("06:30")
    _save(page)
    expect(storage.get_by_text("There is no field 'year'")).to_be_visible()
    template = "{instrument}/{acquired:%Y}/{name}"
    storage.get_by_role("textbox", name="Destination template").fill(template)
    _save(page)
    expect(page.get_by_role("heading", name="Analytical balance", exact=True)).to_be_visible()
    read = lab.client.get(f"instruments/{balance['id']}")
    expected = {
        "name": "Analytical balance",
        "slug": "analytical-balance",
        "description": "Room 12, by the window.",
        "quiet_seconds": 30.0,
        "incarnation_policy": "new_file",
        "shrink_ratio": 0.29,
        "connections": 5,
        "bandwidth_bytes_per_second": 1_500_000,
        "quiet_hours": {"from": "22:00", "to": "06:30", "time_zone": "Europe/Berlin"},
    }
    assert {name: read[name] for name in expected} == expected
    assert [(one["required"], one["template"]) for one in read["storage"]] == [(False, template)]
    same = ("root", "protocol", "zone", "host", "options", "start_from", "paused")
    assert {name: read[name] for name in same} == {name: balance[name] for name in same}


def test_a_wrong_value_is_told_at_its_field_and_keeps_what_was_typed(
    as_admin: Open, balance: dict[str, Any]
) -> None:
    page = as_admin().open(f"/instruments/{balance['id']}/edit")
    page.get_by_role("textbox", name="Description").fill("kept")
    root = page.get_by_role("textbox", name="Path")
    root.fill("")
    _save(page)
    expect(root).to_be_focused()
    root.fill("/nowhere/at/all")
    _save(page)
    expect(page.get_by_role("alert")).to_contain_text("path_not_allowed")
    expect(root).to_be_focused()
    expect(root).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("textbox", name="Description")).to_have_value("kept")


def test_somebody_elses_edit_is_told_and_loses_nothing_of_either(
    as_admin: Open, lab: LiveLab, balance: dict[str, Any]
) -> None:
    page = as_admin().open(f"/instruments/{balance['id']}/edit")
    # What the page would hear by itself it shall hear of by saving.
    page.route(f"**/api/instruments/{balance['id']}", _only_writes)
    page.get_by_role("textbox", name="Description").fill("mine")
    page.get_by_role("textbox", name="Connections at once").fill("7")
    _change(lab, balance, quiet_seconds=77, connections=9)
    _save(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Somebody else changed this instrument meanwhile")
    page.unroute(f"**/api/instruments/{balance['id']}")
    alert.get_by_role("button", name="Read it anew").click()
    expect(page.get_by_role("status").filter(has_text="What you typed is kept")).to_be_visible()
    expect(page.get_by_text("taken over here: Quiet time.")).to_be_visible()
    expect(page.get_by_text("You both changed: Connections.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Quiet time")).to_have_value("77")
    expect(page.get_by_role("textbox", name="Description")).to_have_value("mine")
    expect(page.get_by_role("textbox", name="Connections at once")).to_have_value("7")
    _save(page)
    expect(page.get_by_role("heading", name="Balance", exact=True)).to_be_visible()
    read = lab.client.get(f"instruments/{balance['id']}")
    assert (read["quiet_seconds"], read["description"], read["connections"]) == (77.0, "mine", 7)


def _only_writes(route: Any) -> None:
    if route.request.method == "GET":
        route.abort()
    else:
        route.continue_()


def test_the_connection_is_tested_from_within_before_it_is_saved(
    as_admin: Open, lab: LiveLab, balance: dict[str, Any]
) -> None:
    page = as_admin().open(f"/instruments/{balance['id']}/edit")
    test = page.get_by_role("button", name="Test connection")
    test.click()
    expect(page.get_by_text("The connection works")).to_be_visible(timeout=180_000)
    page.get_by_role("textbox", name="Path").fill(f"{balance['root']}/not-there")
    expect(page.get_by_text("The connection works")).to_have_count(0)
    test.click()
    expect(page.get_by_text("The connection did not work")).to_be_visible(timeout=180_000)
    assert lab.client.get(f"instruments/{balance['id']}")["root"] == balance["root"]


def test_changed_rules_are_tried_on_real_files_before_they_are_saved(
    as_admin: Open, lab: LiveLab, balance: dict[str, Any]
) -> None:
    (Path(balance["root"]) / "weighed_0001.csv").write_text("1.0023\n")
    page = as_admin().open(f"/instruments/{balance['id']}/edit")
    rules = page.get_by_role("region", name="Completeness")
    page.get_by_role("textbox", name="Quiet time").fill("86400")
    page.get_by_role("button", name="Judge the newest files").click()
    expect(rules.get_by_text("weighed_0001.csv")).to_be_visible(timeout=180_000)
    expect(rules.get_by_text("Settling")).to_be_visible()
    page.get_by_role("textbox", name="Quiet time").fill("0")
    expect(rules.get_by_text("weighed_0001.csv")).to_have_count(0)
    page.get_by_role("button", name="Judge the newest files").click()
    expect(rules.get_by_text("Complete", exact=True)).to_be_visible(timeout=180_000)
    assert lab.client.get(f"instruments/{balance['id']}")["quiet_seconds"] == 120.0


def test_a_new_address_of_a_used_account_asks_for_its_secret(as_admin: Open, lab: LiveLab) -> None:
    account = lab.client.post(
        "accounts",
        {"name": "edited", "username": "u", "secret_kind": "password", "secret": "s3same"},
    )
    made = lab.client.post(
        "instruments",
        {
            "name": "Moved",
            "slug": "moved",
            "protocol": "webdav",
            "url": "http://127.0.0.1:9/old",
            "service_account_id": account["id"],
        },
    )
    lab.client.post(f"instruments/{made['id']}/pause")
    page = as_admin().open(f"/instruments/{made['id']}/edit")
    secret = page.get_by_role("textbox", name="Its secret again")
    expect(secret).to_have_count(0)
    page.get_by_role("textbox", name="Address").fill("http://127.0.0.1:9/new")
    expect(secret).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("alert").first).to_contain_text("secret_required")
    expect(secret).to_be_focused()
    _save(page)
    expect(page.get_by_text(re.compile("nobody confirmed this address")).first).to_be_visible()
    expect(page.get_by_role("textbox", name="Address")).to_have_value("http://127.0.0.1:9/new")
    secret.fill("s3same")
    _save(page)
    expect(page.get_by_role("heading", name="Moved", exact=True)).to_be_visible()
    assert lab.client.get(f"instruments/{made['id']}")["url"] == "http://127.0.0.1:9/new"
    _delete(lab, f"instruments/{made['id']}")
    _delete(lab, f"accounts/{account['id']}")


def test_a_scientist_is_offered_no_edit_and_gets_none_by_its_address(
    as_scientist: Open, lab: LiveLab
) -> None:
    window = as_scientist()
    own = lab.instruments["uv-vis"]["id"]
    page = window.open(f"/instruments/{own}")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Edit"))).to_have_count(0)
    expect(page.get_by_role("button", name="More")).to_have_count(0)
    window.open(f"/instruments/{own}/edit")
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    answer = page.evaluate(
        """async (id) => (await fetch(`/api/instruments/${id}`, {
          method: 'PATCH',
          headers: {
            'content-type': 'application/json',
            'if-match': '"r1"',
            'x-csrf-token': /streamweave_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? '',
          },
          body: JSON.stringify({name: 'Mine'}),
        })).json()""",
        own,
    )
    assert answer["code"] == "not_allowed"
