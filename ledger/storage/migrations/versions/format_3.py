"""Format 3: timestamps, prunings, alarms; inbox and lease, for many writers.

On PostgreSQL the index of leaf hashes becomes one of hashes of them; nothing else changes.
Another table of this format is one more function here, called by ``upgrade``.
"""

import sqlalchemy as sa
from alembic import op

from ledger.storage.schema import Bytes, Number

revision = "3"
down_revision = "2"

_UNSAMPLED = {
    "radseal_pseudonym": ("pseudonym", "object_id"),
    "radseal_annex": ("object_id", "nonce", "ciphertext"),
    "radseal_annex_key": ("object_id", "wrapped"),
    "radseal_inbox": ("request", "body", "nonce", "wrapped", "outcome"),
}
_UNCOMPRESSED = {
    "radseal_tile": "hashes",
    "radseal_annex": "ciphertext",
    "radseal_inbox": "body",
}


def upgrade() -> None:
    """Make the new tables."""
    _add_timestamps()
    _add_prunings()
    _add_alarms()
    _add_inbox()
    _add_lease()
    if op.get_context().dialect.name == "postgresql":
        _keep_out_of_statistics()
        _hash_leaf_hashes()


def _add_timestamps() -> None:
    op.create_table(
        "radseal_timestamp",
        sa.Column("size", Number, primary_key=True, autoincrement=False),
        sa.Column("number", Number, primary_key=True, autoincrement=False),
        sa.Column("note", Bytes, nullable=False),
        sa.Column("token", Bytes, nullable=False),
    )


def _add_prunings() -> None:
    below: sa.Column[int] = sa.Column("below", Number, primary_key=True, autoincrement=False)
    op.create_table(
        "radseal_pruning",
        below,
        sa.Column("start", Number, nullable=False),
        sa.Column("archive", sa.String, nullable=False),
        sa.Column("pruned_at", Number, nullable=False),
    )


def _add_alarms() -> None:
    op.create_table(
        "radseal_alarm",
        sa.Column("actor", Number, sa.ForeignKey("radseal_key.number"), primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("leaf_hash", Bytes, primary_key=True),
        sa.Column("first", Number, nullable=False),
        sa.Column("last", Number, nullable=False),
        sa.Column("awaited", Number, nullable=False),
        sa.Column("evidence", Bytes, nullable=False),
        sa.Column("raised_size", Number, nullable=False),
        sa.Column("raised_at", Number, nullable=False),
    )


def _add_inbox() -> None:
    op.create_table(
        "radseal_inbox",
        sa.Column("request", Bytes, primary_key=True),
        sa.Column("arrived_at", Number, nullable=False),
        sa.Column("place", Number, nullable=False),
        sa.Column("statements", Number, nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("nonce", Bytes),
        sa.Column("wrapped", Bytes),
        sa.Column("outcome", Bytes),
    )
    order = ["arrived_at", "place", "request"]
    op.create_index("radseal_inbox_order", "radseal_inbox", order)


def _add_lease() -> None:
    number: sa.Column[int] = sa.Column("id", Number, primary_key=True, autoincrement=False)
    op.create_table(
        "radseal_lease",
        number,
        sa.CheckConstraint("id = 1"),
        sa.Column("holder", Bytes, nullable=False),
        sa.Column("until", Number, nullable=False),
    )


def _hash_leaf_hashes() -> None:
    name = "radseal_statement_leaf_hash_key"
    op.drop_constraint(name, "radseal_statement", type_="unique")
    op.execute("ALTER TABLE radseal_statement ADD EXCLUDE USING hash (leaf_hash WITH =)")


def _keep_out_of_statistics() -> None:
    for table, columns in _UNSAMPLED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
    for table, column in _UNCOMPRESSED.items():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
