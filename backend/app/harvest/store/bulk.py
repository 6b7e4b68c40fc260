"""Multi-row statements: one round trip changes a whole batch and says which rows it changed.

A guarded UPDATE joined with a VALUES list works on PostgreSQL and SQLite alike; SQLite takes at
most 32,766 parameters a statement, so long lists go in chunks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Insert, Table, cast, column, update, values
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")
_MAX_PARAMETERS = 30_000
Row = Mapping[str, Any]


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def update_rows(
    session: AsyncSession,
    table: Table,
    rows: Sequence[Row],
    *,
    keys: Sequence[str],
    where: Iterable[ColumnElement[bool]] = (),
    constants: Row | None = None,
) -> set[Any]:
    """Update many rows, each with its own values; return the primary keys that were changed.

    Args:
        session: the transaction.
        table: the table, with one primary key column.
        rows: each a mapping of column to value, all with the same columns.
        keys: the columns that must be equal (primary key, fence); the others are set.
        where: further conditions on the table.
        constants: columns set to the same value in all rows.
    """
    changed: set[Any] = set()
    if not rows:
        return changed
    names = list(rows[0])
    (primary,) = table.primary_key.columns
    # Rows are locked in key order, so two batches rarely deadlock (and then one repeats).
    is_postgresql = session.get_bind().dialect.name == "postgresql"

    def given_value(value: ColumnElement[Any], target: ColumnElement[Any]) -> ColumnElement[Any]:
        # A VALUES column of nothing but NULL is text to PostgreSQL.
        return cast(value, target.type) if is_postgresql else value

    ordered = sorted(rows, key=lambda row: row[keys[0]])
    for part in chunks(ordered, _MAX_PARAMETERS // len(names) - 20):
        given = values(*(column(name, table.c[name].type) for name in names), name="given").data(
            [tuple(row[name] for name in names) for row in part]
        )
        source = given.cte("given_rows")
        statement = (
            update(table)
            .values(
                {
                    name: given_value(source.c[name], table.c[name])
                    for name in names
                    if name not in keys
                }
            )
            .where(*(table.c[key] == source.c[key] for key in keys), *where)
            .returning(primary)
        )
        if constants:
            statement = statement.values(dict(constants))
        changed.update((await session.execute(statement)).scalars())
    return changed


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Row]) -> None:
    """Insert many rows, all with the same columns."""
    if not rows:
        return
    for part in chunks(rows, _MAX_PARAMETERS // len(rows[0])):
        await session.execute(table.insert().values([dict(row) for row in part]))


async def insert_new_rows(
    session: AsyncSession, table: Table, rows: Sequence[Row], *, returning: str
) -> set[Any]:
    """Insert the rows that no unique index refuses; return a column of those inserted."""
    inserted: set[Any] = set()
    if not rows:
        return inserted
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    for part in chunks(rows, _MAX_PARAMETERS // len(rows[0])):
        data = [dict(row) for row in part]
        statement: Insert = (
            postgresql.insert(table).values(data).on_conflict_do_nothing()
            if is_postgresql
            else sqlite.insert(table).values(data).on_conflict_do_nothing()
        )
        result = await session.execute(statement.returning(table.c[returning]))
        inserted.update(result.scalars())
    return inserted
