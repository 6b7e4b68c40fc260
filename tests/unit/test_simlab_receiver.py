"""The simulated service that webhooks go to: it believes only what is signed and timely."""

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simlab.receiver import WebhookReceiver, new_secret, reason_to_refuse

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SECRET = new_secret()
BODY = b'{"type":"file.version.proven"}'


def signed(
    body: bytes = BODY, *, secret: str = SECRET, id: str = "msg_1", at: datetime = NOW
) -> dict[str, str]:
    """The headers of a message, computed from the standard's words."""
    moment = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, b".".join([id.encode(), moment.encode(), body]), hashlib.sha256)
    signature = "v1," + base64.b64encode(digest.digest()).decode()
    return {"Webhook-Id": id, "Webhook-Timestamp": moment, "Webhook-Signature": signature}


def test_a_signed_message_is_believed_also_among_other_signatures() -> None:
    headers = signed()
    assert reason_to_refuse(headers, BODY, SECRET, NOW) is None
    others = "v1a,AAAA v1,nonsense! v1,AAAA "
    headers["Webhook-Signature"] = others + headers["Webhook-Signature"]
    assert reason_to_refuse(headers, BODY, SECRET, NOW) is None


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (signed(), BODY + b" ", "no signature that is right"),
        (signed(secret=new_secret()), BODY, "no signature that is right"),
        (signed() | {"Webhook-Id": "msg_2"}, BODY, "no signature that is right"),
        (signed() | {"Webhook-Signature": "v1,é"}, BODY, "no signature that is right"),
        (signed() | {"Webhook-Signature": ""}, BODY, "no signature that is right"),
        (signed(at=NOW.replace(hour=11)), BODY, "too old or too new"),
        (signed(at=NOW.replace(hour=13)), BODY, "too old or too new"),
        (signed() | {"Webhook-Timestamp": "-1"}, BODY, "no timestamp"),
        (signed(id="a.b"), BODY, "no id"),
        ({}, BODY, "no id"),
    ],
)
def test_what_is_not_right_is_refused(headers: dict[str, str], body: bytes, reason: str) -> None:
    assert reason_to_refuse(headers, body, SECRET, NOW) == reason


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[WebhookReceiver]:
    """A running one."""
    one = WebhookReceiver(tmp_path / "came.jsonl", secret=SECRET)
    yield one
    one.close()


def post(receiver: WebhookReceiver, headers: dict[str, str], body: bytes = BODY) -> int:
    """Send a message; return the status of the answer."""
    request = urllib.request.Request(receiver.url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_writes_what_came_before_it_answers(receiver: WebhookReceiver) -> None:
    now = datetime.now(UTC)
    assert post(receiver, signed(at=now)) == 204
    assert post(receiver, signed(at=now)) == 204
    assert post(receiver, signed(at=now, secret=new_secret(), id="msg_2")) == 401
    assert post(receiver, signed(b"no json", at=now), b"no json") == 401
    first, again, forged, text = receiver.lines()
    assert (first["id"], first["verified"], first["repeated"]) == ("msg_1", True, False)
    assert first["message"] == json.loads(BODY)
    assert again["repeated"]
    assert (forged["verified"], forged["refused"]) == (False, "no signature that is right")
    assert "message" not in forged
    assert text["refused"] == "no JSON"


def test_a_message_that_is_too_long_is_not_read(receiver: WebhookReceiver) -> None:
    assert post(receiver, signed(), bytes(65_537)) == 413
    assert receiver.lines() == []


def test_after_a_kill_half_a_line_is_gone_and_repeats_are_known(tmp_path: Path) -> None:
    path = tmp_path / "came.jsonl"
    now = datetime.now(UTC)
    first = WebhookReceiver(path, secret=SECRET)
    assert post(first, signed(at=now)) == 204
    first.close()
    with path.open("ab") as file:
        file.write(b'{"at": "2026-')
    second = WebhookReceiver(path, secret=SECRET, port=first.port)
    try:
        assert second.url == first.url
        assert len(second.lines()) == 1
        assert post(second, signed(at=now)) == 204
        assert [line["repeated"] for line in second.lines()] == [False, True]
    finally:
        second.close()
