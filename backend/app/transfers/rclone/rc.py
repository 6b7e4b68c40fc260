"""Calls to rclone's remote control over its unix socket.

An answer's `input` repeats every parameter, secrets included, so only its `error` is ever kept.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.errors import StreamWeaveError
from app.transfers.rclone.classify import classify


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
        self._client = httpx.AsyncClient(
            # A unix socket needs no certificates, and loading them costs 10 ms a client.
            transport=httpx.AsyncHTTPTransport(uds=str(address.socket), verify=False),
            base_url="http://rclone",
            auth=(address.username, address.password),
            timeout=httpx.Timeout(timeout_seconds, connect=5.0),
        )

    async def call(self, path: str, step: str, **parameters: Any) -> dict[str, Any]:
        """Call one method and return its answer.

        Raises:
            StreamWeaveError: `rclone_unavailable` when the daemon is not there, `source_timeout`
                when it does not answer in time, otherwise what its text means.
        """
        try:
            response = await self._client.post(f"/{path}", json=parameters)
        except httpx.TimeoutException as error:
            raise StreamWeaveError("source_timeout", f"{step}: no answer in time.") from error
        except httpx.TransportError as error:
            raise StreamWeaveError("rclone_unavailable", f"{step}: {error}") from error
        answer: dict[str, Any] = response.json()
        if response.status_code != 200:
            raise classify(str(answer.get("error", "")), step)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
