"""Rows in and out: one function per question the log asks its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, func, select

from ledger.cose.keys import VerificationKey
from ledger.entries import Entry
from ledger.errors import MalformedError, StoreError
from ledger.roles import Event, Role
from ledger.statements.keyring import KeyRecord, Keyring
from ledger.storage import schema
from ledger.storage.prepared import PreparedQuestion
from ledger.tree.tiles import TILE_WIDTH, TileReader

EARLIER_FORMATS = frozenset(range(1, schema.FORMAT))  # that can be brought up to this one

_S, _K, _CK = schema.statement.c, schema.key.c, schema.checkpoint.c
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LogRow:
    """The configuration of a log."""

    origin: str
    genesis_kid: bytes
    vkeys: tuple[str, ...]
    annex_key_check: bytes


@dataclass(frozen=True, slots=True)
class HeadRow:
    """Where the log ends, how many statements changed its keys, and the latest append time."""

    size: int
    root: bytes
    key_events: int
    updated_at: int


def read_log(connection: Connection) -> LogRow:
    """Return the configuration; StoreError if there is none, or of a later format."""
    if not connection.dialect.has_table(connection, schema.log.name):
        raise StoreError("the database holds no log")
    row = connection.execute(select(schema.log)).one_or_none()
    if row is None:
        raise StoreError("the log was never finished: it has no configuration")
    if row.format in EARLIER_FORMATS:
        words = f"the log has format {row.format}; this release reads {schema.FORMAT}"
        raise StoreError(f"{words}: open it once with its keys (radseal log upgrade)")
    if row.format != schema.FORMAT:
        raise StoreError(f"the log has format {row.format}; this release knows {schema.FORMAT}")
    return LogRow(row.origin, row.genesis_kid, tuple(row.vkeys.split("\n")), row.annex_key_check)


_VKEYS = PreparedQuestion(select(schema.log.c.vkeys))


def read_vkeys(connection: Connection) -> tuple[str, ...]:
    """Return the lines of the log's verifier keys, in force and retired."""
    row = _VKEYS.first(connection, {})
    if row is None:
        raise StoreError("the log has lost its configuration")
    return tuple(str(row[0]).split("\n"))


HEAD_COLUMNS = select(
    schema.head.c.size, schema.head.c.root, schema.head.c.key_events, schema.head.c.updated_at
)
_HEAD = PreparedQuestion(HEAD_COLUMNS)


def read_head(connection: Connection) -> HeadRow:
    """Return the head as this transaction sees it."""
    return head_row(_HEAD.first(connection, {}))


def head_row(row: tuple[Any, ...] | None) -> HeadRow:
    if row is None:
        raise StoreError("the log has lost its head")
    size, root, key_events, updated_at = row
    return HeadRow(size, schema.require_bytes(root), key_events, updated_at)


_TILE = PreparedQuestion(
    select(schema.tile.c.hashes).where(
        schema.tile.c.level == bindparam("level"), schema.tile.c.number == bindparam("number")
    )
)


def tile_reader(connection: Connection) -> TileReader:
    """Return a reader that asks for each tile once; StoreError for a tile that is not there."""
    cache: dict[tuple[int, int], bytes] = {}

    def read(level: int, number: int) -> bytes:
        if (level, number) not in cache:
            row = _TILE.first(connection, {"level": level, "number": number})
            found = row[0] if row is not None else None
            if found is None and level == 0:
                found = _pruned_tile(connection, number)
            if found is None:
                raise StoreError(f"tile {number} of level {level} is missing")
            cache[level, number] = schema.require_bytes(found)
        return cache[level, number]

    return read


def minimum_index(connection: Connection) -> int:
    """Return the first entry that was not pruned (C2SP tlog-tiles); 0 if none was."""
    asked = select(func.max(schema.pruning.c.below))
    return connection.execute(asked).scalar_one() or 0


def _pruned_tile(connection: Connection, number: int) -> bytes | None:
    """Return a tile of leaf hashes that was pruned, from the rows that stay."""
    stop = (number + 1) * TILE_WIDTH
    if stop > minimum_index(connection):
        return None
    of_tile = (stop - TILE_WIDTH <= _S.idx, _S.idx < stop)
    leaves = connection.scalars(select(_S.leaf_hash).where(*of_tile).order_by(_S.idx)).all()
    return b"".join(leaves) if len(leaves) == TILE_WIDTH else None


def read_keyring(connection: Connection) -> Keyring:
    """Return all keys of the log."""
    rows = connection.execute(_KEYS.order_by(_K.number))
    records = [_key_record(row) for row in rows]
    return Keyring({record.key.kid: record for record in records})


def find_key(connection: Connection, kid: bytes) -> KeyRecord | None:
    """Return the record of a key; None if it was never added."""
    row = _KEY.first(connection, {"kid": kid})
    if row is None:
        return None
    record = _key_record(row)
    if record.key.kid != kid:
        raise StoreError(f"key number {record.number} of the log is damaged: its id is another's")
    return record


_KEYS = select(*(_K.number, _K.spki, _K.role, _K.certificate, _K.added_index, _K.revoked_index))
_KEY = PreparedQuestion(_KEYS.where(_K.kid == bindparam("kid")))


def _key_record(row: Sequence[Any]) -> KeyRecord:
    number, spki, role, certificate, added_index, revoked_index = row
    try:
        key, known = VerificationKey.from_spki(schema.require_bytes(spki)), Role(role)
    except (MalformedError, ValueError) as error:
        raise StoreError(f"key number {number} of the log is damaged") from error
    if certificate is not None:
        certificate = schema.require_bytes(certificate)
    return KeyRecord(number, key, known, certificate, added_index, revoked_index)


def is_sealed(connection: Connection, object_id: bytes) -> bool:
    """Whether somebody has sealed an object."""
    asked = select(_S.idx).where(
        _S.object_id == object_id, _S.event == schema.EVENT_NUMBERS[Event.SEALED]
    )
    return connection.execute(asked.limit(1)).first() is not None


_ENTRY = select(_S.idx, _S.encoded, _S.leaf_hash)
_ENTRY_BY_LEAF = _ENTRY.where(_S.leaf_hash == bindparam("leaf_hash"))
_ENTRY_BY_INDEX = _ENTRY.where(_S.idx == bindparam("idx"))
_ENTRIES_OF_OBJECT = _ENTRY.where(_S.object_id == bindparam("object_id")).order_by(_S.object_seq)
_ENTRIES = (
    _ENTRY.where(_S.idx >= bindparam("start"), _S.idx < bindparam("stop"))
    .order_by(_S.idx)
    .limit(bindparam("count"))
)


def find_leaf(connection: Connection, leaf_hash: bytes) -> Entry | None:
    """Return the entry with that leaf hash."""
    row = connection.execute(_ENTRY_BY_LEAF, {"leaf_hash": leaf_hash}).one_or_none()
    return None if row is None else Entry(*row)


def find_index(connection: Connection, index: int) -> Entry | None:
    """Return the entry of that number."""
    row = connection.execute(_ENTRY_BY_INDEX, {"idx": index}).one_or_none()
    return None if row is None else Entry(*row)


def entries_of_object(connection: Connection, object_id: bytes) -> tuple[Entry, ...]:
    """Return the entries about an object, in the order of its chain."""
    rows = connection.execute(_ENTRIES_OF_OBJECT, {"object_id": object_id})
    return tuple(Entry(*row) for row in rows)


def page_of_object(
    connection: Connection, object_id: bytes, start: int, *, count: int
) -> list[Entry]:
    """Return at most ``count`` entries about an object, from its number ``start`` on."""
    asked = _ENTRIES_OF_OBJECT.where(_S.object_seq >= start).limit(count)
    return [Entry(*row) for row in connection.execute(asked, {"object_id": object_id})]


def read_entries(connection: Connection, start: int, stop: int, *, count: int) -> list[Entry]:
    """Return at most ``count`` entries of a range."""
    rows = connection.execute(_ENTRIES, {"start": start, "stop": stop, "count": count})
    return [Entry(*row) for row in rows]
