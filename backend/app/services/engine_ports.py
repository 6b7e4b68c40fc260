"""What the engine needs from services, put together once for flow runs and for the worker."""

from pathlib import Path

from app.config import Settings
from app.database import Database
from app.harvest.ports import EngineSettings, Ports, PreTransfer
from app.harvest.retry import RetryPolicy
from app.services import audit
from app.services.identifiers.ark import ArkMinter
from app.services.sources import SourceOpener
from app.services.storages import StorageOpener


def engine_ports(
    database: Database,
    settings: Settings,
    storages: StorageOpener,
    control: Path | None,
    *,
    pre_transfer: PreTransfer | None = None,
) -> Ports:
    """Return the ports of one process, which writes as `storages` does."""
    return Ports(
        open_storage=storages,
        open_source=SourceOpener(database, settings, control),
        mint=ArkMinter(settings.ark_naan, settings.ark_shoulder).mint,
        record=audit.record,
        merkle_root=audit.merkle_root,
        pre_transfer=pre_transfer,
        settings=EngineSettings(
            installation=storages.writer.installation,
            worker=storages.writer.worker,
            lease_seconds=settings.lease_seconds,
            publish_timeout_seconds=settings.publish_timeout_seconds,
            stall_seconds=settings.io_timeout_seconds,
            retry=RetryPolicy(
                settings.retry_base_seconds,
                settings.retry_cap_seconds,
                settings.max_attempts,
                settings.hold_seconds,
            ),
        ),
    )
