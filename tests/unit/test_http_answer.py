"""Answers of HTTP: the same however they arrive, and none that broke off passes for a whole one."""

import asyncio
import itertools
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers.http_answer import Answer, BrokenOffError, parse_head
from app.transfers.kept import KeptConnection

BODIES = st.binary(max_size=400)
CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def _chunked(body: bytes, sizes: list[int]) -> bytes:
    sent, left = b"", body
    for size in sizes:
        part, left = left[: size % 50 + 1], left[size % 50 + 1 :]
        if part:
            sent += b"%X;note=1\r\n%b\r\n" % (len(part), part)
    if left:
        sent += b"%x\r\n%b\r\n" % (len(left), left)
    return sent + b"0\r\nX-Trailer: 1\r\n\r\n"


def _receive(connection: KeptConnection, piece: bytes) -> None:
    """As the event loop does it: as much as there is room for, again and again."""
    while piece:
        room = connection.get_buffer(-1)
        assert len(room) > 0
        taken = min(len(room), len(piece))
        room[:taken] = piece[:taken]
        connection.buffer_updated(taken)
        piece = piece[taken:]


async def _read(headers: dict[str, str], pieces: list[bytes]) -> tuple[bytes, bool]:
    """Feed the pieces to a connection, which ends then; return the body, and whether it is kept."""
    connection = KeptConnection(5.0)
    answer = Answer(connection, 200, headers, is_bodiless=False)

    async def feed() -> None:
        for piece in pieces:
            _receive(connection, piece)
            await asyncio.sleep(0)
        connection.connection_lost(None)

    feeding = asyncio.ensure_future(feed())
    try:
        body = b"".join([chunk async for chunk in answer.chunks()])
    finally:
        await feeding
    return body, answer.may_be_kept


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(at)]


@given(BODIES, CUTS)
def test_a_counted_body_is_the_same_wherever_it_is_cut(body: bytes, cuts: list[int]) -> None:
    told = {"content-length": str(len(body))}
    assert asyncio.run(_read(told, _cut(body, cuts))) == (body, True)


@given(BODIES, CUTS, st.lists(st.integers(0, 1000), max_size=9))
def test_a_body_in_chunks_is_the_same_wherever_it_is_cut(
    body: bytes, cuts: list[int], sizes: list[int]
) -> None:
    told = {"transfer-encoding": "chunked"}
    assert asyncio.run(_read(told, _cut(_chunked(body, sizes), cuts))) == (body, True)


@given(BODIES, CUTS)
def test_a_body_without_a_length_goes_to_the_connections_end(body: bytes, cuts: list[int]) -> None:
    assert asyncio.run(_read({}, _cut(body, cuts)))[0] == body


@given(st.binary(min_size=1, max_size=400), CUTS, st.integers(0, 10_000), st.booleans())
def test_a_body_that_breaks_off_is_none(
    body: bytes, cuts: list[int], end: int, in_chunks: bool
) -> None:
    told = {"transfer-encoding": "chunked"} if in_chunks else {"content-length": str(len(body))}
    sent = _chunked(body, [3, 20]) if in_chunks else body
    pieces = _cut(sent[: end % len(sent)], cuts)
    with pytest.raises(BrokenOffError):
        asyncio.run(_read(told, pieces))


@given(st.lists(st.tuples(st.binary(max_size=900), st.integers(0, 900)), max_size=40))
def test_what_is_taken_is_what_came(steps: list[tuple[bytes, int]]) -> None:
    """With little space, so that all moves, grows and comes to rest."""

    async def play() -> None:
        connection, came, taken = KeptConnection(5.0), b"", b""
        for piece, size in steps:
            _receive(connection, piece)
            came += piece
            if not size:
                connection.rest()
            connection._wanted = size
            taken += connection.take(size)
            assert connection.here == len(came) - len(taken)
        assert taken + connection.take(len(came)) == came

    with patch("app.transfers.kept._LEAST_SPACE", 64):
        asyncio.run(play())


@pytest.mark.parametrize("size", [b"", b"x", b"-1", b"0x", b"1_0 ", b"+5"])
def test_a_chunk_without_a_length_is_refused(size: bytes) -> None:
    sent = size + b"\r\n" + b"a" * 20 + b"\r\n0\r\n\r\n"
    with pytest.raises(BrokenOffError):
        asyncio.run(_read({"transfer-encoding": "chunked"}, [sent]))


@pytest.mark.parametrize("told", ["-1", "1e3", "", "5, 6", "٣"])
def test_a_length_that_is_no_number_is_refused(told: str) -> None:
    with pytest.raises(BrokenOffError):
        Answer(KeptConnectionOfNobody(), 200, {"content-length": told}, is_bodiless=False)


class KeptConnectionOfNobody(KeptConnection):
    """It is never asked."""

    def __init__(self) -> None:
        """No loop is running."""


def test_a_head_is_taken_apart() -> None:
    said = b'HTTP/1.1 206 Partial Content\r\nETag:  "a" \r\nx-two: 1\r\nX-Two: 2\r\nEmpty:\r\n\r\n'
    assert parse_head(said) == (206, {"etag": '"a"', "x-two": "1, 2", "empty": ""})


def test_two_lengths_that_differ_are_no_length() -> None:
    _, headers = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")
    with pytest.raises(BrokenOffError):
        Answer(KeptConnectionOfNobody(), 200, headers, is_bodiless=False)
    _, headers = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n")
    assert headers == {"content-length": "5"}


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nfolded: 1\r\n more\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_no_head_is_refused(said: bytes) -> None:
    with pytest.raises(BrokenOffError):
        parse_head(said)


@given(st.binary(max_size=300))
def test_no_head_breaks_the_reader(said: bytes) -> None:
    try:
        status, _ = parse_head(said + b"\r\n\r\n")
    except BrokenOffError:
        return
    assert 0 <= status <= 999
