"""What a person must not see or do, they do not: not in the page, and not by its address."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.lab import LiveLab
from tests.browser.pages import places
from tests.browser.people import Window

Open = Callable[..., Window]


def test_a_scientist_is_offered_nothing_of_an_admin(as_scientist: Open) -> None:
    page = as_scientist().open("/")
    navigation = page.get_by_role("navigation", name="Navigation").first
    for name in ("Overview", "Files", "Runs", "Transfers", "Instruments", "Audit"):
        expect(navigation.get_by_role("link", name=name, exact=True)).to_be_visible()
    for name in ("Storage", "Schedules", "Service accounts", "Users", "System"):
        expect(navigation.get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_a_scientist_sees_one_instrument_and_no_button_to_change_it(
    as_scientist: Open, lab: LiveLab
) -> None:
    window = as_scientist()
    page = window.open("/instruments")
    expect(page.locator("tr[data-index]")).to_have_count(1)
    expect(page.get_by_role("link", name="Add instrument")).to_have_count(0)
    window.open(f"/instruments/{lab.instruments['uv-vis']['id']}")
    expect(page.get_by_role("button", name="Harvest now")).to_have_count(0)
    expect(page.get_by_text("Who may see it")).to_have_count(0)


def test_what_is_not_theirs_looks_like_what_does_not_exist(
    as_scientist: Open, lab: LiveLab
) -> None:
    window = as_scientist()
    other = lab.file_of("nmr-500")
    for path in (f"/files/{other['id']}", f"/instruments/{other['instrument_id']}"):
        page = window.open(path)
        expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
        expect(page.get_by_text(other["path"].rpartition("/")[2])).to_have_count(0)


def test_an_admins_pages_open_to_nobody_else_by_their_address(
    as_scientist: Open, lab: LiveLab
) -> None:
    window = as_scientist()
    for place in places(lab):
        if place.admin_only:
            page = window.open(place.path)
            expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()


def test_a_scientist_finds_no_other_file_by_its_name(as_scientist: Open, lab: LiveLab) -> None:
    other = lab.file_of("nmr-500")["path"]
    name = other.rpartition("/")[2]
    window = as_scientist()
    page = window.open("/files")
    page.get_by_label("Search names").fill(name)
    expect(page).to_have_url(re.compile("search="))
    window.settle()
    expect(page.get_by_text(other)).to_have_count(0)
    for instrument in page.locator("tr[data-index] td[data-label='Instrument']").all_inner_texts():
        assert instrument == "Cary 60 UV-Vis"


def test_whoever_is_not_signed_in_comes_to_the_form_and_then_to_the_page_they_wanted(
    browser: object, lab: LiveLab
) -> None:
    window = Window(browser, lab.url, (1280, 860), "light")  # type: ignore[arg-type]
    try:
        window.page.goto(f"{lab.url}/files?search=caffeine")
        expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()
        window.page.get_by_label("Email").fill(lab.email)
        window.page.get_by_role("textbox", name="Password").fill(lab.password)
        window.page.get_by_role("button", name="Sign in").click()
        expect(window.page).to_have_url(re.compile("/files.*search=caffeine"))
    finally:
        window.close()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/"])
def test_signing_in_leads_to_no_strangers_page(browser: object, lab: LiveLab, target: str) -> None:
    window = Window(browser, lab.url, (1280, 860), "light")  # type: ignore[arg-type]
    try:
        window.page.goto(f"{lab.url}/sign-in?next={target}")
        window.page.get_by_label("Email").fill(lab.email)
        window.page.get_by_role("textbox", name="Password").fill(lab.password)
        window.page.get_by_role("button", name="Sign in").click()
        expect(window.page).to_have_url(f"{lab.url}/")
    finally:
        window.close()
