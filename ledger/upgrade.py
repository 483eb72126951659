"""Logs of an earlier format, brought up to the present one in place."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.schema import CreateColumn

from ledger import schema
from ledger.database import Database
from ledger.errors import MalformedError
from ledger.instants import to_milliseconds
from ledger.statement import parse_statement
from ledger.store import EARLIER_FORMATS

_PAGE = 512
_S = schema.statement.c
_FILL = (
    update(schema.statement)
    .where(_S.idx == bindparam("of_idx"))
    .values(event=bindparam("new_event"), claimed_at=bindparam("new_claimed_at"))
)


def bring_up_to_date(database: Database) -> None:
    """Change a log of an earlier format into one of this, in one transaction; leave any other."""
    with database.read() as connection:
        if not _is_earlier(connection):
            return
    with database.write() as connection:
        if not _is_earlier(connection):  # another process was quicker
            return
        if _format(connection) == 1:
            _add_event_and_time(connection)
        schema.metadata.create_all(connection)  # tables that are missing
        connection.execute(update(schema.log).values(format=schema.FORMAT))


def _is_earlier(connection: Connection) -> bool:
    there = connection.dialect.has_table(connection, schema.log.name)
    return there and _format(connection) in EARLIER_FORMATS


def _format(connection: Connection) -> int | None:
    return connection.execute(select(schema.log.c.format)).scalar_one_or_none()


def _add_event_and_time(connection: Connection) -> None:
    for column in (_S.event, _S.claimed_at):
        words = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {schema.statement.name} ADD COLUMN {words}")
    after = -1
    asked = select(_S.idx, _S.encoded).order_by(_S.idx).limit(_PAGE)
    while page := connection.execute(asked.where(_S.idx > after)).all():
        after = page[-1].idx
        rows = [_values(row.idx, row.encoded) for row in page]
        connection.execute(_FILL, rows)
    for index in schema.QUERY_INDEXES:
        index.create(connection)


def _values(index: int, encoded: bytes) -> dict[str, object]:
    try:
        statement = parse_statement(encoded)
    except MalformedError:  # an audit says so; an upgrade judges nothing
        return {"of_idx": index, "new_event": 0, "new_claimed_at": 0}
    claimed = to_milliseconds(statement.claimed_at)
    event = schema.EVENT_NUMBERS[statement.event]
    return {"of_idx": index, "new_event": event, "new_claimed_at": claimed}
