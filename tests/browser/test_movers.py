"""A mover is chosen where a source is described; its settings are a form made of its schema."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.people import Window

Open = Callable[..., Window]


def test_a_globus_instrument_asks_for_its_collections(as_admin: Open) -> None:
    page = as_admin().open("/instruments/new")
    page.get_by_label("Protocol").first.click()
    page.get_by_role("option", name="Globus collection").click()
    expect(page.get_by_text("Settings of Globus")).to_be_visible()
    for field in ("Source collection", "Landing collection", "Landing path"):
        expect(page.get_by_label(field).first).to_be_visible()
    expect(page.get_by_label("Host", exact=True)).to_have_count(0)
    page.get_by_role("textbox", name="Name", exact=True).fill("Beamline 7")
    page.get_by_label("Source collection").first.fill("7c2f9b1e-0d5a-4f55-9a55-1b2c3d4e5f60")
    page.get_by_label("Landing path").first.fill("/landing")
    page.get_by_role("textbox", name="Short name").focus()  # leaving a field keeps it
    page.reload()
    # Nothing typed is lost.
    expect(page.get_by_label("Landing path").first).to_have_value("/landing")
    page.get_by_label("Protocol").first.click()
    page.get_by_role("option", name="SFTP").click()
    expect(page.get_by_text("Settings of Globus")).to_have_count(0)
