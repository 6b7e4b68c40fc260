"""Files by rsync: over SSH, from a daemon, or from a path of the worker."""

from app.transfers.rsync.mover import Rsync
from app.transfers.rsync.options import RsyncOptions

__all__ = ["Rsync", "RsyncOptions"]
