"""`streamweave screenshots --out DIR`: every page, light and dark, at a desk and on a phone."""

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import people
from tests.browser.lab import FreshUp, LiveLab, live_lab
from tests.browser.pages import places
from tests.browser.people import DESK, PHONE, Scheme, Window

_SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")


def main() -> int:
    """Take them; 0 when all are there."""
    parser = argparse.ArgumentParser(prog="streamweave screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the pictures go")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    parser.add_argument("--whole", action="store_true", help="the whole page, not one window of it")
    options = parser.parse_args()
    if people.chromium_path() is None:
        sys.stderr.write("Chromium is not installed: sh scripts/install-system-packages.sh\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="streamweave-pictures-") as folder,
        sync_playwright() as playwright,
        live_lab(Path(folder) / "demo") as lab,
    ):
        browser = people.launch(playwright)
        _signed_in(browser, lab, options)
        _signed_out(browser, lab.url, "sign-in", "/sign-in", options)
        if "start".startswith(options.only):
            fresh = FreshUp(Path(folder) / "fresh")
            _signed_out(browser, fresh.url, "start", "/start", options)
            fresh.close()
        browser.close()
    return 0


def _signed_in(browser: Browser, lab: LiveLab, options: argparse.Namespace) -> None:
    shown = [place for place in places(lab) if place.name.startswith(options.only)]
    for scheme in _SCHEMES:
        for size in (DESK, PHONE):
            for person in (people.admin, people.scientist):
                window = person(browser, lab, size=size, scheme=scheme)
                is_admin = person is people.admin
                for place in shown:
                    if is_admin or place.name in ("overview", "file", "instrument"):
                        window.open(place.path)
                        name = place.name if is_admin else f"{place.name}-scientist"
                        _take(window, name, size, scheme, options)
                window.context.close()


def _signed_out(
    browser: Browser, url: str, name: str, path: str, options: argparse.Namespace
) -> None:
    if not name.startswith(options.only):
        return
    for scheme in _SCHEMES:
        for size in (DESK, PHONE):
            window = Window(browser, url, size, scheme)
            window.page.goto(f"{url}{path}")
            window.settle()
            _take(window, name, size, scheme, options)
            window.context.close()


def _take(
    window: Window, name: str, size: tuple[int, int], scheme: Scheme, options: argparse.Namespace
) -> None:
    file = options.out / f"{name}-{size[0]}-{scheme}.png"
    window.page.screenshot(path=file, full_page=options.whole)
    sys.stderr.write(f"{file}\n")


if __name__ == "__main__":
    sys.exit(main())
