"""Rows in and out: one function per question the log asks its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, cast, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from ledger.annexes import SealedAnnex
from ledger.cose.keys import VerificationKey
from ledger.entries import Entry
from ledger.errors import MalformedError, StoreError
from ledger.links import FIRST, Link
from ledger.roles import Event, Role
from ledger.statements.keyring import KeyRecord, Keyring
from ledger.storage import schema
from ledger.storage.prepared import PreparedQuestion
from ledger.tree.tiles import TILE_WIDTH, TileReader

EARLIER_FORMATS = frozenset(range(1, schema.FORMAT))  # that can be brought up to this one
IN_LIMIT = 500  # values in one IN (...); SQLite binds at most 32,766

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


_HEAD_COLUMNS = select(
    schema.head.c.size, schema.head.c.root, schema.head.c.key_events, schema.head.c.updated_at
)
_HEAD = PreparedQuestion(_HEAD_COLUMNS)


def read_head(connection: Connection) -> HeadRow:
    """Return the head as this transaction sees it."""
    return _head_row(_HEAD.first(connection, {}))


def _head_row(row: tuple[Any, ...] | None) -> HeadRow:
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


def _newest(column: str, seq: str) -> Select[Any, int, bytes]:
    """Of each asked-for chain, the statement with the highest number."""
    group = schema.statement.alias()
    newest = (
        select(group.c[column].label("chain"), func.max(group.c[seq]).label("seq"))
        .where(group.c[column].in_(bindparam("chains", expanding=True)))
        .group_by(group.c[column])
        .subquery()
    )
    return select(newest.c.chain, newest.c.seq, _S.leaf_hash).join(
        schema.statement, (_S[column] == newest.c.chain) & (_S[seq] == newest.c.seq)
    )


def _newest_of_array(column: str, seq: str) -> Select[Any, int, bytes]:
    """The same where an array can be asked with: one text, and so one plan, for any number."""
    kind = ARRAY(_S[column].type)
    chains = (
        func.unnest(cast(bindparam("chains", type_=kind), kind))
        .table_valued("chain")
        .render_derived()
    )
    newest = (
        select(_S[seq], _S.leaf_hash)
        .where(_S[column] == chains.c.chain)
        .order_by(_S[seq].desc())
        .limit(literal_column("1"))
        .lateral()
    )
    return select(chains.c.chain, newest.c[seq], newest.c.leaf_hash).join_from(
        chains, newest, true()
    )


_ONE_OBJECT = PreparedQuestion(
    select(_S.object_seq, _S.leaf_hash)
    .where(_S.object_id == bindparam("object_id"))
    .order_by(_S.object_seq.desc())
    .limit(1)
)
_OBJECTS = "object_id", "object_seq"
_ACTORS = "actor", "actor_seq"
_IN = {chain: _newest(*chain) for chain in (_OBJECTS, _ACTORS)}
_OF_ARRAY = {chain: PreparedQuestion(_newest_of_array(*chain)) for chain in (_OBJECTS, _ACTORS)}
_ENDS = _newest_of_array(*_OBJECTS).subquery()
_HEAD_AND_ENDS = PreparedQuestion(
    _HEAD_COLUMNS.add_columns(*_ENDS.c).select_from(schema.head).outerjoin(_ENDS, true())
)


def _newest_of(
    connection: Connection, kind: tuple[str, str], chains: Sequence[Any]
) -> Iterator[Any]:
    if connection.dialect.name == "postgresql":
        yield from _OF_ARRAY[kind].all(connection, {"chains": list(chains)})
        return
    for chunk in _chunks(list(chains)):
        yield from connection.execute(_IN[kind], {"chains": chunk})


def next_object_links(connection: Connection, objects: Sequence[bytes]) -> dict[bytes, Link]:
    """Return for each object the link its next statement must have."""
    links = dict.fromkeys(objects, FIRST)
    if len(links) == 1:  # the one image of a modality: the plain question is the quicker one
        (object_id,) = links
        row = _ONE_OBJECT.first(connection, {"object_id": object_id})
        if row is not None:
            links[object_id] = Link(row[0] + 1, schema.require_bytes(row[1]))
        return links
    for chain, seq, leaf_hash in _newest_of(connection, _OBJECTS, list(links)):
        links[chain] = Link(seq + 1, leaf_hash)
    return links


def read_head_and_objects(
    connection: Connection, objects: Sequence[bytes]
) -> tuple[HeadRow, dict[bytes, Link]]:
    """Return the head, and ``next_object_links``; from a server, in one round trip."""
    if not objects:
        return read_head(connection), {}
    if connection.dialect.name != "postgresql":
        return read_head(connection), next_object_links(connection, objects)
    links = dict.fromkeys(objects, FIRST)
    rows = _HEAD_AND_ENDS.all(connection, {"chains": list(links)})
    for *_, chain, seq, leaf_hash in rows:
        if chain is not None:
            links[chain] = Link(seq + 1, leaf_hash)
    return _head_row(rows[0][:4] if rows else None), links


_OWN = select(_S.leaf_hash, func.count().over()).where(
    _S.object_id == bindparam("object_id"),
    _S.actor == bindparam("actor"),
    _S.idx < bindparam("below"),
)


def own_link(connection: Connection, object_id: bytes, actor: int, *, below: int) -> Link:
    """Return the link that goes on from what a key itself has said of an object.

    Its number counts what the key has said in the entries below an index.
    """
    asked = _OWN.order_by(_S.idx.desc()).limit(1)
    values = {"object_id": object_id, "actor": actor, "below": below}
    row = connection.execute(asked, values).one_or_none()
    return FIRST if row is None else Link(row[1], schema.require_bytes(row[0]))


def is_sealed(connection: Connection, object_id: bytes) -> bool:
    """Whether somebody has sealed an object."""
    asked = select(_S.idx).where(
        _S.object_id == object_id, _S.event == schema.EVENT_NUMBERS[Event.SEALED]
    )
    return connection.execute(asked.limit(1)).first() is not None


def next_actor_links(connection: Connection, numbers: Sequence[int]) -> dict[int, Link]:
    """Return for each key, by its number, the link its next statement must have."""
    links = dict.fromkeys(numbers, FIRST)
    for chain, seq, leaf_hash in _newest_of(connection, _ACTORS, list(links)):
        links[chain] = Link(seq + 1, leaf_hash)
    return links


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


def find_pseudonym(connection: Connection, pseudonym: bytes) -> tuple[bytes, ...]:
    """Return the objects known under a pseudonym, the oldest first."""
    table = schema.pseudonym.c
    asked = select(table.object_id).where(table.pseudonym == pseudonym)
    return tuple(connection.scalars(asked.order_by(table.idx, table.object_id)))


def read_annex(connection: Connection, object_id: bytes) -> SealedAnnex | None:
    """Return the annex of an object as it is stored."""
    annex, annex_key = schema.annex.c, schema.annex_key.c
    row = connection.execute(
        select(annex_key.wrapped, annex.nonce, annex.ciphertext)
        .join_from(schema.annex, schema.annex_key, annex.object_id == annex_key.object_id)
        .where(annex.object_id == object_id)
    ).one_or_none()
    return None if row is None else SealedAnnex(*row)


def read_wrapped_key(connection: Connection, object_id: bytes) -> bytes | None:
    """Return the wrapped annex key of an object."""
    table = schema.annex_key.c
    asked = select(table.wrapped).where(table.object_id == object_id)
    return connection.execute(asked).scalar_one_or_none()


def unfinished_erasures(connection: Connection) -> list[int]:
    """Return the entries whose erasure may not have reached the files yet."""
    table = schema.erased.c
    asked = select(table.idx).where(table.scrubbed == 0).order_by(table.idx)
    return list(connection.scalars(asked))


def is_erased(connection: Connection, object_id: bytes) -> bool:
    """Whether an object was erased."""
    table = schema.erased.c
    asked = select(table.idx).where(table.object_id == object_id)
    return connection.execute(asked).one_or_none() is not None


_CHECKPOINT = select(schema.checkpoint.c.size, schema.checkpoint.c.note)
_NEWEST = PreparedQuestion(_CHECKPOINT.order_by(schema.checkpoint.c.size.desc()).limit(1))


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
    asked = _CHECKPOINT.where(schema.checkpoint.c.size > index)
    rows = connection.execute(asked.order_by(schema.checkpoint.c.size).limit(count))
    return [(row[0], row[1]) for row in rows]


def checkpoint_up_to(connection: Connection, size: int) -> bytes | None:
    """Return the last stored checkpoint of at most that size; None if there is none."""
    row = _UP_TO.first(connection, {"size": size})
    return None if row is None else schema.require_bytes(row[1])


_OF_SIZE = PreparedQuestion(_CHECKPOINT.where(schema.checkpoint.c.size == bindparam("size")))


def read_checkpoint(connection: Connection, size: int) -> bytes | None:
    """Return the checkpoint of exactly that size."""
    row = _OF_SIZE.first(connection, {"size": size})
    return None if row is None else schema.require_bytes(row[1])


def _chunks(values: list[_T]) -> Iterator[list[_T]]:
    for at in range(0, len(values), IN_LIMIT):
        yield values[at : at + IN_LIMIT]
