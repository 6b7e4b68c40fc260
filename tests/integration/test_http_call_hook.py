"""Calls of another service's API, to a real HTTP server."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from app.hooks.builtin.addresses import AddressRefused
from app.hooks.builtin.calls import CallFailed
from app.hooks.builtin.http_call import HttpCall, HttpCallConfig
from app.hooks.builtin.templates import NoValue
from streamweave_sdk.hooks import PostAnswer, RetryLater
from streamweave_sdk.testing import a_version, try_post_hook
from tests.integration.receiver import LOOPBACK, Reply, receiving

PATTERN = {"name": "run", "template": "{sample}_{run:int}.raw"}
SIDECAR = {"paths": ["{stem}.json"], "fields": [{"name": "tags", "at": "tags"}]}


def _call(
    url: str, path: str = "2026/gold_12.raw", neighbours: Any = None, **config: Any
) -> PostAnswer:
    whole = {"url": url, "patterns": [PATTERN], **LOOPBACK, **config}
    return try_post_hook(HttpCall, a_version(path), b"", whole, neighbours)


def test_address_headers_and_body_are_filled_and_the_answer_becomes_metadata() -> None:
    reply = Reply(201, json.dumps({"id": 7, "links": [{"href": "/7"}]}).encode())
    with receiving(reply) as receiver:
        answer = _call(
            receiver.url + "/api/{sample}/{modified:%Y}?name={name}",
            neighbours={"2026/gold_12.json": b'{"tags": ["a", "b"]}'},
            sidecars=[SIDECAR],
            headers={"X-Run": "run {run}"},
            secret_headers={"Authorization": "Bearer secret"},
            body={"title": "{sample} at {modified:%Y}", "run": "{run}", "tags": "{tags}",
                  "size": "{size_bytes}", "list": [1, None, "{{}}"]},
            answer_fields=[{"name": "eln_id", "at": "id"}, {"name": "link", "at": "/links/0/href"},
                           {"name": "none", "at": "none"}],
        )  # fmt: skip
    (request,) = receiver.requests
    assert (request.method, request.target) == ("POST", "/api/gold/2026?name=gold_12.raw")
    assert json.loads(request.body) == {
        "title": "gold at 2026", "run": 12, "tags": ["a", "b"], "size": 1000,
        "list": [1, None, "{}"],
    }  # fmt: skip
    assert request.headers["x-run"] == "run 12"
    assert request.headers["authorization"] == "Bearer secret"
    assert answer.metadata == {"eln_id": 7, "link": "/7"}
    assert answer.notices[0].text == "The answer has nothing at 'none'."


@pytest.mark.parametrize(
    ("sample", "target"),
    [
        ("a&b=c#d", "/api/a%26b%3Dc%23d/x"),
        ("ä ?", "/api/%C3%A4%20%3F/x"),
        ("{key}", "/api/%7Bkey%7D/x"),
    ],
)
def test_a_value_cannot_change_where_a_call_goes(sample: str, target: str) -> None:
    with receiving() as receiver:
        _call(receiver.url + "/api/{sample}/x", f"{sample}_1.raw", method="GET")
        assert receiver.requests[0].target == target
        with pytest.raises(CallFailed, match="leads to another place"):
            _call(receiver.url + "/api/{sample}/x", ".._1.raw", method="GET")
    assert len(receiver.requests) == 1


def test_a_line_break_in_a_value_makes_no_header() -> None:
    with receiving() as receiver, pytest.raises(CallFailed, match="cannot be sent"):
        _call(receiver.url, "a\r\nx-evil: 1_1.raw", headers={"x-sample": "{sample}"})
    assert receiver.requests == []


def test_a_repeat_has_the_same_key_of_idempotency() -> None:
    with receiving() as receiver:
        _call(receiver.url)
        _call(receiver.url)
    first, second = (one.headers["idempotency-key"] for one in receiver.requests)
    assert first == second
    assert first.startswith('"')


def test_refusals_fail_and_busy_services_are_asked_later() -> None:
    with receiving(Reply(409, b"there is one")) as receiver:
        with pytest.raises(CallFailed, match="409: there is one"):
            _call(receiver.url)
        assert _call(receiver.url, also_fine=[409]) == PostAnswer()
    busy = Reply(503, headers={"retry-after": "7"})
    with receiving(busy) as receiver, pytest.raises(RetryLater) as later:
        _call(receiver.url)
    assert later.value.after_seconds == 7
    with receiving(Reply(200, b"<html>")) as receiver:
        with pytest.raises(CallFailed, match="no JSON: <html>"):
            _call(receiver.url, answer_fields=[{"name": "x", "at": "x"}])
        with pytest.raises(AddressRefused):
            _call(receiver.url, allow_networks=[])


def test_a_value_that_is_not_there_fails_or_is_waited_for() -> None:
    with receiving() as receiver:
        with pytest.raises(NoValue, match="sample"):
            _call(receiver.url + "/{sample}", "other.raw")
        sidecar: dict[str, Any] = {"body": {"tags": "{tags}"}, "sidecars": [SIDECAR]}
        with pytest.raises(RetryLater, match=r"gold_12\.json"):
            _call(receiver.url, when_missing="wait", **sidecar)
        assert "Not called" in _call(receiver.url, **sidecar).notices[0].text
        assert _call(receiver.url, when_missing="nothing", **sidecar) == PostAnswer()
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"url": "https://{sample}.example.org/"}, "The host stands there"),
        ({"url": "https://example.org{sample}"}, "The host stands there"),
        ({"url": "https://example.org/{a.__class__!r}"}, "a name alone"),
        ({"url": "https://example.org", "headers": {"Host": "evil"}}, "no header"),
        ({"url": "https://example.org", "headers": {"a\r\nb": "x"}}, "no header"),
        ({"url": "https://example.org", "body": {"a": ["{b!r}"]}}, "a name alone"),
        ({"url": "https://example.org", "ca_certificates": "nonsense"}, "PEM"),
        ({"url": "https://example.org", "allow_networks": ["10.0.0.1/8"]}, "host bits"),
    ],
)
def test_what_cannot_be_meant_is_refused(config: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        HttpCallConfig.model_validate(config)
