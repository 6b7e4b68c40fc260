"""A ZIP of chosen files: its size told ahead, all or nothing, and only what one may see."""

import asyncio
import contextlib
import io
import json
import os
import threading
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.models import AuditEvent, FileGrant, StorageLocation, User
from app.services import selections
from app.transfers.calls import Calls
from tests.integration.test_api_downloads import BIG, Delivered, delivered, url

pytest_plugins = ("tests.integration.api_fixtures",)
__all__ = ["delivered", "url"]
SMALL = "a/small ü.txt"


def _ids(delivered: Delivered, *names: str) -> dict[str, list[str]]:
    return {"id": [str(delivered.ids[name]) for name in names]}


async def _measured(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get("/api/files/archive", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _actions(delivered: Delivered) -> list[str]:
    async with delivered.api.database.read() as session:
        query = select(AuditEvent.action).where(AuditEvent.action.like("files.arch%"))
        return list(await session.scalars(query.order_by(AuditEvent.id)))


def _names(content: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {one.rpartition("/")[2] for one in archive.namelist()}


async def test_just_the_named_files_come_and_their_size_was_told(delivered: Delivered) -> None:
    named = _ids(delivered, SMALL, "big.raw", SMALL)
    told = await _measured(delivered.api.admin, **named)
    answer = await delivered.api.admin.get("/api/files.zip", params=named)
    assert _names(answer.content) == {"big.raw", "small ü.txt", "manifest-sha256.txt"}
    assert told == {
        "files": 2, "size_bytes": len(BIG) + 5, "archive_bytes": len(answer.content),
        "left_out": 0, "more": False,
    }  # fmt: skip
    assert await _actions(delivered) == ["files.archive_begun", "files.archived"]


async def test_the_size_of_a_filter_is_told_with_what_will_be_left_out(
    delivered: Delivered,
) -> None:
    delivered.lab.write("later", b"not yet")
    await delivered.lab.engine.scan(delivered.lab.instrument)
    told = await _measured(delivered.api.admin, q="")
    answer = await delivered.api.admin.get("/api/files.zip", params={"q": ""})
    assert (told["files"], told["left_out"]) == (3, 1)
    assert told["archive_bytes"] == len(answer.content)
    assert "left-out.txt" in _names(answer.content)
    assert (await _measured(delivered.api.admin, q="big"))["size_bytes"] == len(BIG)


async def test_beyond_a_bound_a_size_is_the_least_that_it_can_be(
    delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "EXACT_TO", 2)
    told = await _measured(delivered.api.admin)
    assert (told["files"], told["more"]) == (2, True)
    answer = await delivered.api.admin.get("/api/files.zip", params={"whole": True})
    assert "Content-Length" not in answer.headers
    assert len(_names(answer.content)) == 4


async def test_all_or_nothing_tells_its_length_and_breaks_off_where_a_copy_is_gone(
    delivered: Delivered, url: str
) -> None:
    token = delivered.api.admin.headers["Authorization"]
    asked = {**_ids(delivered, "big.raw", SMALL), "whole": ["true"]}
    async with httpx.AsyncClient(headers={"Authorization": token}, base_url=url) as client:
        answer = await client.get("/api/files.zip", params=asked)
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        assert "small ü.txt" in _names(answer.content)
        delivered.at_storage(SMALL).unlink()
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/files.zip", params=asked)
        left_out = await client.get("/api/files.zip", params=_ids(delivered, "big.raw", SMALL))
        assert "left-out.txt" in _names(left_out.content)
    async with delivered.api.database.write() as session:
        later = utcnow().replace(year=utcnow().year + 1)
        await session.execute(update(StorageLocation).values(paused_until=later))
    none = await delivered.api.admin.get("/api/files.zip", params=asked)
    assert (none.status_code, none.json()["code"]) == (409, "no_proven_copy")


async def test_each_named_file_is_checked_before_a_byte_is_sent(delivered: Delivered) -> None:
    stranger = delivered.api.stranger
    async with delivered.api.database.read() as session:
        user = await session.scalar(select(User).filter_by(email="stranger@lab.example"))
        assert user is not None
    for path in ("/api/files.zip", "/api/files/archive"):
        hidden = await stranger.get(path, params=_ids(delivered, "big.raw"))
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
        anonymous = await delivered.api.anonymous.get(path, params=_ids(delivered, "big.raw"))
        assert anonymous.status_code == 401
        gone = {"id": [str(delivered.ids["big.raw"]), str(uuid.uuid4())]}
        assert (await delivered.api.admin.get(path, params=gone)).status_code == 404
        many = {"id": [str(uuid.uuid4()) for _ in range(501)]}
        assert (await delivered.api.admin.get(path, params=many)).status_code == 422
    await _let_see(delivered, user.id, "big.raw")
    seen = await stranger.get("/api/files.zip", params=_ids(delivered, "big.raw"))
    assert "big.raw" in _names(seen.content)
    mixed = await stranger.get("/api/files.zip", params=_ids(delivered, "big.raw", SMALL))
    assert mixed.status_code == 404
    assert (await _measured(stranger))["files"] == 1


async def _let_see(delivered: Delivered, user: uuid.UUID, name: str) -> None:
    async with delivered.api.database.write() as session:
        session.add(
            FileGrant(
                user_id=user,
                source_file_id=delivered.ids[name],
                hook_id=uuid.uuid4(),
                created_at=utcnow(),
            )
        )


async def test_five_hundred_ids_pass_through_a_real_server(delivered: Delivered, url: str) -> None:
    token = delivered.api.admin.headers["Authorization"]
    ids = [str(delivered.ids["empty"]), *(str(uuid.uuid4()) for _ in range(499))]
    async with httpx.AsyncClient(headers={"Authorization": token}, base_url=url) as client:
        answer = await client.get("/api/files/archive", params={"id": ids})
    assert answer.json()["code"] == "not_found"


async def test_an_archive_that_breaks_off_is_in_the_trail(delivered: Delivered, url: str) -> None:
    path = delivered.at_storage("big.raw")
    path.write_bytes(BIG[:-1] + bytes([BIG[-1] ^ 1]))
    token = delivered.api.admin.headers["Authorization"]
    async with httpx.AsyncClient(headers={"Authorization": token}, base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/files.zip", params=_ids(delivered, SMALL, "big.raw"))
    async with delivered.api.database.read() as session:
        event = (await session.scalars(select(AuditEvent).filter_by(action="files.archived"))).one()
    details = json.loads(event.canonical)["details"]
    assert (details["complete"], details["files"]) == (False, 1)


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[Calls]:
    """Calls that are made in threads, as to a mount."""
    yield Calls(tmp_path, "storage_stalled", 5.0)


async def test_who_is_cancelled_while_a_file_is_opened_leaves_no_descriptor(
    calls: Calls, tmp_path: Path
) -> None:
    target, began, go_on = tmp_path / "file", threading.Event(), threading.Event()
    target.touch()
    opened: list[int] = []

    def slow() -> int:
        began.set()
        go_on.wait(5)
        opened.append(os.open(target, os.O_RDONLY))
        return opened[0]

    task = asyncio.create_task(calls.opened(slow))
    await asyncio.to_thread(began.wait, 5)
    task.cancel()
    go_on.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
