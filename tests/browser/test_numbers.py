"""Every number leads to what it counts, and every name can be chosen, however many there are."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.acceptance.stack import until
from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]
_ROWS = "tr[data-index]"


def _counted(text: str) -> int:
    found = re.search(r"[\d,]+", text)
    assert found is not None, text
    return int(found[0].replace(",", ""))


def _listed(window: Window, title: str) -> int:
    """How many rows the list has that a number led to."""
    expect(window.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    window.settle()
    if window.page.locator(_ROWS).count() == 0:
        return 0
    footer = window.page.get_by_text(re.compile(r"^All [\d,]+ shown$"))

    def is_whole() -> bool:
        # A long list is fetched as one scrolls.
        window.page.evaluate("document.querySelector('table').parentElement.scrollTo(0, 1e9)")
        return footer.count() > 0

    until(is_whole, "the end of the list", 30)
    return _counted(footer.inner_text())


def test_what_a_stream_made_today_is_listed(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    page = window.open("/")
    row = page.get_by_role("row").filter(has_text="Cary 60 UV-Vis")
    today = row.get_by_role("link", name=re.compile("^Today: "))
    number = _counted(today.inner_text())
    assert number > 0
    today.click()
    expect(page).to_have_url(re.compile("/files.*complete_after="))
    expect(page.get_by_text(re.compile("^Complete: since "))).to_be_visible()
    assert _listed(window, "Files") == number
    page.get_by_role("button", name=re.compile("^Remove filter: Complete")).click()
    expect(page).not_to_have_url(re.compile("complete_after"))


def test_what_became_available_in_an_hour_is_listed(as_admin: Open) -> None:
    window = as_admin()
    page = window.open("/")
    page.get_by_role("button", name="Show as a table").click()
    copies = page.get_by_role("link", name=re.compile("^Copies: ")).first
    number = _counted(copies.inner_text())
    copies.click()
    expect(page).to_have_url(re.compile("/transfers.*available_after=.*available_before="))
    # What came meanwhile is in the same hour.
    assert _listed(window, "Transfers") >= number > 0


def test_what_a_run_did_is_listed(as_admin: Open, lab: LiveLab) -> None:
    runs = lab.client.items("runs", state="ended")
    run = next((one for one in runs if one["counters"].get("new_files")), None)
    if run is None:  # only watched so far: the watch's own run lives
        run = next(one for one in lab.client.items("runs") if one["counters"].get("new_files"))
    window = as_admin()
    page = window.open(f"/runs/{run['id']}")
    number = _counted(page.get_by_role("link", name=re.compile("^New files: ")).inner_text())
    page.get_by_role("link", name=re.compile("^New files: ")).click()
    expect(page).to_have_url(re.compile("/files.*first_seen_after="))
    assert _listed(window, "Files") >= number > 0
    page.go_back()
    page.get_by_role("link", name=re.compile("^Copies: ")).click()
    expect(page).to_have_url(re.compile("/transfers.*available_after="))
    assert _listed(window, "Transfers") > 0


def test_what_lags_behind_is_listed_alone(as_admin: Open) -> None:
    window = as_admin()
    page = window.open("/system")
    for name, url in (
        ("Instruments whose listing is held", "state=listing_held"),
        ("Storage locations in trouble", "in_trouble=true"),
        ("Audit events not sealed", "sealed=false"),
    ):
        window.open("/system")
        page.locator("dt", has_text=name).locator("+ dd").get_by_role("link").click()
        expect(page).to_have_url(re.compile(url))
        window.settle()


def test_an_instrument_beyond_the_first_page_of_names_is_found_and_named(
    as_admin: Open, lab: LiveLab
) -> None:
    window = as_admin()
    page = window.page
    page.route(re.compile(r"/api/instruments\?limit=500$"), _only_the_first)
    far = lab.instruments["uv-vis"]
    window.open("/files")
    page.get_by_role("button", name="Instrument", exact=True).click()
    expect(page.get_by_label(far["name"])).to_have_count(0)
    page.get_by_role("textbox", name="Search", exact=True).fill("cary")
    page.get_by_label(far["name"]).check()
    page.get_by_role("textbox", name="Search", exact=True).fill("")
    expect(page.get_by_label(far["name"])).to_be_checked()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(far["id"]))
    window.open(f"/runs?instrument={far['id']}")
    chosen = page.get_by_role("search").get_by_label("Instrument", exact=True).first
    expect(chosen).to_have_value(far["name"])
    chosen.click()
    chosen.fill("nmr-5")  # its short name
    page.get_by_role("option", name=lab.instruments["nmr-500"]["name"]).click()
    expect(page).to_have_url(re.compile(lab.instruments["nmr-500"]["id"]))


def test_a_person_beyond_the_first_page_of_names_is_found(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    page = window.page
    page.route(re.compile(r"/api/users\?limit=500$"), _only_the_first)
    nmr = lab.instruments["nmr-500"]["id"]
    window.open(f"/instruments/{nmr}")
    person = page.get_by_label("Person", exact=True).first
    person.click()
    expect(page.get_by_role("option", name="Ada Okafor")).to_have_count(0)
    person.fill("okaf")
    page.get_by_role("option", name="Ada Okafor").click()
    page.get_by_role("button", name="Let see").click()
    expect(page.get_by_role("button", name="Take Ada Okafor's right away")).to_be_visible()
    page.get_by_role("button", name="Take Ada Okafor's right away").click()
    until(lambda: not _sees(lab, nmr), "the right taken away", 20)


def _sees(lab: LiveLab, instrument: str) -> bool:
    return bool(lab.client.get(f"instruments/{instrument}/users")["items"])


def _only_the_first(route: Route) -> None:
    """The first page of a list that has more."""
    answer = route.fetch()
    body: dict[str, Any] = answer.json()
    body["items"], body["next_cursor"] = body["items"][:1], "more"
    route.fulfill(response=answer, body=json.dumps(body))


def test_a_list_of_people_is_searched(as_admin: Open) -> None:
    window = as_admin()
    page: Page = window.open("/users")
    page.get_by_label("Search names and addresses").fill("ada@")
    expect(page.locator(_ROWS)).to_have_count(1)
    expect(page).to_have_url(re.compile("search="))
