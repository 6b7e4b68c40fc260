"""One batch from claim to available: receive, prove, intent, publish, available.

This is the order of effects; `crash.py` says what stands after a kill at each of its lines.
"""

import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic
from app.errors import ErrorClass, StreamWeaveError
from app.harvest.crash import crash_point
from app.harvest.evidence import record_attempts
from app.harvest.hold import BatchHold
from app.harvest.previous import with_previous
from app.harvest.prove import prove
from app.harvest.publish import publish, recover
from app.harvest.retry import INSTRUMENT_LEVEL, STORAGE_LEVEL
from app.harvest.store import instruments, proving
from app.harvest.store.attempts import AttemptBatch
from app.harvest.store.claiming import Lease, release
from app.harvest.store.following import release_followers
from app.harvest.store.instruments import InstrumentFacts
from app.harvest.store.same_content import waiting_for_earlier, withdraw_unchanged
from app.harvest.transfer import receive
from app.harvest.work import Batch, ClaimedCopy, Failure, Proof
from app.models import StorageLocation
from app.transfers.base import Source, StorageBatch
from app.transfers.stored import StoredSource

if TYPE_CHECKING:
    from app.harvest.engine import Engine


_FILL_CONCURRENCY = 4
_SHOWN_BYTES = 64 << 20
_SHOWN_SECONDS = 2.0
_EARLIER_SECONDS = 5.0  # until a version is tried again whose earlier one is being published


class _Shut(Exception):
    """A storage location could not be opened: whatever it said, it is about no file."""

    def __init__(self, error: StreamWeaveError) -> None:
        super().__init__(error.code)
        self.error = error


class BatchWork:
    """The work on one claimed batch."""

    def __init__(self, engine: "Engine", batch: Batch, lease: Lease, claimed_before: float) -> None:
        self._engine = engine
        self._database = engine.database
        self._settings = engine.ports.settings
        self._batch = batch
        self._lease = lease
        self._intended: set[uuid.UUID] = set()
        self._hold = BatchHold(
            engine.database, [copy.copy_id for copy in batch.copies], lease, claimed_before
        )
        self._claimed_before = claimed_before
        self._filled: set[uuid.UUID] = set()
        self._was_held = False
        self._has_siblings = False

    async def run(self) -> None:
        """Work on the batch; every copy of it ends in a row that says what became of it."""
        crash_point("after_claim")
        facts, location = await self._database.ask(self._facts)
        if facts is None:
            return
        self._engine.served_last(facts.id)
        self._was_held = facts.hold_failures > 0
        self._has_siblings = len(facts.destinations) > 1
        for copy in self._batch.copies:
            copy.enough = facts.enough_at(location.id)
        try:
            async with self._hold.kept():
                if self._batch.recovering:
                    await self._recover(location)
                else:
                    await self._fill(location)
                    await self._transfer(facts, location)
        except _Shut as shut:
            await self._stopped(shut.error, location, untried=True)
        except StreamWeaveError as error:
            await self._stopped(error, location)

    async def _facts(self, session: AsyncSession) -> tuple[InstrumentFacts | None, StorageLocation]:
        return (
            await instruments.load(session, self._batch.instrument_id),
            await instruments.storage_location(session, self._batch.storage_location_id),
        )

    async def _stopped(
        self, error: StreamWeaveError, location: StorageLocation, *, untried: bool = False
    ) -> None:
        """An error of the whole batch: what is about all files is told of one of them."""
        copies = self._batch.copies
        if untried or error.code in INSTRUMENT_LEVEL | STORAGE_LEVEL:
            await self._give_back(copies[1:])
            copies = copies[:1]
        await self._finish_failed([Failure(copy, error, untried=untried) for copy in copies])
        await self._hold_back(location, error, untried=untried)

    async def _give_back(self, copies: Sequence[ClaimedCopy]) -> None:
        """Queue again what was claimed and not tried: no attempt, no failure."""
        if copies:
            await self._database.run(lambda s: proving.give_back(s, copies))

    async def _hold_back(
        self, location: StorageLocation, error: StreamWeaveError, *, untried: bool = False
    ) -> None:
        """Let the instrument or the storage location rest that has a trouble of its own."""
        await self._engine.opened.note_logon(self._batch.instrument_id, error)
        if error.code in INSTRUMENT_LEVEL:
            await self._engine.hold_instrument_back(self._batch.instrument_id)
        if untried or error.code in STORAGE_LEVEL:
            await self._engine.hold_storage_back(location, error)

    @contextlib.asynccontextmanager
    async def _writing_to(self, location: StorageLocation) -> AsyncIterator[StorageBatch]:
        """Open a batch there."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                storage = await self._engine.storage(location)
                destination = await stack.enter_async_context(storage.batch())
            except StreamWeaveError as error:
                raise _Shut(error) from error
            yield destination

    async def _transfer(self, facts: InstrumentFacts, location: StorageLocation) -> None:
        """Make the copies that come from the instrument."""
        copies = tuple(copy for copy in self._batch.copies if copy.copy_id not in self._filled)
        if not copies:
            return
        if self._batch.only_fill:
            await self._database.run(lambda s: proving.wait_for_instrument(s, copies))
            return
        async with self._engine.opened.hold(facts) as opened:
            if opened is None:
                # Another worker took the last connection meanwhile: no attempt was made.
                await self._database.run(lambda s: release(s, self._lease.owner))
                return
            copies = await with_previous(self._engine, copies, opened.source, location)
            await self._make(copies, opened.source, opened.concurrency, location)

    async def _fill(self, location: StorageLocation) -> None:
        """Make the copies that have a proven one elsewhere from that one, not from the instrument.

        So the instrument is read once; and an earlier version, of which the source has other
        content now, comes from nowhere else.
        """
        fixed = [copy for copy in self._batch.copies if copy.sha256 is not None]
        if not fixed:
            return
        ids = [copy.version_id for copy in fixed]
        origins = await self._database.ask(lambda s: proving.origins(s, ids))
        by_place: dict[uuid.UUID, list[ClaimedCopy]] = {}
        for copy in fixed:
            if (origin := origins.get(copy.version_id)) is not None:
                filled = replace(copy, origin=origin)
                by_place.setdefault(origin.storage_location_id, []).append(filled)
                self._filled.add(copy.copy_id)
        for place, copies in by_place.items():
            if (source := await self._origin(place)) is None:
                await self._give_back(copies)
                continue
            await self._make(tuple(copies), source, _FILL_CONCURRENCY, location)

    async def _origin(self, place: uuid.UUID) -> StoredSource | None:
        """Open where proven copies lie; None when it is away, and it rests then."""
        row = await self._database.ask(lambda s: instruments.storage_location(s, place))
        try:
            storage = await self._engine.storage(row)
            await storage.check_ready()
        except StreamWeaveError as error:
            await self._engine.hold_storage_back(row, error)
            return None
        return StoredSource(storage)

    async def _make(
        self,
        copies: tuple[ClaimedCopy, ...],
        source: Source | StoredSource,
        concurrency: int,
        location: StorageLocation,
    ) -> None:
        async with self._writing_to(location) as destination:
            try:
                received, failures, untried = await receive(
                    copies,
                    source,
                    destination,
                    concurrency=concurrency,
                    arriving=self._engine.arriving,
                )
                await self._give_back(untried)
                crash_point("after_receive")
                asked = None
                if isinstance(source, StoredSource):
                    received, strange = _same_as_fixed(received)
                    failures += strange
                else:
                    asked = source
                failures += await self._prove(received, asked, destination)
                await self._finish_failed(failures, destination)
            finally:
                await self._remove_unpublished(copies, destination)
        await self._after(location, failures)

    async def _prove(
        self, received: list[Proof], source: Source | None, destination: StorageBatch
    ) -> list[Failure]:
        """Prove and publish what is still ours; return what failed."""
        if self._takes_long(received):
            held = await self._database.run(
                lambda s: proving.mark_proving(s, [p.copy for p in received])
            )
            received = [proof for proof in received if proof.copy.copy_id in held]
        proofs, failures = await prove(
            received, source, destination, str(self._batch.instrument_id)
        )
        return failures + await self._publish(proofs, destination)

    def _takes_long(self, received: Sequence[Proof]) -> bool:
        """Whether somebody could see these copies being proven: showing it costs a commit."""
        size = sum(proof.bytes_received for proof in received)
        return size >= _SHOWN_BYTES or monotonic() - self._claimed_before >= _SHOWN_SECONDS

    async def _remove_unpublished(
        self, copies: Sequence[ClaimedCopy], destination: StorageBatch
    ) -> None:
        """Remove our temporaries that no intent speaks of, also when the claim was lost.

        Another worker may publish what an intent names, so those stay.
        """
        for copy in copies:
            if copy.copy_id not in self._intended:
                with contextlib.suppress(StreamWeaveError):  # what stays is swept later
                    await destination.remove_temporary(copy.target)

    async def _publish(self, proofs: list[Proof], destination: StorageBatch) -> list[Failure]:
        """Commit the intent, publish, commit `available`, drop the temporaries."""
        if not proofs:
            return []
        same_as_before = [p for p in proofs if _is_unchanged(p)]
        withdrawn = await self._withdraw(same_as_before)
        taken = {proof.copy.copy_id for proof in withdrawn}
        left = [p for p in proofs if p.copy.copy_id not in taken]
        # Before the commit: when its answer is lost, nobody knows whether it stands.
        self._intended.update(proof.copy.copy_id for proof in left)
        before = monotonic()
        won, refused = await self._database.run(lambda s: self._intend(s, left))
        self._intended.intersection_update(proof.copy.copy_id for proof in won)
        self._hold.renewed(before)
        crash_point("after_intent")
        # Too late to publish: the copies stay `publishing`, and the next claimant looks at them.
        self._hold.ensure(self._settings.publish_timeout_seconds)
        done, failed = await publish(won, destination)
        await self._commit_available(done)
        crash_point("after_available")
        for proof in done:
            await destination.remove_temporary(proof.copy.target)
        return refused + failed

    async def _intend(
        self, session: AsyncSession, proofs: Sequence[Proof]
    ) -> tuple[list[Proof], list[Failure]]:
        """Commit to publish, except what waits for what becomes of the version before."""
        waiting = await waiting_for_earlier(session, proofs)
        early = [proof.copy for proof in proofs if proof.copy.copy_id in waiting]
        if early:
            await proving.give_back(session, early, after_seconds=_EARLIER_SECONDS)
        may = [proof for proof in proofs if proof.copy.copy_id not in waiting]
        return await proving.write_intent(session, may, self._lease)

    async def _withdraw(self, proofs: Sequence[Proof]) -> list[Proof]:
        if not proofs:
            return []

        async def work(session: AsyncSession) -> list[Proof]:
            taken = await withdraw_unchanged(session, proofs)
            for proof in taken:
                await self._engine.ports.record(
                    session,
                    actor=f"worker:{self._settings.worker}",
                    action="version.seen_again",
                    subject=f"file:{proof.copy.source_file_id}",
                    details={
                        "version": proof.copy.version_number - 1,
                        "mtime_ns": proof.copy.expected.mtime_ns,
                        "sha256": proof.sha256.hex(),
                    },
                    instrument_id=self._batch.instrument_id,
                )
            return taken

        return await self._database.run(work)

    async def _commit_available(self, proofs: Sequence[Proof]) -> None:
        if not proofs:
            return

        async def work(session: AsyncSession) -> None:
            attempts = await proving.finish_available(
                session, proofs, self._batch, self._settings.worker
            )
            if self._has_siblings:
                ids = [proof.copy.version_id for proof in proofs]
                await release_followers(session, ids, self._batch.storage_location_id)
            await self._audit(session, "copies.proven", attempts)

        await self._database.run(work)

    async def _finish_failed(
        self, failures: Sequence[Failure], destination: StorageBatch | None = None
    ) -> None:
        if not failures:
            return

        async def work(session: AsyncSession) -> None:
            attempts = await proving.finish_failed(
                session,
                failures,
                self._batch.instrument_id,
                self._settings.worker,
                self._settings.retry,
            )
            await self._audit(session, "copies.failed", attempts)

        await self._database.run(work)
        if destination is not None:
            # A conflict ends what was committed to be published, and so does that nothing stands
            # there; others are looked at again.
            ended = [
                f.copy
                for f in failures
                if f.nothing_stands or f.error.error_class is ErrorClass.CONFLICT
            ]
            self._intended.difference_update(copy.copy_id for copy in ended)
            await self._remove_unpublished([f.copy for f in failures], destination)

    async def _audit(self, session: AsyncSession, action: str, attempts: AttemptBatch) -> None:
        """One event a batch, in the transaction of its attempts."""
        await record_attempts(
            session, self._engine.ports, action, attempts, instrument_id=self._batch.instrument_id
        )

    async def _recover(self, location: StorageLocation) -> None:
        """Look at what a dead worker left while publishing."""
        async with self._writing_to(location) as destination:
            await self._hold.renew()
            self._hold.ensure(self._settings.publish_timeout_seconds)
            copies = [c for c in self._batch.copies if c.copy_id in self._hold.held]
            done, failures, gone = await recover(copies, destination)
            await self._commit_available(done)
            await self._database.run(lambda s: proving.make_again(s, gone))
            await self._finish_failed(failures)
        await self._after(location, failures)

    async def _after(self, location: StorageLocation, failures: Sequence[Failure]) -> None:
        """Tell the storage location and the account what their errors mean for all."""
        for failure in failures:
            if failure.error.code in INSTRUMENT_LEVEL | STORAGE_LEVEL:
                await self._hold_back(location, failure.error)
                return
        if location.error_code is not None:
            await self._database.run(lambda s: instruments.let_storage_go(s, location.id))
        if self._was_held:
            ids = [self._batch.instrument_id]
            await self._database.run(lambda s: instruments.let_go(s, ids))


def _is_unchanged(proof: Proof) -> bool:
    copy = proof.copy
    return (
        copy.sha256 is None
        and copy.earlier_sha256 == proof.sha256
        and copy.earlier_size_bytes == proof.bytes_received
    )


def _same_as_fixed(received: list[Proof]) -> tuple[list[Proof], list[Failure]]:
    """A copy that another one is filled from must still have the version's content."""
    same = [proof for proof in received if proof.sha256 == proof.copy.sha256]
    error = StreamWeaveError(
        "read_back_mismatch", "The proven copy that it is filled from differs."
    )
    return same, [Failure(p.copy, error) for p in received if p.sha256 != p.copy.sha256]
