"""What works from everywhere, and what a person likes, finds and sees in every corner."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Response, Route, expect

from tests.acceptance.stack import until
from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]


def _ask(page: Page, words: str) -> None:
    page.keyboard.press("Control+k")
    palette = page.get_by_placeholder("Instrument, file, ARK")
    expect(palette).to_be_focused()
    palette.fill(words)


def test_the_palette_finds_a_file_by_its_identifier(as_scientist: Open, lab: LiveLab) -> None:
    file = lab.file_of("uv-vis")
    page = as_scientist().open("/")
    _ask(page, f"https://data.lab.example/{file['ark']}")
    name = re.escape(file["path"].rpartition("/")[2])
    page.get_by_role("button", name=re.compile(name)).click()
    expect(page).to_have_url(re.compile(f"/files/{file['id']}$"))


def test_the_palette_shows_nobody_a_file_that_is_not_theirs(
    as_scientist: Open, lab: LiveLab
) -> None:
    page = as_scientist().open("/")
    _ask(page, lab.file_of("nmr-500")["ark"])
    expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_the_palette_does_what_is_asked(as_admin: Open) -> None:
    page = as_admin().open("/files")
    _ask(page, "cary")
    page.get_by_role("button", name="Harvest now: Cary 60 UV-Vis").click()
    expect(page.get_by_text(re.compile("scans again|has started"))).to_be_visible()
    _ask(page, "verify")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("The chain is intact.")).to_be_visible()
    _ask(page, "edit")
    expect(page.get_by_role("button", name=re.compile("^Edit "))).to_have_count(0)
    page.keyboard.press("Escape")
    _ask(page, "cary")
    page.get_by_role("button", name="Edit Cary 60 UV-Vis").click()
    expect(page.get_by_role("heading", name="Edit Cary 60 UV-Vis")).to_be_visible()


def test_the_palette_offers_a_scientist_nothing_of_an_admin(as_scientist: Open) -> None:
    page = as_scientist().open("/")
    _ask(page, "cary")
    expect(page.get_by_role("button", name="Cary 60 UV-Vis", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Harvest now|Edit Cary"))).to_have_count(0)


def _is_saved(response: Response) -> bool:
    return response.request.method == "PATCH"


def test_what_a_person_likes_is_so_at_every_desk(as_scientist: Open) -> None:
    here, there = as_scientist(), as_scientist()
    page = here.open("/files")
    expect(page.get_by_role("columnheader", name="First seen")).to_have_count(0)
    with page.expect_response(_is_saved):  # else it may be taken for the next one
        page.get_by_role("button", name="View options").click()
        page.get_by_role("checkbox", name="First seen").check()
        page.get_by_role("switch", name="Dense rows").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Your account")).click()
    with page.expect_response(_is_saved):
        page.get_by_text("Dark", exact=True).click()
    page = there.open("/files")
    expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("button", name="View options").click()
    expect(page.get_by_role("switch", name="Dense rows")).to_be_checked()


def test_all_versions_of_a_file_are_shown_with_their_copies(
    as_scientist: Open, lab: LiveLab
) -> None:
    source = lab.folder_of("uv-vis") / "spectra" / "versions" / "twice_0001.csv"
    source.parent.mkdir(parents=True, exist_ok=True)

    def file() -> dict[str, Any]:
        found = list(lab.client.items("files", search="twice 0001"))
        return found[0] if found else {"latest_version": 0, "status": ""}

    source.write_text("400,0.1\n")
    until(lambda: file()["status"] == "available", "the first version", 90)
    source.write_text("400,0.2\n500,0.4\n")
    until(lambda: file()["latest_version"] == 2, "the second version", 90)
    until(lambda: file()["status"] == "available", "its copy", 90)
    file_id = file()["id"]
    page = as_scientist().open(f"/files/{file_id}")
    section = page.get_by_role("region", name="Versions")
    for number in (1, 2):
        expect(section.get_by_text(f"Version {number}", exact=True)).to_be_visible()
    places = len(lab.client.get(f"files/{file_id}")["copies"])
    expect(section.get_by_text("Available")).to_have_count(2 * places)
    expect(section.get_by_text(re.compile(r"^ark:.*\.v2$"))).to_be_visible()


def test_an_instruments_schedule_is_changed_from_its_page(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    page = window.open(f"/instruments/{lab.instruments['uv-vis']['id']}")
    page.get_by_role("region", name="Schedule").get_by_role(
        "link", name="Edit the schedule"
    ).click()
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    window.settle()
    expect(page.locator("tr[data-index]")).to_have_count(1)
    page.get_by_role("button", name="Add schedule").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("Instrument").first).to_have_value("Cary 60 UV-Vis")


def _with_a_live_run(page: Page, instrument: str) -> None:
    def answer(route: Route) -> None:
        body = route.fetch().json()
        run: dict[str, Any] = {
            "id": "01a2108c-9e7e-74a3-b5e8-7297e06c4211",
            "kind": "harvest",
            "zone": "main",
            "instrument_id": instrument,
            "state": "live",
            "outcome": None,
            "trigger": "manual",
            "cancel_requested": False,
            "counters": {},
            "requested_at": "2026-05-20T12:00:00Z",
            "started_at": "2026-05-20T12:00:00Z",
        }
        body["items"] = [run, *body["items"]]
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.route(re.compile(r"/api/runs\?instrument="), answer)


def test_a_live_harvest_is_stopped_from_the_instruments_page(
    as_admin: Open, as_scientist: Open, lab: LiveLab
) -> None:
    uv_vis = lab.instruments["uv-vis"]["id"]
    for window, is_admin in ((as_admin(), True), (as_scientist(), False)):
        _with_a_live_run(window.page, uv_vis)
        page = window.open(f"/instruments/{uv_vis}")
        expect(page.get_by_role("link", name="A harvest is going on")).to_be_visible()
        cancel = page.get_by_role("button", name="Cancel run")
        expect(cancel).to_have_count(1 if is_admin else 0)
        if is_admin:
            cancel.click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("nothing is lost")
            dialog.get_by_role("button", name="Cancel this run").click()
            expect(dialog.get_by_role("alert")).to_contain_text("not_found")


def test_a_token_for_a_program_ends_when_its_maker_says(as_scientist: Open) -> None:
    page = as_scientist().open("/profile")
    page.get_by_label("Name of the program").fill("nightly script")
    page.get_by_label("Valid until").fill("1 January 2099")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    token = page.get_by_role("listitem").filter(has_text="nightly script")
    expect(token).to_contain_text("2099")
    token.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(token).to_have_count(0)
