"""Format 4: seals that others were quicker than, to be found at once (docs/spec/log.md, rule 6)."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make the index; a log of before has nothing in it."""
    late = sa.text("event = 1 AND object_seq > 0")
    op.create_index(
        "radseal_statement_late_seal",
        "radseal_statement",
        ["object_id"],
        sqlite_where=late,
        postgresql_where=late,
    )
