"""Calls to rclone's remote control over its unix socket.

An answer's `input` repeats every parameter, secrets included, so only its `error` is ever kept.
httpcore is what httpx stands on; httpx's own layers cost as much again for each call.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore
import orjson

from app.errors import StreamWeaveError
from app.transfers.rclone.classify import classify

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class RcAddress:
    """Where a daemon listens and what it wants to hear."""

    socket: Path
    username: str
    password: str

    def __repr__(self) -> str:
        return f"RcAddress({self.socket})"


class RcClient:
    """One daemon's remote control. Timeouts are in seconds."""

    def __init__(self, address: RcAddress, *, timeout_seconds: float) -> None:
        # The daemon closes idle connections after a minute; a call must not run into that.
        self._pool = httpcore.AsyncConnectionPool(
            uds=str(address.socket), max_connections=100, keepalive_expiry=30.0
        )
        secret = base64.b64encode(f"{address.username}:{address.password}".encode())
        self._headers = [
            (b"Host", b"rclone"),
            (b"Authorization", b"Basic " + secret),
            (b"Content-Type", b"application/json"),
        ]
        waits = dict.fromkeys(("read", "write", "pool"), timeout_seconds)
        self._extensions = {"timeout": {**waits, "connect": _CONNECT_SECONDS}}

    async def call(self, path: str, step: str, **parameters: Any) -> dict[str, Any]:
        """Call one method and return its answer.

        Raises:
            StreamWeaveError: `rclone_unavailable` when the daemon is not there, `source_timeout`
                when it does not answer in time, otherwise what its text means.
        """
        content = orjson.dumps(parameters)
        try:
            response = await self._pool.request(
                b"POST",
                f"http://rclone/{path}",
                headers=[*self._headers, (b"Content-Length", b"%d" % len(content))],
                content=content,
                extensions=self._extensions,
            )
        except httpcore.TimeoutException as error:
            raise StreamWeaveError("source_timeout", f"{step}: no answer in time.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise StreamWeaveError("rclone_unavailable", f"{step}: {error}") from error
        answer: dict[str, Any] = orjson.loads(response.content)
        if response.status != 200:
            raise classify(str(answer.get("error", "")), step)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
