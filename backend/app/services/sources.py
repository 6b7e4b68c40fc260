"""Opening an instrument's source: local paths directly, by rclone's daemon, or by a mover."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Instrument, Protocol
from app.services.credentials import Vault
from app.services.log_on import prove_log_on, usable_account
from app.services.movers import MoverOpener, Reach, fields_of, is_adapted
from app.transfers.base import Source
from app.transfers.local import LocalSource
from app.transfers.rclone.rc import RcAddress
from app.transfers.rclone.source import RcloneSource, RemoteAddress

_ANSWER_SECONDS = 120.0


class SourceOpener:
    """The engine's port to sources, for one process."""

    def __init__(self, database: Database, settings: Settings, control: Path | None) -> None:
        self._database = database
        self._settings = settings
        self._control = control

    async def __call__(self, instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        """Open a source for `concurrency` calls in flight.

        Raises:
            StreamWeaveError: what the supervisor answered, or `rclone_unavailable`.
        """
        async with self._database.read() as session:
            instrument = await session.get(Instrument, instrument_id)
        if instrument is None:
            raise StreamWeaveError("not_found", "The instrument is gone.")
        if is_adapted(fields_of(instrument)):
            return await self._adapted(instrument, concurrency)
        if instrument.protocol == Protocol.LOCAL:
            seconds = self._settings.io_timeout_seconds
            return LocalSource(Path(instrument.root), stall_seconds=seconds)
        if self._control is None:
            raise StreamWeaveError("rclone_unavailable", "This process has no supervisor.")
        return RcloneSource(
            await ask(self._control, instrument_id),
            timeout_seconds=self._settings.io_timeout_seconds,
        )

    async def _adapted(self, instrument: Instrument, concurrency: int) -> Source:
        """Open by a mover, after its secret logged on once."""
        database, settings = self._database, self._settings
        account = await usable_account(database, instrument)
        share = instrument.bandwidth_bytes_per_second
        reach = Reach(
            fields_of(instrument),
            account,
            connections=concurrency,
            bandwidth_bytes_per_second=(
                share * concurrency // instrument.connections if share else None
            ),
            instrument_id=instrument.id,
        )
        source = await MoverOpener(database, settings, Vault.from_settings(settings))(reach)

        async def try_it() -> None:
            await source.list_directory(b"")

        try:
            await prove_log_on(database, account, try_it)
        except BaseException:  # a cancelled one, too: it has a folder and perhaps processes
            await source.close()
            raise
        return source


async def ask(control: Path, instrument_id: uuid.UUID) -> RemoteAddress:
    """Ask the supervisor for an instrument's sockets."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(control))
            writer.write(json.dumps({"instrument": str(instrument_id)}).encode() + b"\n")
            answer = json.loads(await reader.readline())
            writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise StreamWeaveError("rclone_unavailable", f"asking the supervisor: {error}") from error
    if "error" in answer:
        raise StreamWeaveError(answer["error"], answer["detail"])
    return decode(answer)


def encode(address: RemoteAddress) -> dict[str, Any]:
    """Return a remote's address as JSON values."""
    return {
        "remote": address.remote,
        "protocol": address.protocol,
        "rc_socket": str(address.rc.socket),
        "rc_username": address.rc.username,
        "rc_password": address.rc.password,
        "vfs_socket": str(address.vfs_socket),
    }


def decode(answer: dict[str, Any]) -> RemoteAddress:
    """Return the address of a decoded answer."""
    return RemoteAddress(
        remote=answer["remote"],
        protocol=answer["protocol"],
        rc=RcAddress(Path(answer["rc_socket"]), answer["rc_username"], answer["rc_password"]),
        vfs_socket=Path(answer["vfs_socket"]),
    )
