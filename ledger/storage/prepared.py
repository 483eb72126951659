"""What every append asks and writes: compiled once for a dialect, then given to the driver as text.

SQLAlchemy's own way costs as much again as SQLite needs for the row. Parameters are integers and
bytes, which every driver takes as they are; so are results, whose types the caller has to check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
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
from ledger.tree.statement_hashes import Place

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
        """Run it once for each row of values; return how many rows of the table that touched."""
        compiled = self._for(connection.dialect)
        values: list[Any] = [compiled.spread(row) for row in rows]
        try:
            cursor = _cursor(connection)
            if len(values) == 1:
                cursor.execute(compiled.text, values[0])
            else:
                cursor.executemany(compiled.text, values)
            touched: int = cursor.rowcount
            cursor.close()
        except _errors(connection) as error:
            raise _failed(connection, compiled.text, error) from error
        return touched


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
        try:
            with closing(_cursor(connection)) as cursor, cursor.copy(self._copy) as copy:
                copy.set_types(self._types)
                for row in rows:
                    copy.write_row([row[name] for name in self._columns])
        except _errors(connection) as error:
            raise _failed(connection, self._copy, error) from error


class PreparedQuestion(_Prepared):
    """A SELECT with named parameters."""

    def on(self, connection: Connection, values: Values) -> tuple[str, Any]:
        """Return its text and its parameters, as another process gives them to the driver."""
        compiled = self._for(connection.dialect)
        return compiled.text, compiled.spread(values)

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """Return the first row, if there is one; SQLAlchemy's error for what the driver raises."""
        compiled = self._for(connection.dialect)
        try:
            cursor = _cursor(connection)
            cursor.execute(compiled.text, compiled.spread(values))
            row: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
        except _errors(connection) as error:
            raise _failed(connection, compiled.text, error) from error
        return row

    def all(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows; SQLAlchemy's error for what the driver raises."""
        compiled = self._for(connection.dialect)
        try:
            cursor = _cursor(connection)
            cursor.execute(compiled.text, compiled.spread(values))
            rows: list[tuple[Any, ...]] = list(cursor.fetchall())
            cursor.close()
        except _errors(connection) as error:
            raise _failed(connection, compiled.text, error) from error
        return rows


def driver_place(connection: Connection) -> Place:
    """Return the module of the driver, and what it connects with: with the password, if any."""
    dialect, url = connection.dialect, connection.engine.url
    assert dialect.dbapi is not None
    arguments, names = dialect.create_connect_args(url)
    plain = {name: value for name, value in names.items() if name != "context"}
    return dialect.dbapi.__name__, list(arguments), plain


def _cursor(connection: Connection) -> Any:
    """Return a cursor of the driver itself."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    return driver.cursor()


def _errors(connection: Connection) -> type[Exception]:
    """Return what the driver raises."""
    dbapi = connection.dialect.dbapi
    assert dbapi is not None
    return dbapi.Error


def _failed(connection: Connection, sql: str, error: Exception) -> DBAPIError:
    """Return SQLAlchemy's error; a connection that was lost is not lent again."""
    driver = connection.connection.dbapi_connection
    lost = connection.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    return DBAPIError(sql, None, error, connection_invalidated=lost)
