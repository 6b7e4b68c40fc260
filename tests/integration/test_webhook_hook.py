"""Signed messages to a real HTTP server: signed, repeated, refused, bounded."""

import base64
import hashlib
import hmac
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.hooks.builtin.addresses import AddressRefused
from app.hooks.builtin.calls import CallFailed
from app.hooks.builtin.webhook import Webhook, WebhookConfig, sign
from streamweave_sdk.hooks import PostAnswer, RetryLater, StopAsking
from streamweave_sdk.testing import a_version, try_post_hook
from tests.integration.certificates import own_authority
from tests.integration.receiver import LOOPBACK, Reply, Request, dripping, receiving

KEYS = [bytes(range(32)), bytes(range(100, 124))]
SECRETS = ["whsec_" + base64.b64encode(key).decode() for key in KEYS]


def _send(url: str, version: Any = None, **config: Any) -> PostAnswer:
    whole = {"url": url, "secrets": SECRETS[:1], **LOOPBACK, **config}
    return try_post_hook(Webhook, version or a_version("2026/ä.raw"), b"", whole)


def _is_signed(request: Request, key: bytes) -> bool:
    """Check as a receiver does, by the words of the specification."""
    headers = request.headers
    age = datetime.now(UTC) - datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), request.body]
    )
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return wanted in headers["webhook-signature"].split() and age < timedelta(minutes=5)


def test_the_published_vector_is_signed_alike() -> None:
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330, b'{"test": 2432232314}',
    )  # fmt: skip
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_signed_by_each_secret_and_tells_the_facts() -> None:
    with receiving() as receiver:
        _send(f"{receiver.url}/hooks?a=b", secrets=SECRETS, extra={"site": "lab"})
    (request,) = receiver.requests
    assert all(_is_signed(request, key) for key in KEYS)
    assert not _is_signed(request, b"x" * 32)
    assert (request.method, request.target) == ("POST", "/hooks?a=b")
    told = json.loads(request.body)
    assert told["type"] == "file.version.proven"
    assert told["data"]["path"] == "2026/ä.raw"
    assert (told["data"]["site"], told["data"]["sha256"]) == ("lab", "0" * 64)


def test_a_repeat_has_the_same_id_and_another_version_another() -> None:
    with receiving() as receiver:
        for key in ("one", "one", "two"):
            _send(receiver.url, a_version("a", key=key))
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert all("." not in one for one in ids)


def test_a_receiver_that_wants_no_more_is_told_no_more() -> None:
    with receiving(Reply(410)) as receiver, pytest.raises(StopAsking, match="410 Gone"):
        _send(receiver.url)


def test_a_busy_receiver_is_asked_later_when_it_wishes() -> None:
    with (
        receiving(Reply(429, headers={"retry-after": "90"}), Reply(503)) as receiver,
        pytest.raises(RetryLater, match="429") as busy,
    ):
        _send(receiver.url)
    assert busy.value.after_seconds == 90
    with receiving(Reply(503)) as receiver, pytest.raises(RetryLater) as broken:
        _send(receiver.url)
    assert broken.value.after_seconds is None


def test_a_refusal_is_a_failure_with_its_cause_and_a_redirect_is_not_followed() -> None:
    with (
        receiving(Reply(401, b"unknown secret")) as receiver,
        pytest.raises(CallFailed, match="401: unknown secret"),
    ):
        _send(receiver.url)
    with (
        receiving() as other,
        receiving(Reply(307, headers={"location": other.url})) as first,
        pytest.raises(CallFailed, match="redirects are not followed"),
    ):
        _send(first.url)
    assert (len(first.requests), other.requests) == (1, [])


def test_nobody_there_and_an_endless_answer_are_asked_later() -> None:
    with receiving() as receiver:
        url = receiver.url
    with pytest.raises(RetryLater, match="did not answer"):
        _send(url)
    with dripping() as slow, pytest.raises(RetryLater, match="did not answer"):
        _send(slow, timeout_seconds=0.4)


def test_an_answer_without_end_of_size_is_refused() -> None:
    with (
        receiving(Reply(200, b"x" * 100_000)) as receiver,
        pytest.raises(CallFailed, match="more than 65536 bytes"),
    ):
        _send(receiver.url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_this_machine_is_refused_unless_it_is_allowed(host: str) -> None:
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        with pytest.raises(AddressRefused, match="private or special network"):
            _send(url, allow_networks=[])
        assert receiver.requests == []


def test_encryption_is_asked_for_and_an_authority_of_ones_own_is_trusted(tmp_path: Path) -> None:
    certificate, key = own_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with receiving(tls=context) as receiver:
        url = receiver.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        allowed = ["127.0.0.0/8", "::1/128"]
        with pytest.raises(RetryLater, match="certificate verify failed"):
            _send(url, allow_http=False, allow_networks=allowed)
        _send(url, allow_http=False, allow_networks=allowed,
              ca_certificates=certificate.read_text())  # fmt: skip
        with pytest.raises(CallFailed, match="without encryption"):
            _send(url.replace("https:", "http:"), allow_http=False)
    assert [request.method for request in receiver.requests] == ["POST"]


def test_a_secret_that_is_none_is_refused_and_never_shown() -> None:
    for secret in ("topsecretvalue", "whsec_!!", "whsec_" + base64.b64encode(b"short").decode()):
        with pytest.raises(ValidationError, match=r"24 to 64 random bytes") as refused:
            _send("https://example.org", secrets=[secret])
        assert secret not in str(refused.value)
    config = WebhookConfig.model_validate({"url": "https://example.org", "secrets": SECRETS})
    assert SECRETS[0] not in repr(config)
    schema = WebhookConfig.model_json_schema()
    assert schema["properties"]["secrets"]["items"]["writeOnly"] is True
