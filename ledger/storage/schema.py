"""The tables of a log. No identity columns: every number is computed, and fenced by a key."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.types import TypeEngine

from ledger.errors import StoreError
from ledger.roles import Event

FORMAT = 4  # those before, and the way from each to the next: ledger/storage/migrations
# How the query index spells events; a new event gets the next number (docs/spec/log.md).
EVENT_NUMBERS: Mapping[Event, int] = {event: number for number, event in enumerate(Event, 1)}


class Bytes(TypeDecorator[bytes]):
    """Bytes, and nothing else: SQLite lets any value into any column."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: object, dialect: Dialect) -> bytes | None:
        """Return the bytes; StoreError for text or a number in their place."""
        return None if value is None else require_bytes(value)


def require_bytes(value: object) -> bytes:
    """Return what a row holds where bytes must be; StoreError for text or a number."""
    if isinstance(value, bytes):
        return value
    raise StoreError("the database holds text or a number where bytes must be: audit the log")


class Number(TypeDecorator[int]):
    """An integer of 64 bits, on every database."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        """Return the widest integer; SQLite has but one, and its keys must bear its name."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


metadata = MetaData()


def _single_row() -> tuple[Column[int], CheckConstraint]:
    return Column("id", Number, primary_key=True, autoincrement=False), CheckConstraint("id = 1")


# What never changes: who the log is, which key stands at its beginning, how its heads are signed.
log = Table(
    "radseal_log",
    metadata,
    *_single_row(),
    Column("format", Number, nullable=False),
    Column("origin", String, nullable=False),
    Column("genesis_kid", Bytes, nullable=False),
    Column("vkeys", String, nullable=False),
    Column("annex_key_check", Bytes, nullable=False),
    Column("created_at", Number, nullable=False),
)

# The one row every append compares and sets.
head = Table(
    "radseal_head",
    metadata,
    *_single_row(),
    Column("size", Number, nullable=False),
    Column("root", Bytes, nullable=False),
    Column("key_events", Number, nullable=False),
    Column("updated_at", Number, nullable=False),
)

key = Table(
    "radseal_key",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("kid", Bytes, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("spki", Bytes, nullable=False),
    Column("certificate", Bytes),
    Column("added_index", Number, nullable=False),
    Column("revoked_index", Number),
)

# A statement, and the query index over it: by leaf hash, signer, object, event and claimed time.
statement = Table(
    "radseal_statement",
    metadata,
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("encoded", Bytes, nullable=False),
    Column("leaf_hash", Bytes, nullable=False),
    Column("actor", ForeignKey(key.c.number), nullable=False),
    Column("actor_seq", Number, nullable=False),
    Column("object_id", Bytes),
    Column("object_seq", Number),
    Column("annexed", Number, nullable=False),
    Column("event", Number, nullable=False, server_default="0"),
    Column("claimed_at", Number, nullable=False, server_default="0"),
    UniqueConstraint("actor", "actor_seq"),
    UniqueConstraint("object_id", "object_seq"),
    UniqueConstraint("leaf_hash").ddl_if(dialect="sqlite"),
    # The same, by an index of 4 bytes of each that finds the row in which the whole is compared.
    ExcludeConstraint(("leaf_hash", "="), using="hash").ddl_if(dialect="postgresql"),
)
# A seal that others were quicker than; in words, as SQLite uses a partial index for these alone.
LATE_SEAL = text(f"event = {EVENT_NUMBERS[Event.SEALED]} AND object_seq > 0")
# Each holds the index of the entry as well, so that answers come in the order of the log.
QUERY_INDEXES = (
    Index("radseal_statement_by_event", statement.c.event),
    Index("radseal_statement_by_time", statement.c.claimed_at),
    Index(
        "radseal_statement_late_seal",
        statement.c.object_id,
        sqlite_where=LATE_SEAL,
        postgresql_where=LATE_SEAL,
    ),
)

tile = Table(
    "radseal_tile",
    metadata,
    Column("level", Number, primary_key=True, autoincrement=False),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("hashes", Bytes, nullable=False),
)

checkpoint = Table(
    "radseal_checkpoint",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
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
    Column("scrubbed", Number, nullable=False),
)

# A token over a checkpoint and the tokens before it; the note as it was when it was stamped.
timestamp = Table(
    "radseal_timestamp",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("note", Bytes, nullable=False),
    Column("token", Bytes, nullable=False),
)

# What was dropped from ``start`` up to ``below``, and where its archive was written.
pruning = Table(
    "radseal_pruning",
    metadata,
    Column("below", Number, primary_key=True, autoincrement=False),
    Column("start", Number, nullable=False),
    Column("archive", String, nullable=False),
    Column("pruned_at", Number, nullable=False),
)

# Signed evidence against keys: statements that were refused for their back links (alarms.py).
# ``awaited`` is the number of the key that the log waited for.
alarm = Table(
    "radseal_alarm",
    metadata,
    Column("actor", ForeignKey(key.c.number), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("leaf_hash", Bytes, primary_key=True),
    Column("first", Number, nullable=False),
    Column("last", Number, nullable=False),
    Column("awaited", Number, nullable=False),
    Column("evidence", Bytes, nullable=False),
    Column("raised_size", Number, nullable=False),
    Column("raised_at", Number, nullable=False),
)

# Requests that wait for whoever holds the lease (docs/spec/log.md, "Many writers").
inbox = Table(
    "radseal_inbox",
    metadata,
    Column("request", Bytes, primary_key=True),
    Column("arrived_at", Number, nullable=False),
    Column("place", Number, nullable=False),
    Column("statements", Number, nullable=False),
    Column("body", Bytes, nullable=False),
    Column("nonce", Bytes),
    Column("wrapped", Bytes),
    Column("outcome", Bytes),
    Index("radseal_inbox_order", "arrived_at", "place", "request"),
)

# Who takes from the inbox, and until when by the clock of the database.
lease = Table(
    "radseal_lease",
    metadata,
    *_single_row(),
    Column("holder", Bytes, nullable=False),
    Column("until", Number, nullable=False),
)

# PostgreSQL samples columns into statistics of its own, where no erasure reaches: not of these.
# Hashes and ciphertexts cannot be compressed, so that is not tried.
UNSAMPLED = (pseudonym, annex, annex_key, inbox)
UNCOMPRESSED = (tile.c.hashes, annex.c.ciphertext, inbox.c.body)


def _storage(table: Table) -> tuple[str, ...]:
    changes = [
        f"ALTER COLUMN {column.name} SET STATISTICS 0"
        for column in table.c
        if table in UNSAMPLED and isinstance(column.type, Bytes)
    ]
    changes += [
        f"ALTER COLUMN {c.name} SET STORAGE EXTERNAL" for c in UNCOMPRESSED if c.table is table
    ]
    return tuple(changes)


for _table in metadata.sorted_tables:
    if _changes := _storage(_table):
        _words = f"ALTER TABLE {_table.name} {', '.join(_changes)}"
        event.listen(_table, "after_create", DDL(_words).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
