"""The tables of a log. No identity columns: every number is computed, and fenced by a key."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BLOB,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)

from ledger.errors import StoreError
from ledger.roles import Event

# 1 had neither event nor claimed_at of a statement; 1 and 2 had no timestamps, prunings, alarms.
FORMAT = 3
# How the query index spells events; a new event gets the next number (docs/spec/log.md).
EVENT_NUMBERS: Mapping[Event, int] = {event: number for number, event in enumerate(Event, 1)}


class Bytes(TypeDecorator[bytes]):
    """A BLOB, and nothing else: SQLite lets any value into any column."""

    impl = BLOB
    cache_ok = True

    def process_result_value(self, value: object, dialect: Dialect) -> bytes | None:
        """Return the bytes; StoreError for text or a number in their place."""
        return None if value is None else require_bytes(value)


def require_bytes(value: object) -> bytes:
    """Return what a row holds where bytes must be; StoreError for text or a number."""
    if isinstance(value, bytes):
        return value
    raise StoreError("the database holds text or a number where bytes must be: audit the log")


metadata = MetaData()


def _single_row() -> tuple[Column[int], CheckConstraint]:
    return Column("id", Integer, primary_key=True, autoincrement=False), CheckConstraint("id = 1")


# What never changes: who the log is, which key stands at its beginning, how its heads are signed.
log = Table(
    "radseal_log",
    metadata,
    *_single_row(),
    Column("format", Integer, nullable=False),
    Column("origin", String, nullable=False),
    Column("genesis_kid", Bytes, nullable=False),
    Column("vkeys", String, nullable=False),
    Column("annex_key_check", Bytes, nullable=False),
    Column("created_at", Integer, nullable=False),
)

# The one row every append compares and sets.
head = Table(
    "radseal_head",
    metadata,
    *_single_row(),
    Column("size", Integer, nullable=False),
    Column("root", Bytes, nullable=False),
    Column("key_events", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
)

key = Table(
    "radseal_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kid", Bytes, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("spki", Bytes, nullable=False),
    Column("certificate", Bytes),
    Column("added_index", Integer, nullable=False),
    Column("revoked_index", Integer),
)

# A statement, and the query index over it: by leaf hash, signer, object, event and claimed time.
statement = Table(
    "radseal_statement",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("encoded", Bytes, nullable=False),
    Column("leaf_hash", Bytes, nullable=False, unique=True),
    Column("actor", ForeignKey(key.c.number), nullable=False),
    Column("actor_seq", Integer, nullable=False),
    Column("object_id", Bytes),
    Column("object_seq", Integer),
    Column("annexed", Integer, nullable=False),
    Column("event", Integer, nullable=False, server_default="0"),
    Column("claimed_at", Integer, nullable=False, server_default="0"),
    UniqueConstraint("actor", "actor_seq"),
    UniqueConstraint("object_id", "object_seq"),
)
# Each holds the index of the entry as well, so that answers come in the order of the log.
QUERY_INDEXES = (
    Index("radseal_statement_by_event", statement.c.event),
    Index("radseal_statement_by_time", statement.c.claimed_at),
)

tile = Table(
    "radseal_tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("hashes", Bytes, nullable=False),
)

checkpoint = Table(
    "radseal_checkpoint",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("note", Bytes, nullable=False),
)

pseudonym = Table(
    "radseal_pseudonym",
    metadata,
    Column("pseudonym", Bytes, primary_key=True),
    Column("object_id", Bytes, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Index("radseal_pseudonym_object", "object_id"),
    sqlite_with_rowid=False,
)

annex = Table(
    "radseal_annex",
    metadata,
    Column("object_id", Bytes, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Column("nonce", Bytes, nullable=False),
    Column("ciphertext", Bytes, nullable=False),
)

annex_key = Table(
    "radseal_annex_key",
    metadata,
    Column("object_id", Bytes, primary_key=True),
    Column("wrapped", Bytes, nullable=False),
)

# ``scrubbed`` becomes 1 when the files were seen to be free of what the object had.
erased = Table(
    "radseal_erased",
    metadata,
    Column("object_id", Bytes, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Column("scrubbed", Integer, nullable=False),
)

# A token over a checkpoint and the tokens before it; the note as it was when it was stamped.
timestamp = Table(
    "radseal_timestamp",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("note", Bytes, nullable=False),
    Column("token", Bytes, nullable=False),
)

# What was dropped from ``start`` up to ``below``, and where its archive was written.
pruning = Table(
    "radseal_pruning",
    metadata,
    Column("below", Integer, primary_key=True, autoincrement=False),
    Column("start", Integer, nullable=False),
    Column("archive", String, nullable=False),
    Column("pruned_at", Integer, nullable=False),
)

# Signed evidence against keys: statements that were refused for their back links (alarms.py).
# ``awaited`` is the number of the key that the log waited for.
alarm = Table(
    "radseal_alarm",
    metadata,
    Column("actor", ForeignKey(key.c.number), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("leaf_hash", Bytes, primary_key=True),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("awaited", Integer, nullable=False),
    Column("evidence", Bytes, nullable=False),
    Column("raised_size", Integer, nullable=False),
    Column("raised_at", Integer, nullable=False),
)
