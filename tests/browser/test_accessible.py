"""Accessible to all: axe on every page in both themes, no page wider than a phone or 200 % zoom."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.lab import LiveLab
from tests.browser.pages import places
from tests.browser.people import PHONE, Window

Open = Callable[..., Window]
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# A window of 1280 px at 200 % has the room of 640.
_ZOOMED = (640, 430)


def violations(page: Page, rules: list[str]) -> list[str]:
    """What axe finds wrong: the rule, and where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(f"axe.run({json.dumps({'runOnly': rules})})")
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_any_page(as_admin: Open, lab: LiveLab, scheme: str) -> None:
    window = as_admin(scheme=scheme)
    found = {}
    for place in places(lab):
        page = window.open(place.path)
        if wrong := violations(page, [*_WCAG, "best-practice"]):
            found[place.name] = wrong
    assert found == {}


def test_axe_finds_nothing_wrong_in_forms_menus_and_the_palette(as_admin: Open) -> None:
    # Without axe's own advice: it takes a dialog's header for a second one of the page.
    window = as_admin()
    page = window.open("/storage")
    page.get_by_role("button", name="Add storage").first.click()
    page.get_by_role("dialog").get_by_label("Path").wait_for()
    assert violations(page, _WCAG) == []
    page.get_by_role("radio", name="S3").check()
    page.get_by_text("More settings").click()
    page.get_by_label("Storage class").wait_for()
    assert violations(page, _WCAG) == []
    window.open("/storage")
    page.get_by_role("button", name="Details of").first.click()
    page.get_by_role("button", name="Drain").wait_for()
    assert violations(page, _WCAG) == []
    window.open("/files")
    page.get_by_role("button", name="More filters").click()
    page.get_by_text("Endings of names").wait_for()
    assert violations(page, _WCAG) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Instrument, file, ARK").wait_for()
    assert violations(page, _WCAG) == []


@pytest.mark.parametrize("size", [PHONE, _ZOOMED])
def test_no_page_is_wider_than_its_window(
    as_admin: Open, lab: LiveLab, size: tuple[int, int]
) -> None:
    window = as_admin(size=size)
    wide = {}
    for place in places(lab):
        page = window.open(place.path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            wide[place.name] = width
    assert wide == {}


# Everything that a person reads goes through the catalogue, except names and values from data
# (translate="no"), times, and what forms hold.
_UNTRANSLATED = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const parent = walker.currentNode.parentElement;
    if (!/[A-Za-z]{2,}/.test(text) || text.includes("⟦") || text.includes("⟧")) continue;
    if (parent.closest("[translate=no], time, script, style, code, svg, [hidden]")) continue;
    if (parent.closest("textarea")) continue;
    if (parent.closest("[data-pseudo-open]")) continue;
    const box = parent.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    found.push(text.slice(0, 80));
  }
  return found;
}"""


def test_every_text_goes_through_the_catalogue(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    window.page.evaluate("localStorage.setItem('streamweave-locale', 'en-XA')")
    found = {}
    for place in places(lab):
        page = window.open(place.path)
        if texts := page.evaluate(_UNTRANSLATED):
            found[place.name] = texts
    assert found == {}


# Texts of the page that do not fit into what holds them, and words that stand below each other
# because a neighbour leaves them no room.
_CUT = """() => {
  const seen = (one) => one.checkVisibility() && !one.closest("[aria-hidden=true]");
  const isCut = (one) => one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflow !== "visible";
  const texts = [...document.querySelectorAll("button, h1, h2, label, a")]
    .filter((one) => one.textContent.includes("⟦") && seen(one) && isCut(one));
  const isPhone = innerWidth < 500;
  const cells = isPhone ? [...document.querySelectorAll("td[data-label]")].filter(
    (one) => seen(one) && one.scrollWidth > one.clientWidth + 1) : [];
  const narrow = [...document.querySelectorAll("p")].filter(
    (one) => seen(one) && one.clientWidth < 90 && one.clientHeight > 90);
  return [...texts, ...cells, ...narrow].map((one) => one.textContent.slice(0, 60));
}"""


def cut_off(window: Window, paths: dict[str, str], width: int) -> dict[str, Any]:
    """What does not fit on each of some pages, in the locale of longer texts."""
    window.page.evaluate("localStorage.setItem('streamweave-locale', 'en-XA')")
    cut = {}
    for name, path in paths.items():
        page = window.open(path)
        found = page.evaluate(_CUT)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if found or wide > width:
            cut[name] = [*found, wide]
    return cut


@pytest.mark.parametrize("size", [(1280, 860), PHONE])
def test_longer_texts_are_not_cut_off(as_admin: Open, lab: LiveLab, size: tuple[int, int]) -> None:
    paths = {place.name: place.path for place in places(lab)}
    assert cut_off(as_admin(size=size), paths, size[0]) == {}


@pytest.mark.parametrize("size", [(1280, 860), PHONE])
def test_trouble_is_not_cut_off_either(as_admin: Open, lab: LiveLab, size: tuple[int, int]) -> None:
    with lab.open_conflict(f"taken_{size[0]}.csv") as copy:
        paths = {
            "overview": "/",
            "transfers": "/transfers",
            "conflicts": "/transfers?state=%5B%22conflict%22%5D",
            "transfer": f"/transfers/{copy['id']}",
            "files": "/files?state=%5B%22conflict%22%5D",
            "file": f"/files/{copy['file_id']}",
            "instrument": f"/instruments/{copy['instrument_id']}",
        }
        assert cut_off(as_admin(size=size), paths, size[0]) == {}
