"""What the browser tests share: one live laboratory and one Chromium a test process."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import people
from tests.browser.lab import LiveLab, live_lab

expect.set_options(timeout=90_000)  # a busy machine answers late; how fast it is tells `bench`


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all; a machine without Chromium says so loudly."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: its loop runs in this thread, where others' tests need their own."""
    if people.chromium_path() is None:
        pytest.skip("Chromium is not installed: sh scripts/install-system-packages.sh")
    with sync_playwright() as playwright:
        browser = people.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLab]:
    # One after the other: two that start at once would look for free ports at the same time.
    with contextlib.ExitStack() as stack:
        with (tmp_path_factory.getbasetemp().parent / "live-lab.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lab = stack.enter_context(live_lab(tmp_path_factory.mktemp("live") / "demo"))
        yield lab


@pytest.fixture
def as_admin(browser: Browser, lab: LiveLab) -> Iterator[Callable[..., people.Window]]:
    yield from _windows(browser, lab, people.admin)


@pytest.fixture
def as_scientist(browser: Browser, lab: LiveLab) -> Iterator[Callable[..., people.Window]]:
    yield from _windows(browser, lab, people.scientist)


def _windows(
    browser: Browser, lab: LiveLab, person: Callable[..., people.Window]
) -> Iterator[Callable[..., people.Window]]:
    opened: list[people.Window] = []

    def open_window(**options: Any) -> people.Window:
        opened.append(person(browser, lab, **options))
        return opened[-1]

    yield open_window
    for window in opened:
        window.close()
