"""When something is wrong, the page says what, what to do, and gets well by itself."""

import re
from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.lab import LiveLab
from tests.browser.people import Window

Open = Callable[..., Window]


def test_a_broken_server_is_told_with_a_remedy_and_retried(as_admin: Open) -> None:
    window = as_admin()
    page = window.page
    page.route(
        "**/api/runs?**",
        lambda route: route.fulfill(status=502, body="<html>Bad Gateway</html>"),
    )
    page.goto(f"{window.url}/runs")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("could not be read", timeout=90_000)
    expect(alert).to_contain_text("Try again")
    page.unroute("**/api/runs?**")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("tr[data-index='0']")).to_be_visible()


def test_a_slow_server_shows_the_outline_and_then_the_page(as_admin: Open) -> None:
    window = as_admin()
    page = window.page
    held: list[Route] = []
    page.route("**/api/files?**", lambda route: held.append(route))
    page.goto(f"{window.url}/files")
    expect(page.locator(".mantine-Skeleton-root").first).to_be_visible()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    for route in held:
        route.continue_()
    page.unroute("**/api/files?**")
    expect(page.locator("tr[data-index='0']")).to_be_visible()


def test_an_ended_session_asks_again_and_keeps_what_was_typed(as_admin: Open, lab: LiveLab) -> None:
    window = as_admin()
    page = window.open("/storage")
    page.get_by_role("button", name="Add storage").first.click()
    page.get_by_role("textbox", name="Name").fill("Second archive")
    window.context.clear_cookies(name=re.compile("session"))
    page.get_by_role("textbox", name="Path").fill("/nowhere/at/all")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    ask = page.get_by_role("dialog", name="Your session has ended")
    ask.get_by_role("textbox", name="Password").fill(lab.password)
    ask.get_by_role("button", name="Sign in").click()
    expect(ask).to_have_count(0)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Second archive")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert").first).to_contain_text("STREAMWEAVE_LOCAL_ROOTS")


def test_a_lost_network_is_shown_and_heals(as_admin: Open) -> None:
    window = as_admin()
    page = window.open("/instruments")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    window.context.set_offline(True)
    # An open stream may outlive the cut in the browser: the page asks, and notices.
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    expect(page.get_by_text("Reconnecting", exact=True)).to_be_visible(timeout=180_000)
    window.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=180_000)


def test_a_form_says_how_to_fix_a_field_when_it_is_left(as_admin: Open) -> None:
    page = as_admin().open("/instruments/new")
    name = page.get_by_role("textbox", name="Short name")
    name.fill("Not A Slug")
    name.blur()
    expect(page.get_by_text("Small letters, digits and single hyphens only.")).to_be_visible()
    expect(name).to_have_value("Not A Slug")
