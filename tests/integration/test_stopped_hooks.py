"""A hook whose receiver wants no more stops, says why, and goes on when a person has looked."""

import base64
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from app.hooks.runner import HookRunner
from app.models import CopyState, Hook, HookRun, HookTask
from app.services.downloads import Sender
from app.services.hook_posting import PostHooks, PostSettings
from app.services.hook_reading import Reading, Room
from app.services.storages import StorageOpener, Writer
from tests.integration.api_fixtures import Api
from tests.integration.receiver import LOOPBACK, Receiver, Reply, receiving

pytest_plugins = ("tests.integration.api_fixtures",)

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


@pytest.fixture
def gone() -> Iterator[Receiver]:
    """A receiver that wants no more at once, and would take what comes then."""
    with receiving(Reply(410), Reply(200)) as receiver:
        yield receiver


async def _ask(api: Api) -> None:
    """Ask what is due, as a worker that starts does."""
    opener = StorageOpener(api.database, api.settings, Writer("check000", "w"))
    room = Room(api.settings.data / "room", 1000)
    reading = Reading(api.database, Sender(api.database, opener), room)
    post = PostHooks(reading, HookRunner(None), api.app.state.vault, PostSettings("w", ["main"]))
    try:
        with room.opened():
            await post.drain()
    finally:
        await post.stop()
        await opener.close()


async def _states(api: Api) -> list[tuple[str, str | None]]:
    async with api.database.read() as session:
        rows = await session.execute(
            select(HookTask.state, HookTask.error_code).order_by(HookTask.id)
        )
        return [(state, code) for state, code in rows.all()]


async def test_a_webhook_whose_receiver_is_gone_posts_no_more_until_somebody_looked(
    api: Api, gone: Receiver
) -> None:
    storage, instrument = await api.make_storage(), await api.make_instrument()
    config = {"url": gone.url, "secrets": [SECRET], **LOOPBACK}
    hook = await api.make("hooks", name="tell them", hook="webhook", config=config)
    where = f"/api/hooks/{hook['id']}"
    for path in ("a.raw", "b.raw"):
        await api.make_file(instrument["id"], storage["id"], path, state=CopyState.AVAILABLE)
    replay = {"hook_id": hook["id"]}
    assert (await api.admin.post("/api/hook-runs/replay", json=replay)).json()["asked"] == 2
    for _ in range(2):  # also a worker that starts anew
        await _ask(api)
    assert len(gone.requests) == 1
    assert await _states(api) == [("waiting", "hook_stopped"), ("waiting", None)]
    read = await api.admin.get(where)
    assert read.json()["enabled"] and read.json()["stopped_at"]
    assert "410 Gone" in read.json()["stopped_reason"]

    # It is shown as what needs a person, in the log and in the audit trail.
    needs = (await api.admin.get("/api/overview")).json()["needs_you"]
    (need,) = [one for one in needs if one["kind"] == "hook_stopped"]
    assert need["name"] == "tell them" and "410 Gone" in need["sentence"] and need["remedy"]
    (run,) = (await api.admin.get("/api/hook-runs?outcome=failed")).json()["items"]
    assert (run["error_code"], bool(run["remedy"])) == ("hook_stopped", True)
    events = (await api.admin.get("/api/audit?action=hook.stopped")).json()["items"]
    assert [one["subject"] for one in events] == [f"hook:{hook['id']}"]
    refused = (await api.admin.post("/api/hook-runs/replay", json=replay)).json()
    assert "stopped itself" in refused["errors"][0]["detail"]

    # Another name is no reason to go on; to switch it on is, and nothing was lost.
    tag = {"If-Match": read.headers["ETag"]}
    named = await api.admin.patch(where, json={"name": "tell"}, headers=tag)
    assert "410 Gone" in named.json()["stopped_reason"]
    tag = {"If-Match": named.headers["ETag"]}
    on = await api.admin.patch(where, json={"enabled": True}, headers=tag)
    assert (on.status_code, on.json()["stopped_reason"]) == (200, None)
    await _ask(api)
    assert len(gone.requests) == 3
    assert await _states(api) == [("done", None), ("done", None)]


async def test_a_configuration_that_is_saved_again_lets_it_go_on(api: Api) -> None:
    config = {"url": "https://example.org", "secrets": [SECRET]}
    hook = await api.make("hooks", name="tell them", hook="webhook", config=config)
    async with api.database.write() as session:
        await session.execute(update(Hook).values(stopped_reason="Gone."))
    saved = await api.admin.patch(
        f"/api/hooks/{hook['id']}", json={"config": config}, headers={"If-Match": '"r1"'}
    )
    assert (saved.status_code, saved.json()["stopped_reason"]) == (200, None)
    async with api.database.read() as session:
        assert list(await session.scalars(select(HookRun))) == []
