"""Many rows at once: a batch costs a statement or two a table, whose text never changes.

Keys that are looked for go as one parameter (`Among`), rows as in `prepared.py`: a list of
parameters as long as the batch costs 50 microseconds a row to build and compile.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Dialect,
    Insert,
    Table,
    Update,
    bindparam,
    column,
    select,
    update,
    values,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.store.among import among
from app.harvest.store.prepared import Parameters, Row, Shape, execute_rows


async def update_rows(
    session: AsyncSession,
    table: Table,
    rows: Sequence[Row],
    *,
    keys: Sequence[str],
    where: Iterable[ColumnElement[bool]] = (),
    constants: Row | None = None,
) -> set[Any]:
    """Update those of many rows that fit; return their first keys.

    The rows are looked up under lock (PostgreSQL: FOR UPDATE; SQLite: the transaction has the one
    write lock) and then changed, so what the look found still holds when they are.

    Args:
        session: a writing transaction.
        table: the table, with one primary key column.
        rows: each a mapping of column to value, all with the same columns.
        keys: the columns that must be equal (primary key, fence); the others are set.
        where: further conditions on the table.
        constants: columns set to the same value in all rows.
    """
    if not rows:
        return set()
    first = keys[0]
    # Rows are locked in key order, so two batches rarely deadlock (and then one repeats).
    found = await session.execute(
        select(*(table.c[key] for key in keys))
        .where(among(table.c[first], [row[first] for row in rows]), *where)
        .order_by(*table.primary_key.columns)
        .with_for_update()
    )
    held = {tuple(row) for row in found}
    fitting = [row for row in rows if tuple(row[key] for key in keys) in held]
    await set_rows(session, table, fitting, keys=keys, constants=constants)
    return {row[first] for row in fitting}


async def set_rows(
    session: AsyncSession,
    table: Table,
    rows: Sequence[Row],
    *,
    keys: Sequence[str],
    constants: Row | None = None,
) -> None:
    """Update many rows, all with the same columns, whose keys are equal; others stay."""
    if not rows:
        return
    same, first = dict(constants or {}), keys[0]
    names = tuple(name for name in rows[0] if name not in keys)
    if not names:
        ids = [row[first] for row in rows]
        await session.execute(update(table).where(among(table.c[first], ids)).values(same))
        return
    computed = {name: same.pop(name) for name in list(same) if _is_sql(same[name])}
    if computed:
        statement = update(table).where(*(table.c[k] == bindparam(f"key_{k}") for k in keys))
        set_to = {name: bindparam(name) for name in (*names, *same)} | computed
        given = [
            {f"key_{key}": row[key] for key in keys} | {name: row[name] for name in names} | same
            for row in rows
        ]
        await session.execute(statement.values(set_to), given)
        return
    shape = Shape(
        f"update by {keys}",
        table,
        (*keys, *names),
        tuple(same),
        lambda given: _updating(session.get_bind().dialect, table, (*keys, *names), keys, given),
    )
    await execute_rows(session, shape, rows, same)


def _is_sql(value: Any) -> bool:
    return hasattr(value, "__clause_element__") or isinstance(value, ClauseElement)


def _updating(
    dialect: Dialect, table: Table, each: Sequence[str], keys: Sequence[str], given: Parameters
) -> Update:
    if dialect.name != "sqlite":
        set_to = {name: one for name, one in given.items() if name not in keys}
        return update(table).where(*(table.c[key] == given[key] for key in keys)).values(set_to)
    # Here the row of VALUES is repeated in the text, as many times as there are rows.
    row = values(*(column(name, table.c[name].type) for name in each), name="given")
    rows = row.data([tuple(given[name] for name in each)]).cte("given_rows")
    from_rows = {name: rows.c[name] for name in each if name not in keys}
    same = {name: one for name, one in given.items() if name not in each}
    return (
        update(table).where(*(table.c[key] == rows.c[key] for key in keys)).values(from_rows | same)
    )


async def insert_rows(
    session: AsyncSession, table: Table, rows: Sequence[Row], constants: Row | None = None
) -> None:
    """Insert many rows, all with the same columns; `constants` are the same in all."""
    if rows:
        await execute_rows(
            session, _inserting(table, table.insert(), rows, constants), rows, constants or {}
        )


def _inserting(table: Table, insert: Insert, rows: Sequence[Row], constants: Row | None) -> Shape:
    kind = "insert" if insert._post_values_clause is None else "insert new"
    return Shape(kind, table, tuple(rows[0]), tuple(constants or ()), insert.values)


async def insert_new_rows(
    session: AsyncSession,
    table: Table,
    rows: Sequence[Row],
    *,
    returning: str,
    constants: Row | None = None,
) -> set[Any]:
    """Insert the rows that no unique index refuses; return a column of those inserted."""
    if not rows:
        return set()
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(table) if is_postgresql else sqlite.insert(table)
    statement = insert.on_conflict_do_nothing()
    # Nearly always all rows are new, and the driver's count says so; else it is done again by a
    # statement that is slower and tells which.
    connection = await session.connection()
    await connection.exec_driver_sql("SAVEPOINT new_rows")
    shape = _inserting(table, statement, rows, constants)
    if await execute_rows(session, shape, rows, constants or {}) == len(rows):
        await connection.exec_driver_sql("RELEASE SAVEPOINT new_rows")
        return {row[returning] for row in rows}
    await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT new_rows")
    result = await session.execute(
        statement.returning(table.c[returning]), [{**row, **(constants or {})} for row in rows]
    )
    return set(result.scalars())
