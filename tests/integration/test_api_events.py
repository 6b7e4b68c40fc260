"""Live events: what one may see, at once, none missed, few when many."""

import asyncio
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from app.auth.tokens import hash_token
from app.clock import utcnow
from app.harvest.store.news import tell
from app.models import ApiToken, Grant, Outbox, User
from app.services import live
from app.services.background import run_background
from app.services.outbox import dispatch
from tests.integration.api_fixtures import Api
from tests.integration.event_stream import listen

pytest_plugins = ("tests.integration.api_fixtures",)


async def _tell(api: Api, topic: str, instrument: dict[str, Any] | None, **payload: Any) -> None:
    instrument_id = uuid.UUID(instrument["id"]) if instrument else None
    await api.database.run(lambda s: tell(s, topic, instrument_id, **payload))


async def _dispatch(api: Api) -> None:
    while await api.database.run(dispatch):
        pass
    api.app.state.live.ring()


async def _grant(api: Api, user: User, instrument: dict[str, Any]) -> None:
    path = f"/api/instruments/{instrument['id']}/users/{user.id}"
    assert (await api.admin.put(path)).status_code == 200


async def _admin_token(api: Api) -> str:
    _, token = await api.make_user(f"{uuid.uuid4().hex[:6]}@lab.example", admin=True)
    return token


async def test_an_edit_is_heard_by_an_admin_with_the_number_to_resume_from(api: Api) -> None:
    instrument = await api.make_instrument()
    await _dispatch(api)
    async with listen(api.app, await _admin_token(api)) as stream:
        hello = await stream.next()
        assert hello is not None and (hello.name, hello.id) == ("hello", str(hello.data["seq"]))
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        await api.admin.post(f"/api/instruments/{instrument['id']}/pause")
        await _dispatch(api)
        event = await stream.next()
        assert event is not None
        assert event.data == {"kind": "instrument.paused", "instrument_id": instrument["id"]}
        assert event.id == str(hello.data["seq"] + 1)


async def test_somebody_hears_of_their_instruments_and_of_nothing_else(api: Api) -> None:
    mine, other = await api.make_instrument(), await api.make_instrument("other")
    user, token = await api.make_user("ada@lab.example")
    await _grant(api, user, mine)
    await _dispatch(api)
    async with listen(api.app, token) as stream:
        assert (await stream.next()).name == "hello"  # type: ignore[union-attr]
        await _tell(api, "copy.available", other, copy_id="c1")
        await _tell(api, "storage.held", None, storage_id="s1")
        await _tell(api, "copy.available", mine, copy_id="c2", secret="x")
        await _dispatch(api)
        event = await stream.next()
        assert event is not None
        assert event.data == {
            "kind": "copy.available", "instrument_id": mine["id"], "copy_id": "c2"
        }  # fmt: skip


async def test_a_new_right_and_a_lost_one_make_the_page_read_again(api: Api) -> None:
    instrument = await api.make_instrument()
    user, token = await api.make_user("ada@lab.example")
    async with listen(api.app, token) as stream:
        await stream.next()
        await _grant(api, user, instrument)
        await _dispatch(api)
        assert (await stream.next()).name == "resync"  # type: ignore[union-attr]
        async with api.database.write() as session:
            await session.execute(delete(Grant))
        await _tell(api, "copy.available", instrument, copy_id="c1")
        await _dispatch(api)
        heard = await stream.next()
        assert heard is not None and heard.name == "resync", "never the row itself"


async def test_who_comes_back_hears_what_was_missed(api: Api) -> None:
    instrument = await api.make_instrument()
    await _dispatch(api)
    token = await _admin_token(api)
    async with listen(api.app, token) as stream:
        hello = await stream.next()
        assert hello is not None
    for number in range(3):
        await _tell(api, "copy.available", instrument, copy_id=f"c{number}")
    await _dispatch(api)
    for last, query in ((hello.id, ""), (None, f"after={hello.id}")):
        async with listen(api.app, token, last=last, query=query) as stream:
            again = await stream.next()
            assert again is not None and again.name == "hello"
            heard = [await stream.next() for _ in range(3)]
            assert [one.data["copy_id"] for one in heard if one] == ["c0", "c1", "c2"]
            assert [int(one.id or 0) for one in heard if one] == [
                hello.data["seq"] + n for n in (1, 2, 3)
            ]


@pytest.mark.parametrize("last", ["999999", "0", "nonsense", "-1"])
async def test_a_number_that_is_unknown_or_pruned_makes_the_page_read_again(
    api: Api, last: str
) -> None:
    instrument = await api.make_instrument()
    await _tell(api, "copy.available", instrument)
    await _dispatch(api)
    async with api.database.write() as session:
        first = (await session.scalars(select(Outbox).order_by(Outbox.seq).limit(1))).one()
        await session.execute(delete(Outbox).where(Outbox.seq == first.seq))
    async with listen(api.app, await _admin_token(api), last=last) as stream:
        hello, resync = await stream.next(), await stream.next()
        assert hello is not None and resync is not None
        assert (hello.name, resync.name) == ("hello", "resync")
        assert resync.id == str(hello.data["seq"])
        await _tell(api, "copy.failed", instrument, code="storage_full", state="retry_wait")
        await _dispatch(api)
        assert (await stream.until(kind="copy.failed", error_code="storage_full")).id


async def test_ten_thousand_changes_are_a_few_events(api: Api) -> None:
    instrument = await api.make_instrument()
    await _dispatch(api)
    rows = [
        {
            "id": uuid.uuid4(),
            "topic": "copy.available",
            "instrument_id": uuid.UUID(instrument["id"]),
            "payload": {"copy_id": str(number), "size_bytes": 2},
            "created_at": utcnow(),
        }
        for number in range(10_000)
    ]
    async with listen(api.app, await _admin_token(api)) as stream:
        await stream.next()
        async with api.database.write() as session:
            await session.execute(Outbox.__table__.insert(), rows)  # type: ignore[attr-defined]
        await _dispatch(api)
        count = events = size = 0
        while count < 10_000:
            event = await stream.next()
            assert event is not None and event.name == "change"
            events, count = events + 1, count + event.data.get("count", 1)
            size += event.data["size_bytes"]
        assert events <= 40
        assert size == 20_000


async def test_who_reads_too_slowly_reads_everything_again(api: Api) -> None:
    listener = live.Listener(b"t")
    for number in range(500):
        listener.position = number
        listener.put([live.Sent("change", number, {})])
    first = await listener.next(0)
    assert first is not None and first.event == "resync"
    assert len(listener.waiting) <= 200


@pytest.mark.parametrize("how", ["revoked", "expired", "inactive"])
async def test_the_end_of_a_session_ends_the_stream(
    api: Api, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_ACCESS_SECONDS", 0.1)
    user, token = await api.make_user("ada@lab.example")
    mine = ApiToken.token_hash == hash_token(token)
    async with listen(api.app, token) as stream:
        await stream.next()
        async with api.database.write() as session:
            if how == "revoked":
                await session.execute(delete(ApiToken).where(mine))
            elif how == "expired":
                await session.execute(update(ApiToken).where(mine).values(expires_at=utcnow()))
            else:
                await session.execute(
                    update(User).where(User.__table__.c.id == user.id).values(is_active=False)
                )
        event = await stream.next()
        assert event is not None and event.name == "signed_out"
        assert await stream.next() is None


async def test_a_heartbeat_comes_when_nothing_happens(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.events.HEARTBEAT_SECONDS", 0.05)
    _, token = await api.make_user("ada@lab.example")
    async with listen(api.app, token) as stream:
        await stream.next()
        event = await stream.next()
        assert event is not None and event.name == "heartbeat"


async def test_other_processes_news_are_heard_within_a_second(api: Api) -> None:
    instrument = await api.make_instrument()
    await _dispatch(api)
    async with listen(api.app, await _admin_token(api)) as stream:
        await stream.next()
        await _tell(api, "run.started", instrument, run_id="r1", state="live")
        await api.database.run(dispatch)  # and nobody rings
        began = time.monotonic()
        await stream.until(kind="run.started", run_id="r1", state="live")
        assert time.monotonic() - began < 1.0


async def test_nobody_hears_nothing(api: Api) -> None:
    assert (await api.anonymous.get("/api/events")).status_code == 401


async def test_an_edit_is_heard_within_a_second_of_its_commit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = await api.make_instrument()
    monkeypatch.setenv("STREAMWEAVE_PREFECT_API_URL", "http://127.0.0.1:9/api")
    stop = asyncio.Event()
    running = asyncio.create_task(
        run_background(api.database, api.settings, stop, api.app.state.live.ring)
    )
    try:
        async with listen(api.app, await _admin_token(api)) as stream:
            await stream.next()
            took = []
            for action in ("pause", "resume") * 3:
                await api.admin.post(f"/api/instruments/{instrument['id']}/{action}")
                began = time.monotonic()
                await stream.until(kind=f"instrument.{action}d", instrument_id=instrument["id"])
                took.append(time.monotonic() - began)
        assert sorted(took)[3] < 1.0, took
    finally:
        stop.set()
        await running


async def test_who_comes_while_news_is_read_misses_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = await api.make_instrument()
    await _dispatch(api)
    reading, go_on = asyncio.Event(), asyncio.Event()
    look = live.Live._look

    async def slow_look(self: live.Live, *, access_is_old: bool) -> bool:
        ask = self._database.ask

        async def slow_ask(work: Any) -> Any:
            answer = await ask(work)
            if isinstance(answer, tuple) and answer[0] and not reading.is_set():
                reading.set()
                await go_on.wait()
            return answer

        monkeypatch.setattr(self._database, "ask", slow_ask)
        try:
            return await look(self, access_is_old=access_is_old)
        finally:
            monkeypatch.setattr(self._database, "ask", ask)

    first, second = await _admin_token(api), await _admin_token(api)
    async with listen(api.app, first) as early:
        await early.next()
        monkeypatch.setattr(live.Live, "_look", slow_look)
        await _tell(api, "copy.available", instrument, copy_id="c1")
        await _dispatch(api)
        await reading.wait()
        async with listen(api.app, second) as late:
            hello = await late.next()
            assert hello is not None and hello.name == "hello"
            go_on.set()
            assert (await late.until(copy_id="c1")).id == str(hello.data["seq"] + 1)
            await early.until(copy_id="c1")
