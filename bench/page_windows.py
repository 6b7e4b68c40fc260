"""Windows of a real Chromium that measure what happens in them, without touching the page's code.

What is watched is put in by the browser before the page's own scripts, as its policy allows no
others: paints, interactions (Event Timing), and the rows of a table that stand in the document.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright, expect

from bench.page_lab import ADMIN, PASSWORD

PATIENCE_MS = 60_000.0
DESK = (1280, 860)
_WATCH = """(() => {
  const seen = { first: 0, largest: 0, what: "", interactions: {}, rows: 0 };
  window.streamweaveBench = seen;
  const watch = (type, note, options) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note))
      .observe({ type, buffered: true, ...options });
  watch("paint", (entry) => {
    if (entry.name === "first-contentful-paint") seen.first = entry.startTime;
  });
  watch("largest-contentful-paint", (entry) => {
    seen.largest = entry.startTime;
    seen.what = (entry.element?.textContent ?? entry.url ?? "").slice(0, 60);
  });
  watch("event", (entry) => {
    if (!entry.interactionId) return;
    const known = seen.interactions[entry.interactionId] ?? { ms: 0, at: entry.startTime };
    known.ms = Math.max(known.ms, entry.duration);
    seen.interactions[entry.interactionId] = known;
  }, { durationThreshold: 16 });
  new MutationObserver(() => {
    seen.rows = Math.max(seen.rows, document.querySelectorAll("tr[data-index]").length);
  }).observe(document, { childList: true, subtree: true });
})()"""
_NEXT_PAINTS = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"""
_SCRIPTS = """() => performance.getEntriesByType("resource")
  .filter((one) => new URL(one.name).pathname.endsWith(".js"))
  .map((one) => ({ name: new URL(one.name).pathname, bytes: one.encodedBodySize,
                   began: one.startTime, ended: one.responseEnd }))"""


class ChromiumMissing(RuntimeError):
    """No Chromium on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "This bench looks at the page with Chromium, and there is none on the PATH. "
            "Install it: sh scripts/install-system-packages.sh"
        )


def chromium_path() -> str:
    """Return the system's Chromium.

    Raises:
        ChromiumMissing: there is none.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise ChromiumMissing
    return found


@dataclass
class Window:
    """A window with an empty cache."""

    url: str
    page: Page
    cdp: CDPSession
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go there and wait until everything of it is shown."""
        await self.page.goto(f"{self.url}{path}")
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is an outline any more, and painted."""
        await expect(self.page.locator("h1").first).to_be_visible(timeout=PATIENCE_MS)
        outlines = self.page.locator("[aria-busy=true], .mantine-Skeleton-root")
        await expect(outlines).to_have_count(0, timeout=PATIENCE_MS)
        await self.painted()

    async def painted(self) -> None:
        """Wait for two frames, and for what their observers were told."""
        await self.page.evaluate(_NEXT_PAINTS)

    async def slow_down(self, times: float) -> None:
        """Let its processor be so many times slower."""
        await self.cdp.send("Emulation.setCPUThrottlingRate", {"rate": times})

    async def seen(self) -> dict[str, Any]:
        """What was watched since the document began."""
        await self.painted()
        found: dict[str, Any] = await self.page.evaluate("() => window.streamweaveBench")
        return found

    async def forget(self) -> None:
        """Count interactions and rows anew."""
        await self.page.evaluate(
            "() => Object.assign(window.streamweaveBench, { interactions: {}, rows: 0 })"
        )

    async def see_all(self) -> None:
        """Go to the page's end: what comes when it is seen comes now."""
        await self.page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
        await self.painted()
        await self.settle()

    async def scripts(self) -> list[dict[str, Any]]:
        """The scripts that were loaded: name, bytes as they came, when each began and ended."""
        found: list[dict[str, Any]] = await self.page.evaluate(_SCRIPTS)
        return found

    async def now(self) -> float:
        """Milliseconds since the document began, by the clock of what was watched."""
        return float(await self.page.evaluate("() => performance.now()"))

    async def count_cpu(self) -> None:
        """Let the browser count what its main thread works, not what it waits for a core."""
        await self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def cpu_ms(self) -> float:
        """What the main thread has worked since then."""
        told = await self.cdp.send("Performance.getMetrics")
        return 1000 * next(
            float(one["value"]) for one in told["metrics"] if one["name"] == "TaskDuration"
        )

    async def heap_bytes(self) -> int:
        """JavaScript's heap after its garbage was collected: the lowest of three looks."""
        found = []
        for _ in range(3):
            await self.settle()
            await self.cdp.send("HeapProfiler.collectGarbage")
            found.append(int((await self.cdp.send("Runtime.getHeapUsage"))["usedSize"]))
        return min(found)


class Chromium:
    """One browser; each window has a context, so a cache, of its own."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._session: Any = None

    @property
    def version(self) -> str:
        """The browser's version."""
        return self._browser.version

    async def sign_in(self) -> None:
        """Sign in by the form once; later windows have the session."""
        async with self.window(signed_in=False) as window:
            await window.open("/sign-in")
            await window.page.get_by_label("Email").fill(ADMIN)
            await window.page.get_by_role("textbox", name="Password").fill(PASSWORD)
            await window.page.get_by_role("button", name="Sign in").click()
            overview = window.page.get_by_role("heading", name="Overview")
            await expect(overview).to_be_visible(timeout=PATIENCE_MS)
            self._session = await window.page.context.storage_state()

    @contextlib.asynccontextmanager
    async def window(
        self, *, signed_in: bool = True, size: tuple[int, int] = DESK
    ) -> AsyncIterator[Window]:
        """A window for the length of a block.

        Raises:
            RuntimeError: the page threw an error meanwhile; its figures would be of a broken page.
        """
        context: BrowserContext = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            storage_state=self._session if signed_in else None,
        )
        try:
            await context.add_init_script(_WATCH)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            window = Window(self._url, page, await context.new_cdp_session(page))
            page.on("pageerror", lambda error: window.complaints.append(str(error)))
            yield window
            if window.complaints:
                raise RuntimeError(f"The page failed: {'; '.join(window.complaints)}")
        finally:
            await context.close()


@contextlib.asynccontextmanager
async def chromium(url: str) -> AsyncIterator[Chromium]:
    """A browser with a session, for the length of a block."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            found = Chromium(browser, url)
            await found.sign_in()
            yield found
        finally:
            await browser.close()


async def until(condition: Any, what: str, seconds: float = 120.0) -> None:
    """Wait until `condition()` holds; the browser's events are heard meanwhile.

    Raises:
        TimeoutError: it did not come to be.
    """
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  the browser's events make it so
                await asyncio.sleep(0.01)
    except TimeoutError as error:
        raise TimeoutError(f"Waited {seconds:.0f} s for {what}.") from error
