"""What every append asks and writes: compiled once for a dialect, then given to the driver as text.

SQLAlchemy's own way costs as much again as SQLite needs for the row. Parameters are integers and
bytes, which every driver takes as they are; so are results, whose types the caller has to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Update,
    insert,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from ledger.storage.schema import Bytes

Values = Mapping[str, object]
_Statement = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class _Compiled:
    """SQL for one driver: parameters by place or by name, and those the statement has of itself."""

    text: str
    places: Sequence[str] | None
    constants: Values

    def spread(self, values: Values) -> Any:
        """Return parameters as the driver wants them."""
        if self.constants:
            values = {**self.constants, **values}
        return dict(values) if self.places is None else tuple([values[n] for n in self.places])


class _Prepared:
    def __init__(self, statement: _Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler)
            constants = {
                name: value for name, value in compiled.params.items() if value is not None
            }
            found = _Compiled(compiled.string, compiled.positiontup, constants)
            self._compiled[dialect.name] = found
        return found


class PreparedWrite(_Prepared):
    """An INSERT, UPDATE or DELETE with named parameters."""

    def run(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Run it once for each row of values; return how many rows of the table it has met."""
        compiled = self._for(connection.dialect)
        values = [compiled.spread(row) for row in rows]
        with (
            _raised(connection, compiled.text),
            closing(connection.connection.cursor()) as cursor,
        ):
            if len(values) == 1:
                cursor.execute(compiled.text, values[0])
            else:
                cursor.executemany(compiled.text, values)
            return cursor.rowcount


class PreparedRows(PreparedWrite):
    """An INSERT of many rows into a table; PostgreSQL copies them."""

    def __init__(self, table: Table) -> None:
        super().__init__(insert(table))
        self._columns = [column.name for column in table.c]
        self._copy = f"COPY {table.name} ({', '.join(self._columns)}) FROM STDIN (FORMAT BINARY)"
        self._types = ["bytea" if isinstance(c.type, Bytes) else "int8" for c in table.c]

    def write(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Write rows, each with a value for every column."""
        if connection.dialect.name != "postgresql":
            self.run(connection, rows)
            return
        with (
            _raised(connection, self._copy),
            closing(connection.connection.cursor()) as cursor,
            cursor.copy(self._copy) as copy,
        ):
            copy.set_types(self._types)
            for row in rows:
                copy.write_row([row[name] for name in self._columns])


class PreparedQuestion(_Prepared):
    """A SELECT with named parameters."""

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """Return the first row, if there is one; SQLAlchemy's error for what the driver raises."""
        compiled = self._for(connection.dialect)
        with (
            _raised(connection, compiled.text),
            closing(connection.connection.cursor()) as cursor,
        ):
            cursor.execute(compiled.text, compiled.spread(values))
            row: tuple[Any, ...] | None = cursor.fetchone()
        return row

    def all(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows; SQLAlchemy's error for what the driver raises."""
        compiled = self._for(connection.dialect)
        with (
            _raised(connection, compiled.text),
            closing(connection.connection.cursor()) as cursor,
        ):
            cursor.execute(compiled.text, compiled.spread(values))
            rows: list[tuple[Any, ...]] = list(cursor.fetchall())
        return rows


@contextmanager
def _raised(connection: Connection, sql: str) -> Iterator[None]:
    dbapi = connection.dialect.dbapi
    assert dbapi is not None
    try:
        yield
    except dbapi.Error as error:
        driver = connection.connection.dbapi_connection
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)  # or the pool would lend it again
        raise DBAPIError(sql, None, error, connection_invalidated=lost) from error
