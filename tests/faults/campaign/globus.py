"""An instrument behind a Globus collection in a round; the service is a fake in this process."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.models import Instrument, ServiceAccount
from app.services.credentials import Vault
from tests.integration.factories import make_instrument
from tests.integration.fake_globus import CLIENT_ID, SECRET, FakeGlobus, running_globus


@dataclass
class GlobusSide:
    """The service, what leads workers to it, and the instrument's folder."""

    service: FakeGlobus
    environment: dict[str, str]
    root: Path
    landing: Path
    instrument: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=0))


@contextlib.contextmanager
def globus_side(folder: Path) -> Iterator[GlobusSide]:
    """Run the service with a folder to harvest and one to land in."""
    root, landing = folder / "instrument", folder / "landing"
    root.mkdir()
    landing.mkdir()
    with running_globus() as (service, environment):
        yield GlobusSide(service, environment, root, landing)


async def make_rows(database: Database, side: GlobusSide, data: Path) -> uuid.UUID:
    """Make the instrument with its account."""
    instrument = await make_instrument(database, slug="instrument")
    now = utcnow()
    async with database.write() as session:
        account = ServiceAccount(
            name="globus",
            username=CLIENT_ID,
            secret_encrypted=Vault.from_settings(Settings(data=data)).encrypt(SECRET),
            proven_version=1,
            created_at=now,
            updated_at=now,
        )
        session.add(account)
        await session.flush()
        row = await session.get_one(Instrument, instrument)
        row.protocol, row.root, row.service_account_id = "globus", "/", account.id
        row.mover_options = {
            "source_collection": side.service.collection(side.root),
            "landing_collection": side.service.collection(side.landing),
            "landing_path": str(side.landing),
            "poll_seconds": 0.05,
        }
    return instrument
