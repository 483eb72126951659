"""Audit of what is kept beside the statements: annexes, pseudonyms, erasures, the file itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)

from ledger.annexes import open_annex
from ledger.auditing.findings import FindingCode, Findings
from ledger.errors import StoreError
from ledger.storage import schema, store
from ledger.storage.database import Database

_STATEMENT, _ANNEX, _KEY = schema.statement.c, schema.annex.c, schema.annex_key.c
_STORAGE = {schema.Bytes: "blob", schema.Number: "integer", String: "text"}
_MOST = 100  # reported of one column
_PSEUDONYM, _ERASED = schema.pseudonym.c, schema.erased.c


def check_database(database: Database, connection: Connection, findings: Findings) -> None:
    """Report what the database itself finds wrong with its tables."""
    for words in database.damage(connection):
        findings.add(None, FindingCode.DATABASE, words)


def check_types(connection: Connection, findings: Findings) -> None:
    """Find values of another type than their column's: SQLite lets any value into any column."""
    for table in schema.metadata.sorted_tables:
        _check_types_of(connection, findings, table, true())


def check_types_from(connection: Connection, findings: Findings, start: int) -> None:
    """Do the same where an audit reads that goes on from entry ``start``."""
    for table, where in (
        (schema.log, true()),
        (schema.head, true()),
        (schema.key, true()),
        (schema.checkpoint, schema.checkpoint.c.size > start),
        (schema.statement, _STATEMENT.idx >= start),
    ):
        _check_types_of(connection, findings, table, where)


def _check_types_of(
    connection: Connection, findings: Findings, table: Table, rows: ColumnElement[bool]
) -> None:
    if connection.dialect.name != "sqlite":
        return  # elsewhere a column holds values of its type
    by_entry = "idx" in table.c
    wrongs = {column: _is_wrong(column) for column in table.c}
    if not connection.execute(select(literal(1)).where(or_(*wrongs.values()), rows).limit(1)).all():
        return  # one look at the table, where a look for each column would be ten
    for column, wrong in wrongs.items():
        kind = _STORAGE[column.type.__class__]
        place = table.c.idx if by_entry else literal(None)
        for index, found in connection.execute(
            select(type_coerce(place, Integer), func.typeof(column)).where(wrong, rows).limit(_MOST)
        ):
            words = f"{table.name}.{column.name} holds {found} where {kind} must be"
            number = index if isinstance(index, int) else None
            findings.add(number, FindingCode.DATABASE, words)


def _is_wrong(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.typeof(column).not_in(("null", _STORAGE[column.type.__class__]))


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
    for index in store.unfinished_erasures(connection):
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
    """Every statement that brought the newest annex of its object has it, unless erased."""
    brought = (
        select(_STATEMENT.object_id, func.max(_STATEMENT.idx).label("idx"))
        .where(_STATEMENT.annexed != 0)
        .group_by(_STATEMENT.object_id)
        .subquery()
    )
    lost = (
        select(brought.c.idx)
        .join_from(brought, schema.annex, brought.c.object_id == _ANNEX.object_id, isouter=True)
        .join(schema.annex_key, brought.c.object_id == _KEY.object_id, isouter=True)
        .join(schema.erased, brought.c.object_id == _ERASED.object_id, isouter=True)
        .where(_ERASED.idx.is_(None))
        .where(or_(_ANNEX.idx.is_distinct_from(brought.c.idx), _KEY.object_id.is_(None)))
    )
    for (index,) in connection.execute(lost):
        findings.add(index, FindingCode.ANNEX, "the annex that came with this entry is gone")
    for table in (schema.annex, schema.annex_key):
        strays = select(func.count()).where(
            table.c.object_id.not_in(select(brought.c.object_id).scalar_subquery())
        )
        count = connection.execute(strays).scalar_one()
        if count:
            words = f"{table.name} has {count} rows that no statement brought"
            findings.add(None, FindingCode.ANNEX, words)


def _open_annexes(connection: Connection, findings: Findings, site_key: bytes) -> None:
    after = b""
    following = select(_ANNEX.object_id, _ANNEX.idx).order_by(_ANNEX.object_id).limit(1)
    while row := connection.execute(following.where(_ANNEX.object_id > after)).one_or_none():
        after = row.object_id
        sealed = store.read_annex(connection, row.object_id)
        try:
            if sealed is not None:
                open_annex(sealed, row.object_id, site_key=site_key)
        except StoreError as error:
            findings.add(row.idx, FindingCode.ANNEX, str(error))
