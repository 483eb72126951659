"""Format 4: seals that others were quicker than, to be found at once (docs/spec/log.md, rule 6).

On PostgreSQL the index of leaf hashes becomes one of hashes of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make the index, which a log of before has nothing for, and change the other."""
    late = sa.text("event = 1 AND object_seq > 0")
    op.create_index(
        "radseal_statement_late_seal",
        "radseal_statement",
        ["object_id"],
        sqlite_where=late,
        postgresql_where=late,
    )
    if op.get_context().dialect.name == "postgresql":
        name = "radseal_statement_leaf_hash_key"
        op.drop_constraint(name, "radseal_statement", type_="unique")
        op.execute("ALTER TABLE radseal_statement ADD EXCLUDE USING hash (leaf_hash WITH =)")
