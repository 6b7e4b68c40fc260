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
    BindParameter,
    ClauseElement,
    ColumnElement,
    Dialect,
    Insert,
    LargeBinary,
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
from sqlalchemy.types import TypeEngine

from app.models.base import UTCDateTime

T = TypeVar("T")
_MAX_KEYS = 30_000
_TOGETHER = 50
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
    given = [
        {f"key_{key}": row[key] for key in keys} | {name: row[name] for name in names} | same
        for row in rows
    ]
    if computed:
        statement = update(table).where(*(table.c[k] == bindparam(f"key_{k}") for k in keys))
        set_to = {name: bindparam(name) for name in (*names, *same)} | computed
        await session.execute(statement.values(set_to), given)
        return
    shape = ("update", table, tuple(keys), names, tuple(same))
    await _execute_many(session, shape, _updating(table, keys, names, tuple(same)), given)


def _is_sql(value: Any) -> bool:
    return hasattr(value, "__clause_element__") or isinstance(value, ClauseElement)


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Row]) -> None:
    """Insert many rows, all with the same columns."""
    if rows:
        names = tuple(rows[0])
        make = _inserting(table, table.insert(), names)
        await _execute_many(session, ("insert", table, names), make, rows)


@dataclass(frozen=True)
class _Prepared:
    """A statement as the driver wants it, and whence and how each of its parameters comes."""

    text: str
    rows: int  # how many rows one execution takes
    slots: tuple[tuple[str, str, int, Callable[[Any], Any] | None], ...]
    positional: bool

    def parameters(self, rows: Sequence[Row]) -> Any:
        """Return the parameters of one execution."""
        values = [
            rows[at][column] if encode is None else encode(rows[at][column])
            for _, column, at, encode in self.slots
        ]
        if self.positional:
            return tuple(values)
        return {name: value for (name, *_), value in zip(self.slots, values, strict=True)}


Make = Callable[[int], Insert | Update]
_prepared: dict[tuple[Any, ...], _Prepared] = {}


async def _execute_many(
    session: AsyncSession, shape: tuple[Any, ...], make: Make, rows: Sequence[Row]
) -> int:
    """Execute for each row; return how many rows changed.

    SQLAlchemy compiles and encodes; its own way for each row costs 30 microseconds. SQLite's
    driver gives the interpreter away with each execution and has to wait to have it again, so
    there an execution takes 50 rows where it can. `make` returns the statement for n rows, whose
    parameters are called `column__row`.
    """
    dialect = session.get_bind().dialect
    connection = await session.connection()
    many = _TOGETHER if dialect.name == "sqlite" else 1
    whole = len(rows) - len(rows) % many if many > 1 else 0
    changed = 0
    if whole:
        prepared = _prepare(shape, make, many, dialect)
        for part in chunks(rows[:whole], many):
            result = await connection.exec_driver_sql(prepared.text, prepared.parameters(part))
            changed += int(result.rowcount)
    if whole < len(rows):
        prepared = _prepare(shape, make, 1, dialect)
        given = [prepared.parameters([row]) for row in rows[whole:]]
        changed += int((await connection.exec_driver_sql(prepared.text, given)).rowcount)
    return changed


def _prepare(shape: tuple[Any, ...], make: Make, rows: int, dialect: Dialect) -> _Prepared:
    key = (dialect.name, rows, *shape)
    if key not in _prepared:
        compiled = make(rows).compile(dialect=dialect)
        names = list(compiled.positiontup or compiled.bind_names.values())
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        slots = []
        for name in names:
            column, _, at = name.rpartition("__")
            slots.append((name, column, int(at), _encoder(types[name], dialect)))
        _prepared[key] = _Prepared(str(compiled), rows, tuple(slots), bool(compiled.positional))
    return _prepared[key]


def _parameter(table: Table, column: str, row: int, *, key: bool = False) -> BindParameter[Any]:
    name = f"key_{column}" if key else column
    return bindparam(f"{name}__{row}", type_=table.c[column].type)


def _inserting(table: Table, insert: Insert, names: Sequence[str]) -> Make:
    def make(rows: int) -> Insert:
        return insert.values(
            [{name: _parameter(table, name, row) for name in names} for row in range(rows)]
        )

    return make


def _updating(table: Table, keys: Sequence[str], names: Sequence[str], same: Sequence[str]) -> Make:
    def make(rows: int) -> Update:
        constant = {name: _parameter(table, name, 0) for name in same}
        if rows == 1:
            return (
                update(table)
                .where(*(table.c[key] == _parameter(table, key, 0, key=True) for key in keys))
                .values({name: _parameter(table, name, 0) for name in names} | constant)
            )
        columns = [column(name, table.c[name].type) for name in (*keys, *names)]
        given = (
            values(*columns, name="given")
            .data(
                [
                    tuple(_parameter(table, key, row, key=True) for key in keys)
                    + tuple(_parameter(table, name, row) for name in names)
                    for row in range(rows)
                ]
            )
            .cte("given_rows")
        )
        return (
            update(table)
            .where(*(table.c[key] == given.c[key] for key in keys))
            .values({name: given.c[name] for name in names} | constant)
        )

    return make


def _encoder(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, LargeBinary):
        return None  # drivers take bytes as they are
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
    insert = postgresql.insert(table) if is_postgresql else sqlite.insert(table)
    statement = insert.on_conflict_do_nothing()
    # Nearly always all rows are new, and the driver's count says so; else it is done again by a
    # statement that is slower and tells which.
    connection = await session.connection()
    await connection.exec_driver_sql("SAVEPOINT new_rows")
    names = tuple(rows[0])
    make = _inserting(table, statement, names)
    if await _execute_many(session, ("insert new", table, names), make, rows) == len(rows):
        await connection.exec_driver_sql("RELEASE SAVEPOINT new_rows")
        return {row[returning] for row in rows}
    await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT new_rows")
    result = await session.execute(
        statement.returning(table.c[returning]), [dict(row) for row in rows]
    )
    return set(result.scalars())
