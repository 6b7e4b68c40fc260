"""Packets of SFTP: read the same however they arrive, and nothing is taken that was not asked."""

import itertools
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers import sftp_wire as wire
from app.transfers.sftp_wire import Answer, Answers, Expected, Garbled, Reader, Refused, text


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(at)]


def _answers(asked: dict[int, Expected], pieces: list[bytes]) -> list[Answer]:
    answers = Answers(asked)
    return [answer for piece in pieces for answer in answers.feed(piece)]


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 10_000), max_size=20))
def test_packets_are_the_same_wherever_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    sent = [wire.packet(wire.DATA, number, text(body)) for number, body in enumerate(bodies)]
    asked = {number: Expected(wire.DATA, 300) for number in range(len(bodies))}
    came = _answers(asked, _cut(b"".join(sent), cuts))
    assert [(a.number, a.kind, Reader(a.body).text()) for a in came] == [
        (number, wire.DATA, body) for number, body in enumerate(bodies)
    ]


def test_packets_are_the_same_byte_by_byte() -> None:
    stream = wire.packet(wire.HANDLE, 7, text(b"handle")) + wire.packet(
        wire.STATUS, 8, struct.pack(">I", wire.OK)
    )
    asked = {7: Expected(wire.HANDLE), 8: Expected(wire.STATUS)}
    came = _answers(asked, [bytes([byte]) for byte in stream])
    assert [answer.number for answer in came] == [7, 8]


@pytest.mark.parametrize(
    ("length", "kind", "number", "words"),
    [
        (34_001 + 1_000, wire.DATA, 1, "35001 bytes"),
        (0xFFFFFFFF, wire.DATA, 1, "bytes"),
        (4, wire.DATA, 1, "4 bytes"),
        (0, wire.DATA, 1, "0 bytes"),
        (34_001, wire.STATUS, 2, "34001 bytes"),
        (50, wire.DATA, 9, "not asked"),
        (50, wire.HANDLE, 1, "wrong kind"),
        (50, wire.OPEN, 1, "wrong kind"),
        (50, wire.VERSION_SAID, 3, "not asked"),
    ],
)
def test_what_was_not_asked_for_is_refused_by_its_head_alone(
    length: int, kind: int, number: int, words: str
) -> None:
    asked = {1: Expected(wire.DATA, 1_000), 2: Expected(wire.STATUS)}
    with pytest.raises(Garbled, match=words):
        _answers(asked, [struct.pack(">IBI", length, kind, number)])


def test_longest_answer_that_may_come_is_taken() -> None:
    body = bytes(34_000 + 1_000 - 5)
    asked = {1: Expected(wire.DATA, 1_000)}
    assert _answers(asked, [wire.packet(wire.DATA, 1, body)]) == [Answer(1, wire.DATA, body)]


@given(st.binary(max_size=200))
def test_bodies_of_any_bytes_are_read_or_refused(body: bytes) -> None:
    readings: dict[str, Callable[[], object]] = {
        "attributes": lambda: Reader(body).attributes(),
        "names": lambda: list(wire.names(body)),
        "extensions": lambda: wire.extensions(body),
        "limits": lambda: wire.limits(body),
        "space": lambda: wire.space(body),
        "refusal": lambda: wire.refusal(body),
        "data": lambda: wire.data(body),
    }
    strange: dict[str, Exception] = {}
    for name, read in readings.items():
        try:
            read()
        except Garbled:
            pass
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told
            strange[name] = error
    assert strange == {}


def test_attributes_are_those_that_are_there() -> None:
    flags = 1 | 2 | 4 | 8 | 1 << 31
    more = struct.pack(">I", 1) + text(b"name") + text(b"value")
    body = struct.pack(">IQIIIII", flags, 5, 0, 0, 0o040755, 1, 1_500_000_000) + more
    reader = Reader(body)
    assert reader.attributes() == wire.Attributes(5, 1_500_000_000, True)
    assert reader.is_over
    assert Reader(struct.pack(">I", 0)).attributes() == wire.Attributes(0, 0, False)


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (2, "No such file", "storage_object_missing"),
        (3, "", "storage_permission_denied"),
        (4, "Failure", "storage_error"),
        (4, "write: No space left on device", "storage_full"),
        (4, "Read-only file system", "storage_read_only"),
        (7, "", "storage_connection_lost"),
        (14, "", "storage_full"),
        (99, "", "storage_error"),
    ],
)
def test_failures_are_catalogued(code: int, said: str, expected: str) -> None:
    refused = wire.refusal(struct.pack(">I", code) + text(said.encode()) + text(b"en"))
    assert isinstance(refused, Refused)
    assert wire.code_of(refused) == expected
