"""The supervisor's control socket: flow runs ask for an instrument's sockets, nothing else.

One JSON object a line each way, over a unix socket in a 0700 directory. The answer holds the
daemon's password, never a service account's secret.
"""

import asyncio
import json
import logging
import uuid
from pathlib import Path
from typing import Any

from app.database import Database
from app.errors import StreamWeaveError
from app.services.credentials import Vault
from app.services.log_on import prove_log_on
from app.services.sources import encode
from app.transfers.rclone.source import RemoteAddress
from app.worker.accounts import instrument_address
from app.worker.daemon import Daemon

logger = logging.getLogger("streamweave.control")


class ControlServer:
    """Answers flow runs."""

    def __init__(self, database: Database, vault: Vault, daemon: Daemon, socket: Path) -> None:
        self._database = database
        self._vault = vault
        self._daemon = daemon
        self._socket = socket

    async def serve(self) -> None:
        """Serve until cancelled."""
        self._socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._talk, str(self._socket))
        async with server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            answer = await self._answer(json.loads(line))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError) as error:
            logger.warning("a flow run's question broke off: %s", error)
        finally:
            writer.close()

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            address = await self.open(uuid.UUID(question["instrument"]))
        except StreamWeaveError as error:
            return {"error": error.code, "detail": error.detail}
        except Exception:
            logger.exception("opening a source failed unexpectedly")
            return {"error": "internal_error", "detail": "The worker's log has the cause."}
        return encode(address)

    async def open(self, instrument_id: uuid.UUID) -> RemoteAddress:
        """Return the sockets of an instrument's remote, after its secret logged on once."""
        source, account = await instrument_address(self._database, self._vault, instrument_id)
        await prove_log_on(self._database, account, lambda: self._daemon.try_log_on(source))
        return await self._daemon.remote(str(instrument_id), source)
