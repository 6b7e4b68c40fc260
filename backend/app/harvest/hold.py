"""Holding a batch: its lease is renewed while it is worked on, and counted by our own clock."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

from app.clock import monotonic
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.claiming import Lease, renew


class BatchHold:
    """A worker's hold on a batch. What is left is counted from before the claim or renewal."""

    def __init__(
        self, database: Database, ids: Sequence[uuid.UUID], lease: Lease, claimed_before: float
    ) -> None:
        self._database = database
        self._ids = list(ids)
        self._lease = lease
        self._until = claimed_before + lease.seconds
        self.held: set[uuid.UUID] = set(ids)

    async def renew(self) -> None:
        """Renew now; `held` says which copies are still ours."""
        before = monotonic()
        self.held = await self._database.run(lambda s: renew(s, self._ids, self._lease))
        self.renewed(before)

    def renewed(self, before: float) -> None:
        """Note that the lease was renewed by a transaction that began at `before` (monotonic)."""
        self._until = before + self._lease.seconds

    def ensure(self, seconds: float) -> None:
        """Go on only with more than `seconds` left.

        Raises:
            StreamWeaveError: `lease_lost`.
        """
        if not self.held or self._until - monotonic() <= seconds:
            raise StreamWeaveError("lease_lost", "The claim ran out before publishing.")

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew every third of the lease while the block runs."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._lease.seconds / 3)
            await self.renew()
