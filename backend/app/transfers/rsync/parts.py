"""Where temporaries stand at an rsync daemon: a folder each, and the final path below it.

rsync links a file from a folder (`--link-dest`) in which it has the very path that it is to get.
"""

import re

from app.transfers.base import Target
from app.transfers.layout import FOLDER, temporary_name
from app.transfers.paths import join

PARTS = FOLDER + b"/parts"
_PART = re.compile(rb"/parts/(\.streamweave-[0-9a-f]{8}-[0-9a-f]{32}-[0-9]+[.-]part)(?:/|$)")


def part_folder(installation: str, target: Target) -> bytes:
    """Return the folder of a copy's attempt."""
    return join(PARTS, temporary_name(installation, target))


def part_path(installation: str, target: Target) -> bytes:
    """Return the path under which a copy's attempt is sent."""
    return join(part_folder(installation, target), target.dest_path)


def part_of(path: bytes) -> bytes | None:
    """Return the name of the folder in a path that the server told; None for other paths."""
    found = _PART.search(path)
    return None if found is None else found[1]
