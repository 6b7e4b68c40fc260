"""What S3 servers refuse: named, retried or left to a person rightly, nothing half-visible."""

import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, update

from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Attempt, Copy, StorageLocation
from app.transfers.base import ReadBackFrom, Source
from app.transfers.local import LocalSource
from tests.integration.conformance.acts import deliver
from tests.integration.engine_fixtures import Lab, engine_for
from tests.integration.factories import make_instrument
from tests.integration.s3_fixtures import (
    BUCKET,
    MotoS3,
    address_of,
    boto,
    make_s3_storage,
    make_server,
    storage_at,
)
from tests.integration.s3_refusing import Refusal, RefusingDoor, Rule

pytest_plugins = ("tests.integration.s3_fixtures",)

MIB = 1 << 20
FIRST = "scope/first.raw"
SKEWED = Refusal(
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the server's is large.",
)
ELSEWHERE = Refusal(
    400, "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
    (("Region", "eu-west-1"),),
)  # fmt: skip
REDIRECTED = Refusal(
    301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint."
)
DENIED = Refusal(403, "AccessDenied", "Access Denied")
FULL = Refusal(507, "QuotaExceeded", "The quota of the bucket is used up.")


class RefusedLab(Lab):
    """A lab whose S3 storage stands behind a door."""

    door: RefusingDoor
    prefix: str

    def names(self) -> set[str]:
        """What stands in the bucket, by the server itself."""
        found = boto(self.door.server_url).list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        keys = [one["Key"].removeprefix(f"{self.prefix}/") for one in found.get("Contents", [])]
        return {key for key in keys if ".streamweave" not in key} - {FIRST}

    def uploads(self) -> int:
        """How many multipart uploads are not complete."""
        return len(boto(self.door.server_url).list_multipart_uploads(Bucket=BUCKET)
                   .get("Uploads", []))  # fmt: skip

    async def stands(self) -> dict[str, tuple[str, str | None, int]]:
        """State, error and counted failures of each copy, by its name."""
        async with self.database.read() as session:
            rows = await session.scalars(select(Copy))
            found = {row.dest_path: (row.state, row.error_code, row.failures) for row in rows}
            return {path: facts for path, facts in found.items() if path != FIRST}

    async def all_due(self) -> None:
        """As if time had passed."""
        async with self.database.write() as session:
            await session.execute(
                update(StorageLocation).values(paused_until=None, error_code=None)
            )
            await session.execute(
                update(Copy).where(Copy.due_at.is_not(None)).values(due_at=Copy.created_at)
            )


@pytest.fixture
def door(moto: MotoS3) -> Iterator[RefusingDoor]:
    """The door before it, open."""
    with RefusingDoor(moto.url) as door:
        yield door


@pytest.fixture
async def lab(database: Database, tmp_path: Path, door: RefusingDoor) -> AsyncIterator[RefusedLab]:
    """An instrument that delivers through the door."""
    source = tmp_path / "instrument"
    source.mkdir()
    settings = Settings(
        data=tmp_path / "data", secret_keys=SecretStr(Fernet.generate_key().decode()),
        io_timeout_seconds=20.0,
    )  # fmt: skip
    instrument = await make_instrument(database, quiet_seconds=0.0, slug="scope")
    row = await make_s3_storage(database, settings, door.url, instrument)

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    engine = engine_for(database, open_source, settings=settings, lease_seconds=2.0)
    lab = RefusedLab(database, engine, instrument, row.id, source, tmp_path)
    lab.door, lab.prefix = door, row.path.partition("/")[2]
    # What a journal there knows is read before anything is planned: that is done when this ends.
    lab.write("first.raw", b"before the trouble")
    await lab.harvest()
    yield lab
    await engine.ports.open_storage.close()  # type: ignore[attr-defined]


def no_rule(_method: str, _path: str) -> Refusal | None:
    """Refuse nothing."""
    return None


def always(refusal: Refusal) -> Rule:
    """Refuse everything."""
    return lambda _method, _path: refusal


def puts_of(name: str, refusal: Refusal) -> Rule:
    """Refuse to write one name."""
    return lambda method, path: refusal if method == "PUT" and name in path else None


@pytest.mark.parametrize(
    ("refusal", "code", "says"),
    [
        (SKEWED, "storage_clock_skewed", "RequestTimeTooSkewed"),
        (ELSEWHERE, "storage_region_wrong", "eu-west-1"),
        (REDIRECTED, "storage_region_wrong", "PermanentRedirect"),
        (Refusal(404, "NoSuchBucket", "The bucket does not exist"), "storage_share_missing", ""),
        (DENIED, "storage_permission_denied", "AccessDenied"),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
async def test_a_storage_that_refuses_everything_is_named_and_holds_its_copies(
    lab: RefusedLab, refusal: Refusal, code: str, says: str
) -> None:
    lab.write("a.raw", b"one")
    lab.write("b.raw", os.urandom(9 * MIB))
    lab.door.rule = always(refusal)
    await lab.harvest()
    waiting = await lab.stands()
    assert {failures for _, _, failures in waiting.values()} == {0}, waiting  # no fault of theirs
    async with lab.database.read() as session:
        row = (await session.scalars(select(StorageLocation))).one()
        told = (await session.scalars(select(Attempt.error_detail))).all()
    assert row.error_code == code
    assert not says or any(says in (detail or "") for detail in told)
    assert row.paused_until is not None
    assert lab.names() == set()
    lab.door.rule = no_rule
    await lab.all_due()
    await lab.drain()
    assert lab.names() == {"scope/a.raw", "scope/b.raw"}
    assert {state for state, _, _ in (await lab.stands()).values()} == {"available"}


async def test_a_denied_name_fails_alone(lab: RefusedLab) -> None:
    for name in ("a.raw", "b.raw", "c.raw"):
        lab.write(name, name.encode())
    lab.door.rule = puts_of("scope/b.raw", DENIED)
    await lab.harvest()
    assert lab.names() >= {"scope/a.raw", "scope/c.raw"}
    assert "scope/b.raw" not in lab.names()
    state, code, _ = (await lab.stands())["scope/b.raw"]
    assert code == "storage_permission_denied" and state != "available"


async def test_a_quota_that_is_reached_in_the_middle_leaves_nothing_visible(
    lab: RefusedLab,
) -> None:
    lab.write("large.raw", os.urandom(20 * MIB))
    lab.door.rule = lambda method, path: FULL if "partNumber=2" in path else None
    await lab.harvest()
    assert any("partNumber=2" in one for one in lab.door.refused)
    assert lab.names() == set()
    assert lab.uploads() == 0  # aborted: nobody pays for it
    _, code, failures = (await lab.stands())["scope/large.raw"]
    assert (code, failures) == ("storage_full", 0)
    lab.door.rule = no_rule
    await lab.all_due()
    await lab.drain()
    assert lab.names() == {"scope/large.raw"}


@pytest.mark.parametrize(("standing", "ends"), [(b"same", "available"), (b"other", "conflict")])
async def test_a_bucket_whose_policy_denies_overwriting_answers_as_a_taken_name(
    lab: RefusedLab, standing: bytes, ends: str
) -> None:
    lab.write("a.raw", b"same")
    key = f"{lab.prefix}/scope/a.raw"
    boto(lab.door.server_url).put_object(Bucket=BUCKET, Key=key, Body=standing)
    lab.door.rule = puts_of("scope/a.raw", DENIED)
    await lab.harvest()
    assert (await lab.stands())["scope/a.raw"][0] == ends
    found = boto(lab.door.server_url).get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert found == standing


@pytest.mark.parametrize(
    ("checks", "source"),
    [(True, ReadBackFrom.STORAGE_CHECKSUM), (False, ReadBackFrom.SERVER_CACHE)],
)
async def test_a_storage_s_checksum_proves_only_where_a_wrong_one_is_refused(
    tmp_path: Path, checks: bool, source: ReadBackFrom
) -> None:
    server = make_server("rclone", tmp_path)  # it keeps any checksum that it is told
    wrong = Refusal(400, "BadDigest", "The SHA256 you specified did not match what we received.")
    with RefusingDoor(server.url, puts_of("-trial-", wrong) if checks else no_rule) as door:
        storage = storage_at(address_of(door.url, "x", proof="storage_checksum"), uuid.uuid4())
        await storage.place_sentinel()
        delivered = await deliver(storage, b"a.raw", b"content")
        await storage.close()
    keys = [path.name for path in (tmp_path / "files" / BUCKET / "x").rglob("*")]
    server.close()
    assert delivered.read.read_back_from is source
    assert delivered.read.sha256 == hashlib.sha256(b"content").digest()
    assert not [name for name in keys if "trial" in name]


async def test_a_door_that_is_shut_is_told_when_the_storage_is_tested(door: RefusingDoor) -> None:
    storage = storage_at(address_of(door.url, "x"), uuid.uuid4())
    door.rule = always(ELSEWHERE)
    with pytest.raises(StreamWeaveError, match="eu-west-1"):
        await storage.check_ready()
    await storage.close()
