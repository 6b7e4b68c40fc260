"""What a person does in a window of the page: press, type, choose, walk through rows, scroll."""

from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from playwright.async_api import Page

from bench.page_windows import PATIENCE_MS, Window
from bench.report import percentile

_WHEEL_PIXELS = 900
_SCROLL_SECONDS = 300.0
_LAST_ROW = """() => Math.max(-1, ...[...document.querySelectorAll("tr[data-index]")]
  .map((row) => Number(row.dataset.index)))"""


async def interactions(window: Window) -> dict[str, Any]:
    """Do all of it once; how long the browser says that each took until its next paint."""
    await window.open("/")
    await window.forget()
    began: list[tuple[float, str]] = []
    async for name in _steps(window):
        await window.settle()
        began.append((await window.now(), name))
    seen = (await window.seen())["interactions"].values()
    took = [float(one["ms"]) for one in seen]
    if not took:
        raise RuntimeError("The browser told of no interaction: nothing was measured.")
    slowest = {
        name: max((one["ms"] for one in seen if _step_of(one["at"], began) == name), default=0)
        for _, name in began
    }
    return {"took": took, "slowest": {k: v for k, v in slowest.items() if v}}


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """What the rounds say together. What took less than 16 ms is told by no browser."""
    took = [ms for one in rounds for ms in one["took"]]
    steps = {name for one in rounds for name in one["slowest"]}
    slowest = {name: max(one["slowest"].get(name, 0) for one in rounds) for name in steps}
    ordered = sorted(slowest, key=lambda name: slowest[name], reverse=True)
    return {
        "interactions_told": len(took),
        "p50_ms": percentile(took, 0.5),
        "p95_ms": percentile(took, 0.95),
        "highest_ms": max(took),
        "slowest": {name: slowest[name] for name in ordered[:5]},
    }


def _step_of(at: float, began: list[tuple[float, str]]) -> str:
    """The step that was under way: a name is noted when its step is over."""
    return next((name for ended, name in began if at <= ended), "")


async def _steps(window: Window) -> AsyncIterator[str]:
    """Each step, and then its name."""
    page = window.page
    async for name in _palette(page):
        yield name
    await page.get_by_role("navigation").first.get_by_role("link", name="Files").click()
    await page.locator("tr[data-index]").first.wait_for()
    yield "go to the files"
    search = page.get_by_role("textbox", name="Search names")
    await search.press_sequentially("file 12", delay=40)
    yield "type in the search filter"
    await search.press("Control+a")
    await search.press("Delete")
    yield "clear the search filter"
    for label in ("Status", "Instrument", "More filters"):
        button = page.get_by_role("search").get_by_role("button", name=label)
        await button.click()
        yield f"open the filter {label}"
        if label == "Status":
            await page.get_by_role("checkbox", name="Available").click()
            yield "choose a status"
        await page.keyboard.press("Escape")
        yield f"close the filter {label}"
    async for name in _rows(page):
        yield name


async def _palette(page: Page) -> AsyncIterator[str]:
    await page.keyboard.press("Control+k")
    field = page.get_by_placeholder("Instrument, file, ARK, page or action").last
    await field.wait_for()
    yield "open the palette"
    await field.press_sequentially("lab 1", delay=40)
    yield "type in the palette"
    await page.keyboard.press("Escape")
    await field.wait_for(state="hidden")
    yield "close the palette"


async def _rows(page: Page) -> AsyncIterator[str]:
    await page.locator("tr[data-index='0']").focus()
    for key, times in (("ArrowDown", 12), ("PageDown", 6), ("ArrowUp", 6), ("Home", 1), ("End", 1)):
        for _ in range(times):
            await page.keyboard.press(key)
        yield f"{key} in the rows"
    await page.keyboard.press("Home")
    await page.locator("tr[data-index='1'] td").last.click()
    await page.wait_for_url("**/files/*")
    yield "open a file"
    await page.go_back()
    await page.locator("tr[data-index]").first.wait_for()
    yield "go back"


async def most_rows(window: Window, rows: int, *, dense: bool) -> dict[str, int]:
    """Scroll the list of files by the wheel through so many; the most that stood in the page."""
    await window.open("/files")
    if dense:
        await window.page.evaluate("() => localStorage.setItem('streamweave-dense', 'true')")
        await window.open("/files")
    await window.page.locator("tr[data-index]").first.hover(timeout=PATIENCE_MS)
    await window.forget()
    deadline = monotonic() + _SCROLL_SECONDS
    last = -1
    while last < rows - 1:
        if monotonic() > deadline:
            raise TimeoutError(f"{_SCROLL_SECONDS:.0f} s of scrolling came to row {last + 1} only.")
        await window.page.mouse.wheel(0, _WHEEL_PIXELS)
        await window.painted()
        last = int(await window.page.evaluate(_LAST_ROW))
    return {"scrolled_rows": last + 1, "most_rows": int((await window.seen())["rows"])}
