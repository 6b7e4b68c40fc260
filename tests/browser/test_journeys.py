"""What people come for: see a harvest, find a file, mend a failure, check the trail."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.acceptance.stack import until
from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]


def row(page: Page, text: str) -> object:
    return page.get_by_role("row").filter(has_text=text)


def test_a_new_file_is_seen_to_arrive_without_a_reload(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    page = window.open(f"/files?instrument=%5B%22{lab.instruments['uv-vis']['id']}%22%5D")
    folder = lab.folder_of("uv-vis") / "spectra" / "journey"
    folder.mkdir(parents=True)
    (folder / "arrival_0001.csv").write_text("wavelength,absorbance\n400,0.1\n")
    found = page.get_by_role("row").filter(has_text="arrival_0001.csv")
    expect(found).to_be_visible(timeout=180_000)
    expect(found.get_by_text("Available")).to_be_visible(timeout=180_000)


def test_a_scientist_finds_a_file_and_reads_its_story(as_scientist: Open, lab: LiveLab) -> None:
    file = lab.file_of("uv-vis")
    name = file["path"].rpartition("/")[2]
    page = as_scientist().open("/files")
    page.get_by_label("Search names").fill(name.split(".")[0])
    page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    story = page.get_by_role("region", name="Story")
    for step in ("First seen", "Version 1 planned", "Identifier minted", "Available at Archive"):
        expect(story.get_by_text(step)).to_be_visible()
    story.get_by_text("Proof", exact=True).first.click()
    expect(story.get_by_text("Both hashes are equal").first).to_be_visible()
    expect(page.get_by_text(file["ark"]).first).to_be_visible()


def test_the_palette_finds_it_by_keyboard_alone(as_scientist: Open, lab: LiveLab) -> None:
    name = lab.file_of("uv-vis")["path"].rpartition("/")[2]
    page = as_scientist().open("/")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Instrument, file, ARK").fill(name.split(".")[0])
    # The first that is found is what Enter opens.
    expect(page.get_by_role("button", name=re.compile(re.escape(name))).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/files/[0-9a-f-]{36}$"))
    expect(page.get_by_placeholder("Instrument, file, ARK")).to_be_hidden()


def test_escape_closes_the_palette_and_the_next_one_is_empty(as_admin: Open) -> None:
    page = as_admin().open("/")
    palette = page.get_by_placeholder("Instrument, file, ARK")
    for _ in range(2):
        page.keyboard.press("Control+k")
        expect(palette).to_have_value("")
        palette.fill("uv")
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()


def test_the_list_is_walked_by_keyboard(as_admin: Open) -> None:
    page = as_admin().open("/files")
    first = page.locator("tr[data-index='0']")
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("tr[data-index='2']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/files/[0-9a-f-]{36}$"))


def test_a_conflict_is_seen_understood_and_mended(as_admin: Open, lab: LiveLab) -> None:
    stranger = lab.archive / "uv-vis" / "spectra" / "journey" / "taken_0001.csv"
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.write_text("somebody else's file")
    source = lab.folder_of("uv-vis") / "spectra" / "journey" / "taken_0001.csv"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("wavelength,absorbance\n500,0.2\n")
    page = as_admin().open("/")
    need = page.get_by_role("region", name=re.compile("Needs you"))
    expect(need).to_be_visible(timeout=180_000)
    expect(need.get_by_text(re.compile("conflict|stands|other content", re.I)).first).to_be_visible(
        timeout=180_000
    )
    page.goto(f"{lab.url}/transfers?state=conflict")
    page.get_by_role("link", name=re.compile("taken_0001")).click()
    expect(page.get_by_role("heading", name="taken_0001.csv")).to_be_visible()
    assert stranger.read_text() == "somebody else's file"
    stranger.unlink()  # the person decided: it does not belong there
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Both hashes are equal").first).to_be_visible(timeout=180_000)
    until(lambda: stranger.is_file() and stranger.read_text() == source.read_text(), "the copy", 30)


def test_the_audit_trail_is_verified(as_admin: Open) -> None:
    page = as_admin().open("/audit")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("The chain is intact.")).to_be_visible()


def test_harvest_now_says_what_it_does(as_admin: Open, lab: LiveLab) -> None:
    page = as_admin().open(f"/instruments/{lab.instruments['uv-vis']['id']}")
    page.get_by_role("button", name="Harvest now").click()
    expect(page.get_by_text(re.compile("scans again|has started"))).to_be_visible()


def test_why_a_file_is_not_here_is_answered_in_a_sentence(as_admin: Open) -> None:
    page = as_admin().open("/")
    page.get_by_label("Path, name or ARK").fill("no-such-file.raw")
    answer = page.get_by_role("region", name="Why is my file not here?")
    expect(answer.get_by_role("status")).to_contain_text(re.compile(r"[a-z]{3,}"))


def test_filters_stay_in_the_address_and_survive_a_reload(as_admin: Open) -> None:
    page = as_admin().open("/files")
    page.get_by_role("button", name="Status").click()
    page.get_by_label(re.compile("^Available")).check()
    page.keyboard.press("Escape")
    page.get_by_label("Search names").fill("caffeine")
    expect(page).to_have_url(re.compile("search=caffeine"))
    expect(page).to_have_url(re.compile("state="))
    page.reload()
    expect(page.get_by_label("Search names")).to_have_value("caffeine")
    expect(page.get_by_role("link", name=re.compile("caffeine")).first).to_be_visible()
