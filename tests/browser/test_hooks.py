"""Hooks on the page: from a form made of a schema to a rule that holds, and by nobody else."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]
NAME = "No lock files"


@pytest.fixture(autouse=True)
def _no_hook_is_left(lab: LiveLab) -> object:
    yield
    for one in lab.client.items("hooks"):
        if one["name"] == NAME:
            headers = {"If-Match": f'"r{one["revision"]}"'}
            lab.client.request("DELETE", f"hooks/{one['id']}", headers=headers)


def test_a_filter_is_made_switched_off_and_forgotten(as_admin: Open, lab: LiveLab) -> None:
    page = as_admin().open("/hooks")
    page.get_by_role("button", name="Add hook").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Kind of hook").first.click()
    page.get_by_role("option", name="file-filter").click()
    form.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    form.get_by_role("textbox", name="Only paths like").fill("*.lock")
    form.get_by_role("group", name="Configuration").get_by_role("button", name="Add").click()
    rule = form.get_by_role("group", name="Configuration").get_by_role("textbox", name="Name")
    rule.fill("lock files")
    form.get_by_role("textbox", name="Regex").fill(r"\.lock$")
    form.get_by_label("Files of").first.click()
    page.get_by_role("option", name="Cary 60 UV-Vis").click()
    form.get_by_role("button", name="Try it").click()
    expect(form.get_by_role("table")).to_contain_text("Not asked", timeout=90_000)
    form.get_by_role("button", name="Add", exact=True).last.click()
    # It is checked in a process of its own, which takes its time to start.
    expect(page.get_by_role("row", name=NAME)).to_contain_text("file-filter", timeout=90_000)
    (hook,) = [one for one in lab.client.items("hooks") if one["name"] == NAME]
    assert hook["config"]["rules"][0]["name"] == "lock files"
    assert (hook["pattern"], hook["enabled"]) == ("*.lock", True)

    page.get_by_role("button", name=f"More: {NAME}").click()
    page.get_by_role("menuitem", name="Switch off").click()
    page.get_by_role("button", name="Switch it off").click()
    expect(page.get_by_role("row", name=NAME)).to_contain_text("Off")

    page.get_by_role("button", name=f"More: {NAME}").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete this hook").click()
    expect(page.get_by_role("row", name=NAME)).to_have_count(0)


def test_a_configuration_that_does_not_fit_is_told_and_kept(as_admin: Open) -> None:
    page = as_admin().open("/hooks")
    page.get_by_role("button", name="Add hook").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Kind of hook").first.click()
    page.get_by_role("option", name="file-filter").click()
    form.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    form.get_by_role("group", name="Configuration").get_by_role("button", name="Add").click()
    form.get_by_role("button", name="Add", exact=True).last.click()
    expect(form.get_by_role("alert")).to_contain_text("hook_config_invalid", timeout=90_000)
    expect(form.get_by_role("textbox", name="Name", exact=True).first).to_have_value(NAME)


def test_what_a_hook_said_is_in_its_log_and_on_the_file_s_page(
    as_admin: Open, lab: LiveLab
) -> None:
    uv_vis = lab.instruments["uv-vis"]["id"]
    pattern = {"name": "run", "template": "{substance}_{run:int}.csv", "tags": ["run-{run}"]}
    lab.client.post(
        "hooks",
        {"name": NAME, "hook": "path-metadata", "instrument_id": uv_vis, "pattern": "hooked_*",
         "config": {"patterns": [pattern]}},
    )  # fmt: skip
    (lab.folder_of("uv-vis") / "hooked_77.csv").write_text("400,0.5\n")
    page = as_admin().open("/hooks/log")
    row = page.get_by_role("row", name="hooked_77.csv").filter(has_text=NAME)
    expect(row).to_contain_text("Answered", timeout=180_000)
    row.get_by_role("button", name=f"More: {NAME}").click()
    page.get_by_role("menuitem", name="Show all of it").click()
    expect(page.get_by_role("dialog")).to_contain_text('"run": 77')
    page.keyboard.press("Escape")

    page.get_by_label("Hook", exact=True).first.click()
    page.get_by_role("option", name=NAME).click()
    page.get_by_role("button", name="Ask again").click()
    page.get_by_role("button", name="What would change?").click()
    expect(page.get_by_role("dialog").get_by_role("table")).to_contain_text("Says the same")
    page.keyboard.press("Escape")

    row.get_by_role("link", name="hooked_77.csv").click()
    known = page.get_by_role("region", name="Metadata")
    expect(known).to_contain_text("run-77")
    known.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Add a value").click()
    form.get_by_role("textbox", name="Name").fill("solvent")
    form.get_by_role("textbox", name="Value").fill("water")
    form.get_by_role("button", name="Save").click()
    expect(known).to_contain_text("water")

    # What was said finds the file: its tag as a link, a metadata field among the filters.
    known.get_by_role("link", name="run-77").click()
    page.wait_for_url("**/files?tag=run-77")
    expect(page.get_by_role("table")).to_contain_text("hooked_77.csv")
    page.get_by_role("button", name="More filters").click()
    more = page.get_by_role("dialog")
    expect(more.get_by_label("Tag", exact=True)).to_have_value("run-77")
    more.get_by_label("Tag", exact=True).fill("")
    more.get_by_label("Metadata field").fill("solvent")
    more.get_by_label("Its value").fill("water")
    page.wait_for_url("**/files?meta=solvent%3Dwater")
    row = page.get_by_role("row", name="hooked_77.csv")
    expect(row).to_be_visible()
    more.get_by_label("Its value").fill("ether")
    expect(row).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="More filters").click()
    expect(page.get_by_role("dialog").get_by_label("Its value")).to_have_value("ether")


def test_a_scientist_finds_no_hooks(as_scientist: Open) -> None:
    page = as_scientist().open("/hooks")
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
