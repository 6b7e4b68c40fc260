"""A column is one of many keys: the keys go as one parameter, whatever their number.

`IN` with a parameter a key is built, compiled and expanded anew for each batch; here the text stays
the same. SQLite reads the keys out of a JSON text, PostgreSQL out of an array.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BindParameter, ColumnElement, Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeEngine


class KeyList(TypeDecorator[Sequence[Any]]):
    """Keys of one kind (UUIDs or texts) as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL has arrays."""
        kind = ARRAY(self.kind) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """SQLite stores a UUID as its 32 digits."""
        if value is None or dialect.name == "postgresql":
            return value
        return orjson.dumps([_digits(one) for one in value]).decode()


def _digits(key: Any) -> Any:
    return f"{key.int:032x}" if isinstance(key, uuid.UUID) else key


class Among(ColumnElement[bool]):
    """`column IN (keys)`."""

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012  # declared by SQLAlchemy
        ("column", InternalTraversal.dp_clauseelement),
        ("keys", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[Any], keys: BindParameter[Any]) -> None:
        self.column = column
        self.keys = keys


def among(column: ColumnElement[Any], keys: Sequence[Any] | str) -> Among:
    """Return the condition that a column is one of these keys, or of the parameter so named."""
    kind = KeyList(column.type)
    if isinstance(keys, str):
        return Among(column, bindparam(keys, type_=kind))
    return Among(column, bindparam(None, list(keys), type_=kind))


@compiles(Among)
def _in_json(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(part, **options) for part in (element.column, element.keys))
    return f"{column} IN (SELECT value FROM json_each({keys}))"


@compiles(Among, "postgresql")
def _in_array(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(part, **options) for part in (element.column, element.keys))
    return f"{column} = ANY ({keys})"
