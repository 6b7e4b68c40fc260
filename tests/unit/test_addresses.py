"""Which addresses hooks may call, and what a call's answer means."""

import ipaddress
import socket
from datetime import UTC, datetime
from typing import Any

import httpcore
import pytest

from app.hooks.builtin import addresses
from app.hooks.builtin.addresses import AddressRefused, check, resolve
from app.hooks.builtin.calls import (
    CallFailed,
    Response,
    checked_url,
    refuse_failures,
    wished_seconds,
)
from streamweave_sdk.hooks import RetryLater

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%2", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:0a00:0001::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_private_and_special_addresses_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check(ipaddress.ip_address(address), [])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    check(ipaddress.ip_address(address), [])


def test_an_allowed_network_passes_in_each_of_its_forms() -> None:
    allowed = [ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32")]
    for address in ("10.20.3.4", "::ffff:10.20.3.4", "fd00:1::5"):
        check(ipaddress.ip_address(address), allowed)
    for address in ("10.21.0.1", "fd00:2::5", "127.0.0.1"):
        with pytest.raises(AddressRefused):
            check(ipaddress.ip_address(address), allowed)


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    left, asked = list(answers), []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (one, port)) for one in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_refuses_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _answers(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        resolve("example.org", 443, [])


def test_a_name_is_resolved_once_and_its_checked_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = _answers(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    called: list[str] = []

    def connect_tcp(self: object, host: str, *_: object) -> object:
        called.append(host)
        return object()

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    addresses.CheckedBackend([], 5).connect_tcp("rebinding.example.org", 443)
    assert (asked, called) == (["rebinding.example.org"], ["8.8.8.8"])


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org", "https://", "https://a:b@example.org", "https://exa mple.org",
     "https://example.org\\@evil.org", "https://exämple.org", "https://example.org:0",
     "https://example.org:99999", "/only/a/path", "https://example.org/\r\nx: y"],
)  # fmt: skip
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[pP]ort"):
        checked_url(url)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("120", 120.0), ("0", 1.0), ("9999999999999", 86400.0), ("", None), ("soon", None),
        ("Wed, 20 May 2026 12:05:00 GMT", 300.0), ("Wed, 20 May 2020 12:05:00 GMT", 1.0),
        ("²", None),
    ],
)  # fmt: skip
def test_a_wish_to_wait_is_read_and_bounded(wish: str, seconds: float | None) -> None:
    assert wished_seconds(Response(503, {"retry-after": wish}, b""), NOW) == seconds


def test_answers_are_success_later_or_failure() -> None:
    assert refuse_failures(Response(204, {}, b""), "It").status == 204
    for status in (408, 425, 429, 500, 502, 503, 504):
        with pytest.raises(RetryLater):
            refuse_failures(Response(status, {}, b""), "It")
    for status in (300, 304, 400, 401, 403, 404, 422):
        with pytest.raises(CallFailed, match=f"It answered {status}: no"):
            refuse_failures(Response(status, {}, b"no\x00\x1b[2J"), "It")
    with pytest.raises(CallFailed, match="redirects are not followed"):
        refuse_failures(Response(302, {"location": "http://169.254.169.254/"}, b""), "It")
