"""All kinds of faults by name."""

from tests.faults.campaign.kinds import (
    destinations,
    files,
    globus,
    network,
    processes,
    rows,
    rsync,
    storage,
)
from tests.faults.campaign.kinds.base import Kind

ALL: dict[str, type[Kind]] = {
    kind.name: kind
    for module in (processes, files, storage, destinations, rows, network, rsync, globus)
    for kind in module.KINDS
}
