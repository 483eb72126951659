"""The tables of a log. No identity columns: every number is computed, and fenced by a key."""

from __future__ import annotations

from sqlalchemy import (
    BLOB,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

FORMAT = 1

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
    Column("genesis_kid", BLOB, nullable=False),
    Column("vkeys", String, nullable=False),
    Column("annex_key_check", BLOB, nullable=False),
    Column("created_at", Integer, nullable=False),
)

# The one row every append compares and sets.
head = Table(
    "radseal_head",
    metadata,
    *_single_row(),
    Column("size", Integer, nullable=False),
    Column("root", BLOB, nullable=False),
    Column("key_events", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
)

key = Table(
    "radseal_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kid", BLOB, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("spki", BLOB, nullable=False),
    Column("certificate", BLOB),
    Column("added_index", Integer, nullable=False),
    Column("revoked_index", Integer),
)

# A statement, and the query index over it: by leaf hash, by signer, by object.
statement = Table(
    "radseal_statement",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("encoded", BLOB, nullable=False),
    Column("leaf_hash", BLOB, nullable=False, unique=True),
    Column("actor", ForeignKey(key.c.number), nullable=False),
    Column("actor_seq", Integer, nullable=False),
    Column("object_id", BLOB),
    Column("object_seq", Integer),
    Column("annexed", Integer, nullable=False),
    UniqueConstraint("actor", "actor_seq"),
    UniqueConstraint("object_id", "object_seq"),
)

tile = Table(
    "radseal_tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("hashes", BLOB, nullable=False),
)

checkpoint = Table(
    "radseal_checkpoint",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("note", BLOB, nullable=False),
)

pseudonym = Table(
    "radseal_pseudonym",
    metadata,
    Column("pseudonym", BLOB, primary_key=True),
    Column("object_id", BLOB, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Index("radseal_pseudonym_object", "object_id"),
    sqlite_with_rowid=False,
)

annex = Table(
    "radseal_annex",
    metadata,
    Column("object_id", BLOB, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Column("nonce", BLOB, nullable=False),
    Column("ciphertext", BLOB, nullable=False),
)

annex_key = Table(
    "radseal_annex_key",
    metadata,
    Column("object_id", BLOB, primary_key=True),
    Column("wrapped", BLOB, nullable=False),
)

# ``scrubbed`` becomes 1 when the files were seen to be free of what the object had.
erased = Table(
    "radseal_erased",
    metadata,
    Column("object_id", BLOB, primary_key=True),
    Column("idx", ForeignKey(statement.c.idx), nullable=False),
    Column("scrubbed", Integer, nullable=False),
)
