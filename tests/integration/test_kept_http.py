"""HTTP over kept connections: servers that end, hang, refuse early, or stand behind a proxy."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.transfers.http_answer import BrokenOffError
from app.transfers.http_way import CouldNotConnectError
from app.transfers.kept_http import KeptHttp
from tests.integration.certificates import own_authority

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def listening(peer: Peer, trusted: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a loopback port whose connections are given to `peer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await peer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trusted)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(said: bytes) -> Peer:
    """Who says this to a request, and nothing more until the other end closes the connection."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await reader.read()

    return peer


def http_at(port: int, *, seconds: float = 20.0, proxy: str | None = None) -> KeptHttp:
    return KeptHttp(
        f"http://127.0.0.1:{port}",
        timeout_seconds=seconds,
        trusted=ssl.create_default_context(),
        proxy=proxy,
    )


async def asked(
    http: KeptHttp, method: str = "GET", target: str = "/a", body: bytes = b""
) -> tuple[int, bytes]:
    async with http.ask(method, target, {"X-One": "1"}, body) as answer:
        return answer.status, await answer.whole()


async def test_one_connection_serves_many_requests() -> None:
    heads: list[bytes] = []
    connections = 0

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    async with listening(peer) as port:
        http = http_at(port)
        for _ in range(3):
            assert await asked(http) == (200, b"ok")
        http.close()
    assert connections == 1
    assert heads[0] == f"GET /a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-One: 1\r\n\r\n".encode()


async def test_a_connection_that_the_server_closed_is_made_again() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # of the second one nobody hears

    async with listening(peer) as port:
        http = http_at(port)
        for _ in range(3):
            assert await asked(http) == (200, b"ok")
        http.close()


async def test_a_server_that_ends_at_once_is_asked_once_more_by_nobody() -> None:
    connections = 0

    async def peer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")

    async with listening(peer) as port:
        with pytest.raises(BrokenOffError):
            await asked(http_at(port))
    assert connections == 1


async def test_an_answer_to_half_a_body_is_heard_and_the_connection_not_used_again() -> None:
    said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nlate"
    async with listening(saying(said)) as port:
        http = http_at(port)
        body = bytes(64 << 20)  # more than any socket keeps
        assert await asked(http, "PUT", body=body) == (403, b"late")
        assert not http._idle


@pytest.mark.parametrize("is_upload", [False, True])
async def test_what_comes_before_the_answer_ends_no_body(is_upload: bool) -> None:
    body = os.urandom(24 << 20)
    came = b""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        came = await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)

    async with listening(peer) as port:
        http = http_at(port)
        if is_upload:
            async with http.upload("/a", {}, len(body)) as upload:
                assert await upload.send(body[:5])
                assert await upload.send(body[5:])
                assert await upload.status(20) == 200
        else:
            assert await asked(http, "PUT", body=body) == (200, b"ok")
    assert came == body


async def test_a_server_that_never_comes_to_its_answer_is_given_up() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 50)
            await writer.drain()

    async with listening(peer) as port:
        with pytest.raises(BrokenOffError):
            await asked(http_at(port))


async def test_an_upload_that_is_refused_early_says_so() -> None:
    said = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(said)) as port, http_at(port).upload("/a", {}, 1 << 30) as upload:
        while await upload.send(bytes(1 << 20)):
            pass
        assert await upload.status(20) == 507


async def test_a_body_without_a_length_that_is_reset_is_not_whole() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await writer.drain()
        linger = struct.pack("ii", 1, 0)  # its end is a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with listening(peer) as port:
        with pytest.raises(BrokenOffError):
            await asked(http_at(port))


async def test_what_is_on_its_way_when_all_is_closed_breaks_off() -> None:
    async with listening(saying(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")) as port:
        http = http_at(port)
        async with http.ask("GET", "/", {}) as answer:
            http.close()
            with pytest.raises(BrokenOffError):
                await answer.whole()


async def test_a_server_s_session_is_kept_until_it_ends_it() -> None:
    heads: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (
            b"Set-Cookie: id=1; Path=/; HttpOnly\r\nSet-Cookie: node=b\r\nSet-Cookie: x=\x01\r\n",
            b"Set-Cookie: id=; Max-Age=0\r\n",
            b"",
        ):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n\r\nok")

    async with listening(peer) as port:
        http = http_at(port)
        for _ in range(3):
            assert await asked(http) == (200, b"ok")
        http.close()
    cookies = [[x for x in head.split(b"\r\n") if x.startswith(b"Cookie")] for head in heads]
    assert cookies == [[], [b"Cookie: id=1; node=b"], [b"Cookie: node=b"]]


async def test_long_uploads_keep_nobody_from_a_short_question() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            writer.write(OK)
        await reader.read()

    async with listening(peer) as port, contextlib.AsyncExitStack() as stack:
        http = KeptHttp(f"http://127.0.0.1:{port}", timeout_seconds=20, trusted=None, most=2)
        for _ in range(20):
            await stack.enter_async_context(http.upload("/a", {}, 10))
        assert await asked(http) == (200, b"ok")
        http.close()


async def test_no_value_makes_another_header() -> None:
    async with listening(lambda _r, _w: asyncio.sleep(0)) as port:
        with pytest.raises(ValueError, match="control character"):
            async with http_at(port).ask("GET", "/", {"X": "a\r\nEvil: 1"}):
                pass


async def test_a_long_body_arrives_whole() -> None:
    body = bytes(range(256)) * (20 << 10)
    came = b""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        await reader.readuntil(b"\r\n\r\n")
        came = await reader.readexactly(len(body))
        writer.write(OK)

    async with listening(peer) as port:
        assert await asked(http_at(port), "PUT", body=body) == (200, b"ok")
    assert came == body


@pytest.mark.parametrize("said", [b"", OK[:-1]])
async def test_a_silent_server_is_given_up(said: bytes) -> None:
    async with listening(saying(said)) as port:
        with pytest.raises(TimeoutError):
            await asked(http_at(port, seconds=0.3))


async def test_a_server_that_takes_nothing_is_given_up() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await gone.wait()

    gone = asyncio.Event()
    async with listening(peer) as port:
        with pytest.raises(TimeoutError):
            await asked(http_at(port, seconds=0.3), "PUT", body=bytes(64 << 20))
        gone.set()


async def test_nobody_there() -> None:
    async with listening(lambda _r, _w: asyncio.sleep(0)) as port:
        pass
    with pytest.raises(CouldNotConnectError) as raised:
        await asked(http_at(port))
    assert isinstance(raised.value.__cause__, ConnectionRefusedError)


async def test_tls_is_checked_and_spoken_through_a_proxy(tmp_path: Path) -> None:
    certificate, private = own_authority(tmp_path)
    speaks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    speaks.load_cert_chain(certificate, private)
    tunnels: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnels.append(await reader.readuntil(b"\r\n\r\n"))
        there, here = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while some := await source.read(65536):
                target.write(some)
            target.close()

        await asyncio.gather(pump(reader, here), pump(there, writer))

    async with listening(server, speaks) as port, listening(proxy) as door:
        url = f"https://localhost:{port}"
        knows = ssl.create_default_context(cafile=str(certificate))
        direct = KeptHttp(url, timeout_seconds=20, trusted=knows)
        assert await asked(direct) == (200, b"ok")
        through = KeptHttp(
            url, timeout_seconds=20, trusted=knows, proxy=f"http://me:p%40ss@127.0.0.1:{door}"
        )
        for _ in range(2):
            assert await asked(through) == (200, b"ok")
        strange = KeptHttp(url, timeout_seconds=20, trusted=ssl.create_default_context())
        with pytest.raises(CouldNotConnectError) as raised:
            await asked(strange)
        assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
        for one in (direct, through):
            one.close()
    assert tunnels == [
        f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        "Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "more than it may"),
        (b"", "no answer"),
    ],
)
async def test_a_proxy_that_refuses_or_lies_is_told(said: bytes, words: str) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async with listening(proxy) as door:
        http = KeptHttp(
            "https://localhost", timeout_seconds=20, trusted=ssl.create_default_context(),
            proxy=f"http://127.0.0.1:{door}",
        )  # fmt: skip
        with pytest.raises(CouldNotConnectError, match=words):
            await asked(http)


async def test_a_plain_proxy_is_given_the_whole_address() -> None:
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with listening(proxy) as door:
        http = KeptHttp(
            "http://store.example:80", timeout_seconds=20, trusted=ssl.create_default_context(),
            proxy=f"http://u:p@127.0.0.1:{door}",
        )  # fmt: skip
        assert await asked(http) == (200, b"ok")
    assert heads[0].startswith(
        b"GET http://store.example:80/a HTTP/1.1\r\nHost: store.example\r\n"
        b"Proxy-Authorization: Basic dTpw\r\n"
    )
