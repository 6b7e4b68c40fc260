"""First start: from the one-time code to the first proven file, by the page alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.lab import FreshUp
from tests.browser.people import DESK, Window

EMAIL, PASSWORD = "grace@lab.example", "a long quiet night"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshUp]:
    up = FreshUp(tmp_path_factory.mktemp("fresh"))
    yield up
    up.close()


def _make_first_account(page: Page, code: str) -> None:
    page.get_by_role("textbox", name="One-time code").fill(code)
    page.get_by_role("textbox", name="Your email").fill(EMAIL)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the first account").click()


def test_an_empty_lab_comes_to_its_first_proven_file(browser: Browser, fresh: FreshUp) -> None:
    (fresh.instrument / "spectra").mkdir()
    (fresh.instrument / "spectra" / "first.csv").write_text("400,0.1\n")
    window = Window(browser, fresh.url, DESK, "light")
    page = window.page
    page.goto(fresh.url)
    expect(page.get_by_role("heading", name="Welcome to StreamWeave")).to_be_visible()
    _make_first_account(page, "AAAA-BBBB-CCCC-DDDD")
    expect(page.get_by_role("alert")).to_contain_text("setup_code_invalid")
    _make_first_account(page, fresh.code)
    expect(page.get_by_text("Your lab is empty")).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="Add instrument").click()
    _wizard(page, fresh)
    expect(page.get_by_text("First file proven")).to_be_visible()
    page.get_by_role("link", name="Open the instrument").click()
    expect(page.get_by_role("heading", name="Bench balance")).to_be_visible()
    expect(page.get_by_role("link", name="Available: 1")).to_be_visible(timeout=90_000)
    copy = fresh.archive / "bench-balance" / "first.csv"
    assert Path(copy).read_text() == "400,0.1\n"
    window.close()


def _wizard(page: Page, fresh: FreshUp) -> None:
    page.get_by_role("textbox", name="Name", exact=True).fill("Bench balance")
    expect(page.get_by_role("textbox", name="Short name")).to_have_value("bench-balance")
    page.get_by_label("Protocol").first.click()
    page.get_by_role("option", name=re.compile("Local path")).click()
    page.get_by_role("textbox", name="Path").fill(str(fresh.instrument))
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("The connection works").first).to_be_visible(timeout=180_000)
    # Nothing is lost on back or reload.
    page.get_by_role("button", name="Back").click()
    page.reload()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Bench balance")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("The connection works").first).to_be_visible(timeout=180_000)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="spectra").click()
    expect(page.get_by_text("first.csv").first).to_be_visible(timeout=90_000)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Quiet time").fill("1")
    expect(page.get_by_text("first.csv").first).to_be_visible(timeout=90_000)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Add storage").click()
    form = page.get_by_role("dialog", name="Add storage")
    form.get_by_role("textbox", name="Name").fill("Archive")
    form.get_by_role("textbox", name="Path").fill(str(fresh.archive))
    form.get_by_role("button", name="Add", exact=True).click()
    tested = page.get_by_role("dialog", name="Test of Archive")
    expect(tested.get_by_text("Overwriting was refused")).to_be_visible(timeout=180_000)
    tested.get_by_role("button", name="Done").click()
    expect(tested).to_have_count(0)
    page.get_by_label("Archive").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Look again every").fill("1")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Save and start").click()
    expect(page.get_by_text("Instrument saved")).to_be_visible()


def test_the_first_start_is_over_after_it(browser: Browser, fresh: FreshUp) -> None:
    window = Window(browser, fresh.url, DESK, "light")
    window.page.goto(f"{fresh.url}/start")
    expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()
    window.close()
