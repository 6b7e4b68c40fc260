"""What WebDAV servers may answer and those at hand do not: long pages, lost answers, early ends."""

import asyncio
from collections.abc import Callable

import pytest

from app.errors import StreamWeaveError
from app.transfers.file_server import ServerAddress
from app.transfers.webdav import WebdavFiles
from tests.integration.test_kept_http import listening

MULTI = (
    b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/</D:href><D:propstat>'
    b"<D:prop><D:getcontentlength>10</D:getcontentlength></D:prop>"
    b"<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
)
Said = Callable[[bytes, bytes], bytes | None]  # of method and path


def answer(status: int, body: bytes = b"", length: int | None = None) -> bytes:
    said = len(body) if length is None else length
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, said, body)


def peer_of(says: Said):  # type: ignore[no-untyped-def]
    """A server that takes whole requests and ends the connection where it is told nothing."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = [int(x[15:]) for x in head.split(b"\r\n") if x.startswith(b"Content-Length:")]
            await reader.readexactly(size[0] if size else 0)
            method, path = head.split(b" ", 2)[:2]
            said = says(method, path)
            if said is None:
                return
            writer.write(said)

    return peer


def files_at(port: int) -> WebdavFiles:
    return WebdavFiles(
        ServerAddress(url=f"http://127.0.0.1:{port}/", username="u", secret="s", timeout_seconds=5)
    )


@pytest.mark.parametrize("page", [answer(401, bytes(2 << 20)), answer(401, b"half", 200)])
async def test_a_refused_log_on_is_heard_however_long_its_page(page: bytes) -> None:
    async with listening(peer_of(lambda _m, _p: page)) as port:
        files = files_at(port)
        for _ in range(2):
            with pytest.raises(StreamWeaveError) as raised:
                await files.stat(b"a")
            assert raised.value.code == "storage_logon_failed"
        await files.close()


@pytest.mark.parametrize("stands", [True, False])
async def test_a_move_whose_answer_was_lost_is_looked_after(stands: bool) -> None:
    moves = []

    def says(method: bytes, _path: bytes) -> bytes | None:
        if method == b"MOVE":
            moves.append(method)
            return None if len(moves) == 1 else answer(404)  # done the first time
        return answer(207, MULTI) if stands or not moves else answer(404)

    async with listening(peer_of(says)) as port:
        files = files_at(port)
        await files.stat(b"old")
        if stands:
            assert await files.rename_if_free(b"old", b"new") is None  # content decides then
        else:
            with pytest.raises(StreamWeaveError) as raised:
                await files.rename_if_free(b"old", b"new")
            assert raised.value.code == "storage_object_missing"
        await files.close()


async def test_no_more_is_sent_than_was_promised() -> None:
    requests: list[tuple[bytes, bytes]] = []

    def says(method: bytes, path: bytes) -> bytes:
        requests.append((method, path))
        return answer(201) if method == b"PUT" else answer(207, MULTI)

    async with listening(peer_of(says)) as port:
        files = files_at(port)
        writing = await files.create(b"a", 10)
        for _ in range(3):
            await writing.write(b"1234567")  # the file grows while it is read
        await writing.finish(0)
        await files.close()
    assert {method for method, _ in requests} == {b"PUT", b"PROPFIND"}
    assert [path for method, path in requests if method == b"PUT"] == [b"/a", b"/a"]


async def test_a_host_that_is_no_name_is_unknown() -> None:
    files = WebdavFiles(ServerAddress(url="http://a..b/", username="u", secret="s"))
    with pytest.raises(StreamWeaveError) as raised:
        await files.stat(b"a")
    assert raised.value.code == "storage_host_unknown"
