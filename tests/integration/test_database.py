"""The schema and its promises on both databases."""

import hashlib
import uuid
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.clock import utcnow
from app.database import Database, lease_clock_ms
from app.errors import StreamWeaveError
from app.migrations import alembic_config, head, migrate
from app.models import AuditEvent, AuditLink, Instrument, SourceFile
from app.services import audit
from app.services.leases import take_lease


def test_models_and_migrations_agree(database_url: str) -> None:
    command.check(alembic_config(database_url))


def test_migrations_go_down_and_up_again(database_url: str) -> None:
    migrate(database_url, "base")
    migrate(database_url)
    command.check(alembic_config(database_url))


async def _instrument(database: Database) -> uuid.UUID:
    async with database.write() as session:
        instrument = Instrument(
            name="TEM", slug="tem", protocol="local", created_at=utcnow(), updated_at=utcnow()
        )
        session.add(instrument)
        await session.flush()
        return instrument.id


async def test_a_path_of_4000_characters_is_stored_and_found(database: Database) -> None:
    instrument_id = await _instrument(database)
    path = "/".join(["ä" * 100] * 40)[:4000]
    raw = path.encode()
    digest = hashlib.sha256(raw).digest()
    async with database.write() as session:
        session.add(
            SourceFile(
                instrument_id=instrument_id, path=path, path_bytes=raw, path_hash=digest,
                directory_hash=digest, state="settling", listed_size_bytes=1, listed_mtime_ns=1,
                size_bytes=1, mtime_ns=1, first_seen_at=utcnow(), unchanged_since=utcnow(),
            )
        )  # fmt: skip
    async with database.read() as session:
        found = await session.scalar(select(SourceFile).where(SourceFile.path_hash == digest))
    assert found is not None
    assert found.path == path
    assert found.first_seen_at.tzinfo is not None


async def _sealed_event(database: Database) -> None:
    async with database.write() as session:
        await audit.record(session, actor="system", action="test.made", subject="test:1")
        await audit.record(session, actor="system", action="test.made", subject="test:2")
        assert await audit.seal(session) == 2


@pytest.mark.parametrize(
    "statement",
    [
        update(AuditEvent).values(actor="user:somebody"),
        delete(AuditEvent),
        delete(AuditLink),
        update(AuditLink).values(hash=b"x" * 32),
    ],
)
async def test_the_audit_trail_refuses_change(database: Database, statement: object) -> None:
    await _sealed_event(database)
    with pytest.raises(DBAPIError, match=r"cannot be changed|constraint"):
        async with database.write() as session:
            await session.execute(statement)  # type: ignore[call-overload]
    async with database.read() as session:
        found = await audit.verify(session)
    assert (found.intact, found.sealed, found.unsealed) == (True, 2, 0)


async def test_the_audit_trail_refuses_to_replace_an_event(database: Database) -> None:
    await _sealed_event(database)
    async with database.read() as session:
        event = (await session.execute(select(AuditEvent.__table__).limit(1))).mappings().one()
    statement = insert(AuditEvent).values(**{**event, "actor": "user:somebody"})
    if database.is_sqlite:
        statement = statement.prefix_with("OR REPLACE")
    with pytest.raises(DBAPIError):
        async with database.write() as session:
            await session.execute(statement)


async def test_a_slipped_in_event_is_found(database: Database) -> None:
    await _sealed_event(database)
    async with database.write() as session:
        event_id = await audit.record(session, actor="x", action="x.y", subject="x:1")
        await session.execute(
            text("DELETE FROM audit_pending WHERE event_id = :id"),
            {"id": event_id.hex if database.is_sqlite else event_id},
        )
    async with database.read() as session:
        assert not (await audit.verify(session)).intact


async def test_the_unsealed_tail_is_named(database: Database) -> None:
    await _sealed_event(database)
    async with database.write() as session:
        await audit.record(session, actor="system", action="test.made", subject="test:3")
    async with database.read() as session:
        found = await audit.verify(session)
    assert (found.intact, found.sealed, found.unsealed) == (True, 2, 1)


async def test_the_lease_clock_goes_on(database: Database) -> None:
    async with database.read() as session:
        first = await lease_clock_ms(session)
        second = await lease_clock_ms(session)
    assert 0 < first <= second


async def test_a_database_with_another_schema_is_refused(database: Database) -> None:
    await database.check_migrated(head())
    with pytest.raises(StreamWeaveError, match="database_not_migrated"):
        await database.check_migrated("9999")


async def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    empty = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StreamWeaveError, match="database_not_migrated"):
        await empty.check_migrated(head())
    await empty.close()


async def test_leases_of_an_earlier_boot_are_void(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database.is_sqlite:
        assert await lease_clock_of(database) > 0  # PostgreSQL's clock survives a boot
        return
    await database.forget_leases_of_earlier_boots()
    taken = await database.run(lambda s: take_lease(s, "sealer", "me", 600))
    assert taken
    assert not await database.run(lambda s: take_lease(s, "sealer", "you", 600))
    await database.forget_leases_of_earlier_boots()
    assert not await database.run(lambda s: take_lease(s, "sealer", "you", 600))
    monkeypatch.setattr("app.database.boot_id", lambda: "another boot")
    await database.forget_leases_of_earlier_boots()
    assert await database.run(lambda s: take_lease(s, "sealer", "you", 600))


async def lease_clock_of(database: Database) -> int:
    """The lease clock now."""
    async with database.read() as session:
        return await lease_clock_ms(session)
