"""Audit of what is kept beside the statements: annexes, pseudonyms, erasures, the file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from ledger.annexes import open_annex
from ledger.auditing.findings import FindingCode, Findings
from ledger.errors import StoreError
from ledger.storage import erasable, schema
from ledger.storage.database import Database
from ledger.storage.prepared import PreparedQuestion

_STATEMENT, _ANNEX, _KEY = schema.statement.c, schema.annex.c, schema.annex_key.c
_STORAGE = {schema.Bytes: "blob", schema.Number: "integer", String: "text"}
_MOST = 100  # reported of one column
_PSEUDONYM, _ERASED = schema.pseudonym.c, schema.erased.c


def check_database(database: Database, connection: Connection, findings: Findings) -> None:
    """Report what the database itself finds wrong with its tables."""
    for words in database.damage(connection):
        findings.add(None, FindingCode.DATABASE, words)


@dataclass(frozen=True, slots=True)
class _Look:
    """One question after values of a wrong type in a table: one for each column would be ten."""

    table: Table
    rows: ColumnElement[bool]
    question: PreparedQuestion

    @classmethod
    def at(cls, table: Table, rows: ColumnElement[bool]) -> _Look:
        wrong = or_(*map(_is_wrong, table.c))
        return cls(table, rows, PreparedQuestion(select(literal(1)).where(wrong, rows).limit(1)))


@cache
def _at_all() -> Sequence[_Look]:
    return [_Look.at(table, true()) for table in schema.metadata.sorted_tables]


@cache
def _from_start() -> Sequence[_Look]:
    return [
        _Look.at(schema.log, true()),
        _Look.at(schema.head, true()),
        _Look.at(schema.key, true()),
        _Look.at(schema.checkpoint, schema.checkpoint.c.size > bindparam("start")),
        _Look.at(schema.statement, _STATEMENT.idx >= bindparam("start")),
    ]


def check_types(connection: Connection, findings: Findings) -> None:
    """Find values of another type than their column's: SQLite lets any value into any column."""
    _check_types(connection, findings, _at_all(), {})


def check_types_from(connection: Connection, findings: Findings, start: int) -> None:
    """Do the same where an audit reads that goes on from entry ``start``."""
    _check_types(connection, findings, _from_start(), {"start": start})


def _check_types(
    connection: Connection, findings: Findings, looks: Sequence[_Look], values: Mapping[str, int]
) -> None:
    if connection.dialect.name != "sqlite":
        return  # elsewhere a column holds values of its type
    for look in looks:
        if look.question.first(connection, values) is not None:
            _name_wrong_types(connection, findings, look, values)


def _name_wrong_types(
    connection: Connection, findings: Findings, look: _Look, values: Mapping[str, int]
) -> None:
    table = look.table
    place = table.c.idx if "idx" in table.c else literal(None)
    for column in table.c:
        kind = _STORAGE[column.type.__class__]
        asked = select(type_coerce(place, Integer), func.typeof(column))
        wrong = asked.where(_is_wrong(column), look.rows).limit(_MOST)
        for index, found in connection.execute(wrong, dict(values)):
            words = f"{table.name}.{column.name} holds {found} where {kind} must be"
            number = index if isinstance(index, int) else None
            findings.add(number, FindingCode.DATABASE, words)


def _is_wrong(column: ColumnElement[Any]) -> ColumnElement[bool]:
    # in this spelling SQLite looks once at most values, and makes no list of types
    kind = _STORAGE[column.type.__class__]
    return and_(func.typeof(column) != kind, column.is_not(None))


def check_aside(
    connection: Connection,
    findings: Findings,
    *,
    site_key: bytes | None,
    erased: Mapping[int, bytes],
) -> None:
    """Compare annexes, pseudonyms and erasures with the statements they came with."""
    _check_pseudonyms(connection, findings)
    _check_erasures(connection, findings, erased)
    _check_annexes(connection, findings)
    if site_key is not None:
        _open_annexes(connection, findings, site_key)


def _check_pseudonyms(connection: Connection, findings: Findings) -> None:
    strays = (
        select(_PSEUDONYM.idx)
        .join_from(
            schema.pseudonym, schema.statement, _PSEUDONYM.idx == _STATEMENT.idx, isouter=True
        )
        .where(_STATEMENT.object_id.is_distinct_from(_PSEUDONYM.object_id))
    )
    for (index,) in connection.execute(strays):
        words = "a pseudonym refers to an entry that is not about its object"
        findings.add(index, FindingCode.PSEUDONYM, words)


def _check_erasures(
    connection: Connection, findings: Findings, erased: Mapping[int, bytes]
) -> None:
    noted = {
        row.idx: row.object_id for row in connection.execute(select(_ERASED.idx, _ERASED.object_id))
    }
    for index in sorted(noted.keys() | erased.keys()):
        if noted.get(index) != erased.get(index):
            words = "the table of erasures differs from the statements"
            findings.add(index, FindingCode.ERASURE, words)
    for index in erasable.unfinished_erasures(connection):
        words = "the erasure was logged, but the files were not cleaned yet: open the log again"
        findings.add(index, FindingCode.ERASURE, words)
    for table in (schema.annex_key, schema.annex, schema.pseudonym):
        left = select(_ERASED.idx).where(
            _ERASED.object_id.in_(select(table.c.object_id).scalar_subquery())
        )
        for (index,) in connection.execute(left):
            words = f"the object was erased, and {table.name} still has rows of it"
            findings.add(index, FindingCode.ERASURE, words)


def _check_annexes(connection: Connection, findings: Findings) -> None:
    """Every statement that brought the newest annex of its object has it, unless erased.

    Asked of each statement in the order of the log: by object, each would be read at random.
    """
    later = schema.statement.alias("later").c
    replaced = exists().where(
        later.object_id == _STATEMENT.object_id,
        later.object_seq > _STATEMENT.object_seq,
        later.idx > _STATEMENT.idx,
        later.annexed != 0,
    )
    lost = (
        select(_STATEMENT.idx)
        .join_from(schema.statement, schema.annex, _of_object(_ANNEX), isouter=True)
        .join(schema.annex_key, _of_object(_KEY), isouter=True)
        .join(schema.erased, _of_object(_ERASED), isouter=True)
        .where(_STATEMENT.annexed != 0, _ERASED.idx.is_(None))
        .where(or_(_ANNEX.idx.is_distinct_from(_STATEMENT.idx), _KEY.object_id.is_(None)))
        .where(~replaced)
        .order_by(_STATEMENT.idx)
    )
    for (index,) in connection.execute(lost):
        findings.add(index, FindingCode.ANNEX, "the annex that came with this entry is gone")
    for table in (schema.annex, schema.annex_key):
        brought = exists().where(_of_object(table.c), _STATEMENT.annexed != 0)
        strays = select(func.count()).select_from(table).where(~brought)
        count = connection.execute(strays).scalar_one()
        if count:
            words = f"{table.name} has {count} rows that no statement brought"
            findings.add(None, FindingCode.ANNEX, words)


def _of_object(columns: ReadOnlyColumnCollection[str, Column[Any]]) -> ColumnElement[bool]:
    """Whether a row and a statement are about the same object."""
    return columns.object_id == _STATEMENT.object_id


def _open_annexes(connection: Connection, findings: Findings, site_key: bytes) -> None:
    after = b""
    following = select(_ANNEX.object_id, _ANNEX.idx).order_by(_ANNEX.object_id).limit(1)
    while row := connection.execute(following.where(_ANNEX.object_id > after)).one_or_none():
        after = row.object_id
        sealed = erasable.read_annex(connection, row.object_id)
        try:
            if sealed is not None:
                open_annex(sealed, row.object_id, site_key=site_key)
        except StoreError as error:
            findings.add(row.idx, FindingCode.ANNEX, str(error))
