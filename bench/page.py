"""The web page in a real Chromium on many files: first paint, reactions, rows, memory.

The real API process serves the built page over a catalogue in PostgreSQL. Each window begins with
an empty cache. Floors are the project's own; `missed` names those that this run did not reach. The
browser shares the machine with server and database, so under load every time is too long.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from bench import page_hands
from bench.databases import made
from bench.page_lab import PageLab, page_lab
from bench.page_windows import Chromium, Window, chromium, chromium_path, until
from bench.report import percentile, say, spread

if TYPE_CHECKING:
    from bench.__main__ import Options

ROOT = Path(__file__).resolve().parents[1]
_ROWS, _SCROLLED, _UPDATES, _SLOWER = 200_000, 2_000, 10_000, 4
_TOLD_AT_ONCE = 100
_PAGES = {"sign_in": "/sign-in", "overview": "/"}
_TALL = (2560, 1440)
FLOORS = {
    "javascript_kb": 330, "largest_paint_ms": 1500, "interaction_p95_ms": 200, "rows": 60,
    "heap_ratio": 1.2,
}  # fmt: skip


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    chromium_path()  # before anything is built and filled
    subprocess.run([sys.executable, ROOT / "scripts" / "build_page.py"], check=True)
    with made("postgresql", options.folder) as url:
        return asyncio.run(_measure(url, options))


async def _measure(url: str, options: "Options") -> dict[str, Any]:
    rows = options.rows or _ROWS
    async with page_lab(url, options.folder, rows) as lab, chromium(lab.url) as browser:
        paints = {name: await _paints(browser, name, options.rounds) for name in _PAGES}
        reactions = {
            "as_it_is": await _reactions(browser, options.rounds, 1),
            "slowed_down": await _reactions(browser, options.rounds, _SLOWER),
        }
        scrolled = await _scroll(browser, min(_SCROLLED, rows))
        memory = await _memory(browser, lab, options.updates or _UPDATES)
        chromium_version = browser.version
    found = {
        "rows": rows,
        "slow_down": _SLOWER,
        **paints,
        "interactions": reactions,
        "scrolling": scrolled,
        "live": memory,
    }
    return found | {"floors": FLOORS, "missed": missed(found), "chromium": chromium_version,
                    "playwright": version("playwright")}  # fmt: skip


def missed(found: dict[str, Any]) -> list[str]:
    """Name the floors that were not reached."""
    figures = {
        **{f"{name} javascript_kb": found[name]["javascript_kb"] for name in _PAGES},
        **{
            f"{name} largest_paint_ms": found[name]["slowed_down"]["largest_paint_ms"]["median"]
            for name in _PAGES
        },
        "interaction_p95_ms": found["interactions"]["as_it_is"]["p95_ms"],
        **{f"{name} rows": one["most_rows"] for name, one in found["scrolling"].items()},
        **{f"{name} heap_ratio": one["ratio"] for name, one in found["live"]["heap"].items()},
    }
    return [name for name, figure in figures.items() if figure > FLOORS[name.split()[-1]]]


async def _paints(browser: Chromium, name: str, rounds: int) -> dict[str, Any]:
    """First and largest paint with an empty cache, as the machine is and slowed down, in turn."""
    found: dict[int, list[dict[str, Any]]] = {1: [], _SLOWER: []}
    for _ in range(rounds):
        for times, figures in found.items():
            async with browser.window(signed_in=name != "sign_in") as window:
                await window.slow_down(times)
                await window.count_cpu()
                await window.open(_PAGES[name])
                cpu = await window.cpu_ms()
                seen = await window.seen()
                await window.see_all()
                figures.append(seen | {"scripts": await window.scripts(), "cpu": cpu})
    say(f"{name} is painted.")
    every = [*found[1], *found[_SLOWER]]
    before = [_loaded(one["scripts"], one["largest"]) for one in every]
    last = every[-1]["scripts"]
    return {
        "javascript_kb": max(before),
        "javascript_before_first_paint_kb": max(_loaded(o["scripts"], o["first"]) for o in every),
        "javascript_in_all_kb": _loaded(last, float("inf")),
        "scripts": len(last),
        "largest_text": every[-1]["what"],
        # It hardly depends on what else the machine does; the paints below do.
        "main_thread_cpu_ms": spread([one["cpu"] for one in found[1]]),
        "as_it_is": _times(found[1]),
        "slowed_down": _times(found[_SLOWER]),
    }


def _loaded(scripts: list[dict[str, Any]], until_ms: float) -> float:
    """Kilobytes (of 1,000) of scripts, as they came, that were there by then."""
    loaded: int = sum(one["bytes"] for one in scripts if one["ended"] <= until_ms)
    return round(loaded / 1000, 1)


def _times(figures: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "first_paint_ms": spread([one["first"] for one in figures]),
        "largest_paint_ms": spread([one["largest"] for one in figures]),
    }


async def _reactions(browser: Chromium, rounds: int, times: float) -> dict[str, Any]:
    found = []
    for _ in range(rounds):
        async with browser.window() as window:
            await window.slow_down(times)
            found.append(await page_hands.interactions(window))
    say(f"Pressed, typed and chosen, {times} x slower.")
    return page_hands.summary(found)


async def _scroll(browser: Chromium, rows: int) -> dict[str, Any]:
    found = {}
    async with browser.window() as window:
        found["desk"] = await page_hands.most_rows(window, rows, dense=False)
    async with browser.window(size=_TALL) as window:  # as many rows as a large screen shows
        found["dense_on_a_tall_screen"] = await page_hands.most_rows(window, rows, dense=True)
    say("Scrolled.")
    return found


class _Ear:
    """What a window was told by the stream of live events."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.told: Counter[str] = Counter()
        window.cdp.on("Network.eventSourceMessageReceived", self._on_event)

    def _on_event(self, event: dict[str, Any]) -> None:
        self.told[event["eventName"]] += 1


async def _memory(browser: Chromium, lab: PageLab, updates: int) -> dict[str, Any]:
    """Heap after a tenth of the changes and after all of them, in two windows that hear them."""
    async with contextlib.AsyncExitStack() as stack:
        ears = {}
        for name, path in (("overview", "/"), ("files", "/files")):
            window = await stack.enter_async_context(browser.window())
            ears[name] = _Ear(window)
            await window.cdp.send("Network.enable")
            await window.open(path)
        for name, ear in ears.items():
            await until(lambda ear=ear: ear.told["hello"], f"the stream of {name}")
        heaps: dict[int, dict[str, int]] = {}
        seconds: list[float] = []
        for mark in (max(1, updates // 10), updates):
            seconds += await _hear(lab, list(ears.values()), mark)
            heaps[mark] = {name: await ear.window.heap_bytes() for name, ear in ears.items()}
            say(f"{mark:,} changes were heard.")
    first, last = heaps.values()
    return {
        "updates": list(heaps),
        "resyncs": sum(ear.told["resync"] for ear in ears.values()),
        "heard_after_seconds": {
            "p50": round(percentile(seconds, 0.5), 3), "p95": round(percentile(seconds, 0.95), 3)
        },
        "heap": {
            name: {
                "mib": [round(one / 2**20, 2) for one in (first[name], last[name])],
                "ratio": round(last[name] / first[name], 3),
            }
            for name in ears
        },
    }  # fmt: skip


async def _hear(lab: PageLab, ears: list[_Ear], until_told: int) -> list[float]:
    """Commit changes until each ear was told of so many; how long each lot took to be heard."""
    seconds = []
    while (told := min(ear.told["change"] for ear in ears)) < until_told:
        lot = min(_TOLD_AT_ONCE, until_told - told)
        wanted = [ear.told["change"] + lot for ear in ears]
        began = monotonic()
        await lab.tell(lot)
        await until(
            lambda wanted=wanted: all(
                ear.told["change"] >= number for ear, number in zip(ears, wanted, strict=True)
            ),
            f"{lot} changes of which {until_told} were wanted",
            30,
        )
        seconds.append(monotonic() - began)
    return seconds
