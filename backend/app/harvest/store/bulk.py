"""Many rows at once: a batch costs a statement or two a table, whose text never changes.

The text is the same for every batch, so SQLAlchemy compiles it once and the driver prepares it
once; a VALUES list as long as the batch costs 50 microseconds a row to compile. SQLite takes at
most 32,766 parameters a statement, so long lists of keys go in chunks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Dialect,
    Insert,
    Table,
    Update,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.models.base import UTCDateTime

T = TypeVar("T")
_MAX_KEYS = 30_000
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
    first = keys[0]
    fitting: list[Row] = []
    for part in chunks(rows, _MAX_KEYS):
        # Rows are locked in key order, so two batches rarely deadlock (and then one repeats).
        found = await session.execute(
            select(*(table.c[key] for key in keys))
            .where(table.c[first].in_([row[first] for row in part]), *where)
            .order_by(*table.primary_key.columns)
            .with_for_update()
        )
        held = {tuple(row) for row in found}
        fitting += [row for row in part if tuple(row[key] for key in keys) in held]
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
        for part in chunks(rows, _MAX_KEYS):
            ids = [row[first] for row in part]
            await session.execute(update(table).where(table.c[first].in_(ids)).values(same))
        return
    computed = {name: same.pop(name) for name in list(same) if _is_sql(same[name])}
    statement = (
        update(table)
        .where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
        .values({name: bindparam(name) for name in (*names, *same)} | computed)
    )
    given = [
        {f"key_{key}": row[key] for key in keys} | {name: row[name] for name in names} | same
        for row in rows
    ]
    if computed:
        await session.execute(statement, given)
        return
    shape = ("update", table, tuple(keys), names, tuple(same))
    await _execute_many(session, shape, statement, given)


def _is_sql(value: Any) -> bool:
    return hasattr(value, "__clause_element__") or isinstance(value, ClauseElement)


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Row]) -> None:
    """Insert many rows, all with the same columns."""
    if rows:
        statement = table.insert().values({name: bindparam(name) for name in rows[0]})
        await _execute_many(session, ("insert", table, tuple(rows[0])), statement, rows)


@dataclass(frozen=True)
class _Prepared:
    """A statement as the driver wants it, and how it wants each column's values."""

    text: str
    encoders: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    positional: bool

    def parameters(self, rows: Sequence[Row]) -> list[Any]:
        """Return the rows as the driver takes them."""
        columns = [
            [row[name] for row in rows] if encode is None else [encode(row[name]) for row in rows]
            for name, encode in self.encoders
        ]
        if self.positional:
            return list(zip(*columns, strict=True))
        names = [name for name, _ in self.encoders]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


_prepared: dict[tuple[Any, ...], _Prepared] = {}


async def _execute_many(
    session: AsyncSession, shape: tuple[Any, ...], statement: Insert | Update, rows: Sequence[Row]
) -> None:
    """Execute for each row. SQLAlchemy compiles and encodes; its way for each row costs 30 us."""
    dialect = session.get_bind().dialect
    prepared = _prepared.get((dialect.name, *shape))
    if prepared is None:
        prepared = _prepared[(dialect.name, *shape)] = _prepare(statement, dialect)
    connection = await session.connection()
    await connection.exec_driver_sql(prepared.text, prepared.parameters(rows))


def _prepare(statement: Insert | Update, dialect: Dialect) -> _Prepared:
    compiled = statement.compile(dialect=dialect)
    names = list(compiled.positiontup or compiled.bind_names.values())
    types = {name: bind.type for bind, name in compiled.bind_names.items()}
    encoders = tuple((name, _encoder(types[name], dialect)) for name in names)
    return _Prepared(str(compiled), encoders, positional=bool(compiled.positional))


def _encoder(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    encode = kind.dialect_impl(dialect).bind_processor(dialect)
    if encode is not None and isinstance(kind, UTCDateTime):
        return lru_cache(64)(encode)  # a batch shares a few times
    return encode


async def insert_new_rows(
    session: AsyncSession, table: Table, rows: Sequence[Row], *, returning: str
) -> set[Any]:
    """Insert the rows that no unique index refuses; return a column of those inserted."""
    if not rows:
        return set()
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    statement: Insert = (
        postgresql.insert(table).on_conflict_do_nothing()
        if is_postgresql
        else sqlite.insert(table).on_conflict_do_nothing()
    )
    result = await session.execute(
        statement.returning(table.c[returning]), [dict(row) for row in rows]
    )
    return set(result.scalars())
