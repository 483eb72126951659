"""The signed checkpoints that a log keeps, by their sizes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from ledger.storage import schema
from ledger.storage.prepared import PreparedQuestion

_CK = schema.checkpoint.c
_CHECKPOINT = select(_CK.size, _CK.note)
_NEWEST = PreparedQuestion(_CHECKPOINT.order_by(_CK.size.desc()).limit(1))


def newest_checkpoint(connection: Connection) -> tuple[int, bytes] | None:
    """Return size and bytes of the newest signed checkpoint."""
    row = _NEWEST.first(connection, {})
    return None if row is None else (row[0], schema.require_bytes(row[1]))


_COVERING = PreparedQuestion(
    _CHECKPOINT.where(_CK.size > bindparam("idx")).order_by(_CK.size).limit(1)
)
_UP_TO = PreparedQuestion(
    _CHECKPOINT.where(_CK.size <= bindparam("size")).order_by(_CK.size.desc()).limit(1)
)


def checkpoint_covering(connection: Connection, index: int) -> bytes | None:
    """Return the first stored checkpoint that covers an entry; None if none does yet."""
    row = _COVERING.first(connection, {"idx": index})
    return None if row is None else schema.require_bytes(row[1])


def checkpoints_covering(connection: Connection, index: int, count: int) -> list[tuple[int, bytes]]:
    """Return the first stored checkpoints that cover an entry, with their sizes, by size."""
    asked = _CHECKPOINT.where(_CK.size > index)
    rows = connection.execute(asked.order_by(_CK.size).limit(count))
    return [(row[0], row[1]) for row in rows]


def checkpoint_up_to(connection: Connection, size: int) -> bytes | None:
    """Return the last stored checkpoint of at most that size; None if there is none."""
    row = _UP_TO.first(connection, {"size": size})
    return None if row is None else schema.require_bytes(row[1])


_OF_SIZE = PreparedQuestion(_CHECKPOINT.where(_CK.size == bindparam("size")))


def read_checkpoint(connection: Connection, size: int) -> bytes | None:
    """Return the checkpoint of exactly that size."""
    row = _OF_SIZE.first(connection, {"size": size})
    return None if row is None else schema.require_bytes(row[1])
