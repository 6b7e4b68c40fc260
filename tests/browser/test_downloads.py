"""What a person takes along: chosen rows, or a whole list, with their size told ahead."""

import re
import zipfile
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.lab import LiveLab
from tests.browser.people import PHONE, Window

Open = Callable[..., Window]


def test_just_the_chosen_rows_are_downloaded(as_admin: Open, lab: LiveLab) -> None:
    instrument = lab.instruments["uv-vis"]["id"]
    page = as_admin().open(
        f"/files?instrument=%5B%22{instrument}%22%5D&state=%5B%22available%22%5D"
    )
    boxes = page.get_by_role("checkbox", name=re.compile("^Select "))
    expect(boxes.nth(2)).to_be_visible()
    names = [boxes.nth(n).get_attribute("aria-label") or "" for n in (0, 2)]
    first, second = (page.get_by_role("checkbox", name=name, exact=True) for name in names)
    first.check()
    # By keyboard alone: the row that has the focus, then the space bar.
    page.locator("tr[data-index='2']").focus()
    page.keyboard.press("Space")
    expect(second).to_be_checked()
    bar = page.get_by_role("region", name="Selected files")
    expect(bar.get_by_role("status")).to_have_text(re.compile(r"^2 selected, [\d.]+ k?M?B$"))
    page.keyboard.press("End")
    page.keyboard.press("Home")
    expect(first).to_be_checked()
    with page.expect_download() as started:
        bar.get_by_role("link", name="Download ZIP").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.testzip() is None
        found = {name.partition("/")[2] for name in archive.namelist()[:-1]}
    assert found == {name.removeprefix("Select ") for name in names}
    bar.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()
    expect(first).not_to_be_checked()
    expect(page.locator("tr[data-index]:focus")).to_have_count(1)


def test_a_list_says_how_large_its_archive_is_before_it_comes(as_admin: Open, lab: LiveLab) -> None:
    instrument = lab.instruments["uv-vis"]["id"]
    page = as_admin().open(
        f"/files?instrument=%5B%22{instrument}%22%5D&state=%5B%22available%22%5D"
    )
    told = lab.client.get("files/archive", instrument=instrument, state="available")
    page.get_by_role("button", name="Download as ZIP").click()
    expect(page.get_by_text(re.compile(rf"^{told['files']} files, "))).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download ZIP").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        assert len(archive.namelist()) == told["files"] + 1


def test_rows_are_chosen_on_a_phone(as_admin: Open) -> None:
    page = as_admin(size=PHONE).open("/files")
    page.get_by_role("checkbox", name=re.compile("^Select ")).first.check()
    expect(page.get_by_role("region", name="Selected files")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
