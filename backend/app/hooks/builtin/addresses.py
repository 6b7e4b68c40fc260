"""Which addresses a hook may call: public ones, and networks that its configuration names.

A name is resolved once, all its addresses are looked at, and the connection goes to one of those:
an answer of DNS that changes in between leads nowhere. What takes longer than allowed is cut off.
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

import httpcore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """A host has an address in a network that is not public, and not allowed."""


def inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, otherwise itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def check(address: Address, allowed: Sequence[Network]) -> None:
    """Let a public or allowed address pass.

    Raises:
        AddressRefused: it is private, of this machine, of its link, shared, reserved or of many.
    """
    real = inner(address)
    if any(real in network for network in allowed if network.version == real.version):
        return
    is_local = isinstance(real, ipaddress.IPv6Address) and real.is_site_local
    if real.is_global and not real.is_multicast and not real.is_reserved and not is_local:
        return
    raise AddressRefused(
        f"{address} is in a private or special network. Allow its network in the configuration "
        "if it is meant."
    )


def resolve(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """Return the addresses of a host, all of them checked.

    Raises:
        AddressRefused: one of them may not be called.
        OSError: the name is not known now.
    """
    found: list[str] = []
    for *_, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(target[0])
        check(ipaddress.ip_address(address), allowed)
        if address not in found:
            found.append(address)
    return found


class _Stream(httpcore.NetworkStream):
    """A stream that ends when its time is over, however slowly the other side speaks."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def _left(self, timeout: float | None) -> float:
        left = self._ends_at - monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The whole call took too long.")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes."""
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        secured = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Stream(secured, self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection."""
        return self._stream.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and for a bounded time."""

    def __init__(self, allowed: Sequence[Network], seconds: float) -> None:
        self._plain = httpcore.SyncBackend()
        self._allowed = allowed
        self._ends_at = monotonic() + seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream to the first of the host's addresses that answers.

        Raises:
            AddressRefused: one of them may not be called.
            httpcore.ConnectError: the name is not known, or nobody answers.
        """
        try:
            addresses = resolve(host, port, self._allowed)
        except OSError as error:
            raise httpcore.ConnectError(f"The name '{host}' is not known: {error}") from error
        failure: Exception = httpcore.ConnectError(f"'{host}' has no address.")
        for address in addresses:
            left = self._ends_at - monotonic()
            if left <= 0:
                break
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _Stream(stream, self._ends_at)
        raise failure
