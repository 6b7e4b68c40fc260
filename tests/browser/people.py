"""People in front of the page: a browser window of their own, signed in."""

import re
import shutil
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser.lab import SCIENTIST, SCIENTIST_PASSWORD, LiveLab

Scheme = Literal["light", "dark"]
DESK, PHONE = (1280, 860), (390, 844)
# What a page says when something of it was broken: none of it may happen unseen.
_EXPECTED_NOISE = re.compile(r"Failed to load resource|net::ERR_")


def chromium_path() -> str | None:
    """Return the Chromium of the system, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium."""
    return playwright.chromium.launch(
        executable_path=chromium_path(), args=["--no-sandbox", "--disable-dev-shm-usage"]
    )


class Window:
    """One person's browser window; knows what the page complained about."""

    def __init__(self, browser: Browser, lab_url: str, size: tuple[int, int], scheme: Scheme):
        self.url = lab_url
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._on_console)

    def _on_console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), str(getattr(message, "text", ""))
        if kind in ("error", "warning") and not _EXPECTED_NOISE.search(text):
            self.complaints.append(text)

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by the form."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_role("textbox", name="Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible(timeout=90_000)

    def open(self, path: str) -> Page:
        """Go to a page and wait until it shows what it was asked for."""
        self.page.goto(f"{self.url}{path}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing of the page is an outline any more."""
        expect(self.page.locator("h1").first).to_be_visible(timeout=90_000)
        expect(self.page.locator("[aria-busy=true], .mantine-Skeleton-root")).to_have_count(
            0, timeout=90_000
        )

    def close(self) -> None:
        """Close it; a page that complained fails the test."""
        self.context.close()
        assert self.complaints == []


def admin(
    browser: Browser, lab: LiveLab, size: tuple[int, int] = DESK, scheme: Scheme = "light"
) -> Window:
    """The data manager's window."""
    window = Window(browser, lab.url, size, scheme)
    window.sign_in(lab.email, lab.password)
    return window


def scientist(
    browser: Browser, lab: LiveLab, size: tuple[int, int] = DESK, scheme: Scheme = "light"
) -> Window:
    """The window of a scientist who sees the UV-Vis instrument only."""
    window = Window(browser, lab.url, size, scheme)
    window.sign_in(SCIENTIST, SCIENTIST_PASSWORD)
    return window
