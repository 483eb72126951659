"""Format 1: the tables of the first release."""

import sqlalchemy as sa
from alembic import op

from ledger.storage.schema import Bytes, Number

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "radseal_log",
        *_single_row(),
        sa.Column("format", Number, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("genesis_kid", Bytes, nullable=False),
        sa.Column("vkeys", sa.String, nullable=False),
        sa.Column("annex_key_check", Bytes, nullable=False),
        sa.Column("created_at", Number, nullable=False),
    )
    op.create_table(
        "radseal_head",
        *_single_row(),
        sa.Column("size", Number, nullable=False),
        sa.Column("root", Bytes, nullable=False),
        sa.Column("key_events", Number, nullable=False),
        sa.Column("updated_at", Number, nullable=False),
    )
    op.create_table(
        "radseal_key",
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("kid", Bytes, nullable=False, unique=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("spki", Bytes, nullable=False),
        sa.Column("certificate", Bytes),
        sa.Column("added_index", Number, nullable=False),
        sa.Column("revoked_index", Number),
    )
    op.create_table(
        "radseal_statement",
        sa.Column("idx", Number, primary_key=True, autoincrement=False),
        sa.Column("encoded", Bytes, nullable=False),
        sa.Column("leaf_hash", Bytes, nullable=False, unique=True),
        sa.Column("actor", Number, sa.ForeignKey("radseal_key.number"), nullable=False),
        sa.Column("actor_seq", Number, nullable=False),
        sa.Column("object_id", Bytes),
        sa.Column("object_seq", Number),
        sa.Column("annexed", Number, nullable=False),
        sa.UniqueConstraint("actor", "actor_seq"),
        sa.UniqueConstraint("object_id", "object_seq"),
    )
    op.create_table(
        "radseal_tile",
        sa.Column("level", Number, primary_key=True, autoincrement=False),
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("hashes", Bytes, nullable=False),
    )
    op.create_table(
        "radseal_checkpoint",
        sa.Column("size", Number, primary_key=True, autoincrement=False),
        sa.Column("note", Bytes, nullable=False),
    )
    op.create_table(
        "radseal_pseudonym",
        sa.Column("pseudonym", Bytes, primary_key=True),
        sa.Column("object_id", Bytes, primary_key=True),
        _entry(),
        sqlite_with_rowid=False,
    )
    op.create_index("radseal_pseudonym_object", "radseal_pseudonym", ["object_id"])
    op.create_table(
        "radseal_annex",
        sa.Column("object_id", Bytes, primary_key=True),
        _entry(),
        sa.Column("nonce", Bytes, nullable=False),
        sa.Column("ciphertext", Bytes, nullable=False),
    )
    op.create_table(
        "radseal_annex_key",
        sa.Column("object_id", Bytes, primary_key=True),
        sa.Column("wrapped", Bytes, nullable=False),
    )
    op.create_table(
        "radseal_erased",
        sa.Column("object_id", Bytes, primary_key=True),
        _entry(),
        sa.Column("scrubbed", Number, nullable=False),
    )


def _single_row() -> tuple[sa.Column[int], sa.CheckConstraint]:
    number: sa.Column[int] = sa.Column("id", Number, primary_key=True, autoincrement=False)
    return number, sa.CheckConstraint("id = 1")


def _entry() -> sa.Column[int]:
    return sa.Column("idx", Number, sa.ForeignKey("radseal_statement.idx"), nullable=False)
