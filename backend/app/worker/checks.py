"""Connection tests, run where the files are reached: by a worker of the zone.

A source: log on, list, and try to prove that the account cannot write. Storage locations have a
file of their own (storage_checks.py).
"""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.instruments import let_account_go
from app.models import Check, ServiceAccount
from app.services.movers import MoverOpener, Reach, is_adapted
from app.transfers.adapted import AdaptedSource
from app.transfers.base import Entry, Source
from app.transfers.local import LocalSource
from app.transfers.paths import display
from app.transfers.rclone.remotes import SourceAddress
from app.transfers.rclone.source import entry_of
from app.worker.accounts import address
from app.worker.browsing import ListFolder, browse, sample
from app.worker.daemon import Daemon
from app.worker.flights import KIND as FLIGHT
from app.worker.storage_checks import StorageChecker

_SHOWN = 20


async def _first_entries(source: Source) -> dict[str, Any]:
    """List the root, nothing else: whether the account may write is not asked."""
    entries = await source.list_directory(b"")
    shown = [{"name": display(e.name), "directory": e.is_directory} for e in entries]
    return {"entries": shown[:_SHOWN], "write_refused": None, "steps": ["list"]}


class Checker:
    """Answers the checks of a zone, one at a time."""

    def __init__(
        self,
        database: Database,
        movers: MoverOpener,
        daemon: Daemon,
        worker: str,
        storage_checker: StorageChecker,
    ) -> None:
        self._storage_checker = storage_checker
        self._database = database
        self._movers = movers
        self._vault = movers.vault
        self._daemon = daemon
        self._worker = worker

    async def answer_next(self, zones: list[str]) -> bool:
        """Take the oldest open check and answer it; return whether there was one."""
        check = await self._database.run(lambda s: self._take(s, zones))
        if check is None:
            return False
        began = monotonic()
        try:
            result = {"ok": True, **await self._answer(check.kind, check.request)}
        except StreamWeaveError as error:
            result = {
                "ok": False,
                "code": error.code,
                "detail": error.detail,
                "remedy": error.entry.remedy,
                "entries": [],
                "write_refused": None,
            }
        result["latency_ms"] = round((monotonic() - began) * 1000)

        async def save(session: AsyncSession) -> None:
            await session.execute(
                update(Check).where(Check.id == check.id).values(result=result, done_at=utcnow())
            )

        await self._database.run(save)
        return True

    async def _answer(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        if kind == "source":
            return await self._source(request)
        if kind == "storage":
            location_id = uuid.UUID(str(request["storage_location_id"]))
            return await self._storage_checker.check(location_id)
        if kind == "browse":
            path = str(request.get("path") or "")
            return await self._listing(request, lambda folder: browse(folder, path))
        return await self._listing(request, sample)

    async def _listing(
        self,
        request: dict[str, Any],
        look: Callable[[ListFolder], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Look around on a source, with one log-on."""
        if is_adapted(request):
            return await self._by_mover(request, lambda source: look(source.list_directory))
        if request["protocol"] == "local":
            return await look(LocalSource(Path(request["root"])).list_directory)
        account = await self._account(request.get("service_account_id"))
        source = address(request, account, self._vault, f"look{secrets.token_hex(6)}")
        client, fs = self._daemon.client, source.remote(source.key)

        async def list_folder(folder: bytes) -> list[Entry]:
            listing = await client.call(
                "operations/list",
                "listing",
                fs=fs,
                remote=folder.decode(),
                opt={"noMimeType": True},
            )
            return [entry_of(item) for item in listing.get("list") or ()]

        await self._daemon.with_probe(source.key, source)
        try:
            answer = await look(list_folder)
        except StreamWeaveError as error:
            await self._note(account, refused=error.code == "source_logon_failed")
            raise
        finally:
            await client.call("config/delete", "dropping the remote", name=source.key)
        await self._note(account, refused=False)
        return answer

    async def _take(self, session: AsyncSession, zones: list[str]) -> Check | None:
        check = await session.scalar(
            select(Check)
            .where(Check.zone.in_(zones), Check.claimed_by.is_(None), Check.kind != FLIGHT)
            .order_by(Check.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if check is not None:
            check.claimed_by = self._worker
        return check

    async def _by_mover(
        self,
        request: dict[str, Any],
        look: Callable[[AdaptedSource], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Look at a source by its mover, with one log-on."""
        account = await self._account(request.get("service_account_id"))
        try:
            source = await self._movers(Reach(request, account))
            try:
                answer = await look(source)
            finally:
                await source.close()
        except StreamWeaveError as error:
            await self._note(account, refused=error.code == "source_logon_failed")
            raise
        await self._note(account, refused=False)
        return answer

    async def _source(self, request: dict[str, Any]) -> dict[str, Any]:
        if is_adapted(request):
            return await self._by_mover(request, _first_entries)
        if request["protocol"] == "local":
            return await _first_entries(LocalSource(Path(request["root"])))
        account = await self._account(request.get("service_account_id"))
        source = address(request, account, self._vault, f"check{secrets.token_hex(6)}")
        try:
            answer = await self._list(source)
        except StreamWeaveError as error:
            await self._note(account, refused=error.code == "source_logon_failed")
            raise
        await self._note(account, refused=False)
        return answer

    async def _account(self, account_id: str | None) -> ServiceAccount | None:
        if account_id is None:
            return None
        async with self._database.read() as session:
            return await session.get(ServiceAccount, uuid.UUID(str(account_id)))

    async def _note(self, account: ServiceAccount | None, *, refused: bool) -> None:
        """A check is one log-on: it pauses the account, or lets a corrected server end a pause."""
        if account is None:
            return
        version = account.secret_version
        values: dict[str, Any] = (
            {"refused_version": version, "refused_at": utcnow()}
            if refused
            else {"proven_version": version, "refused_version": 0}
        )

        async def work(session: AsyncSession) -> None:
            await session.execute(
                update(ServiceAccount)
                .where(ServiceAccount.id == account.id, ServiceAccount.secret_version == version)
                .values(**values)
            )
            if not refused:
                await let_account_go(session, account.id)

        await self._database.run(work)

    async def _list(self, source: SourceAddress) -> dict[str, Any]:
        client, fs = self._daemon.client, source.remote(source.key)
        await self._daemon.with_probe(source.key, source)
        try:
            listing = await client.call(
                "operations/list", "listing", fs=fs, remote="", opt={"noMimeType": True}
            )
            shown = [
                {"name": item["Name"], "directory": item["IsDir"], "size_bytes": item["Size"]}
                for item in (listing.get("list") or [])[:_SHOWN]
            ]
            refused = await self._cannot_write(fs)
        finally:
            await client.call("config/delete", "dropping the remote", name=source.key)
        return {
            "entries": shown,
            "write_refused": refused,
            "steps": ["log_on", "list", "try_to_write"],
        }

    async def _cannot_write(self, fs: str) -> bool:
        """Try to make an empty directory; what should not succeed is taken back at once."""
        name = f"streamweave-write-test-{secrets.token_hex(6)}"
        client = self._daemon.client
        try:
            await client.call("operations/mkdir", "trying to write", fs=fs, remote=name)
        except StreamWeaveError:
            return True
        stands = await client.call("operations/stat", "looking", fs=fs, remote=name)
        if stands.get("item") is None:
            return True  # object stores answer 200 to a directory that is not made
        await client.call("operations/rmdir", "taking back", fs=fs, remote=name)
        return False
