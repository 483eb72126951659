"""What every append asks and writes: compiled once for a dialect, then given to the driver as text.

SQLAlchemy's own way costs as much again as SQLite needs for the row. Parameters are integers and
bytes, which every driver takes as they are; so are results, whose types the caller has to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, object]


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
    def __init__(self, statement: Select[*tuple[Any, ...]] | Insert | Update) -> None:
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
    """An INSERT or UPDATE with named parameters."""

    def run(self, connection: Connection, rows: Sequence[Values]) -> CursorResult[Any]:
        """Run it once for each row of values."""
        compiled = self._for(connection.dialect)
        values: list[Any] = [compiled.spread(row) for row in rows]
        return connection.exec_driver_sql(compiled.text, values[0] if len(values) == 1 else values)


class PreparedQuestion(_Prepared):
    """A SELECT with named parameters."""

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """Return the first row, if there is one; SQLAlchemy's error for what the driver raises."""
        with self._asked(connection, values) as cursor:
            row: tuple[Any, ...] | None = cursor.fetchone()
        return row

    def all(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows; SQLAlchemy's error for what the driver raises."""
        with self._asked(connection, values) as cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    @contextmanager
    def _asked(self, connection: Connection, values: Values) -> Iterator[Any]:
        dialect = connection.dialect
        compiled = self._for(dialect)
        assert dialect.dbapi is not None
        try:
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(compiled.text, compiled.spread(values))
                yield cursor
        except dialect.dbapi.Error as error:
            raise DBAPIError(compiled.text, None, error) from error
