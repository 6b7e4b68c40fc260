"""Conditions in the words of the partial indexes.

A database can use a partial index only when it reads the index's own condition in the query; a
parameter in its place makes it read the whole table.
"""

from sqlalchemy import text

WAITING = text("copies.state IN ('queued', 'retry_wait')")
IN_FLIGHT = text("copies.state IN ('transferring', 'proving', 'publishing')")
TROUBLED = text("copies.state IN ('failed', 'conflict', 'damaged', 'missing')")
UNSETTLED = text("source_files.state IN ('settling', 'held')")
