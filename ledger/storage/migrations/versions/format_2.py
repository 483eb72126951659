"""Format 2: event and claimed time of every statement, to be asked for."""

import sqlalchemy as sa
from alembic import op

from ledger.errors import MalformedError
from ledger.instants import to_milliseconds
from ledger.statements.statement import parse_statement
from ledger.storage.schema import EVENT_NUMBERS, Bytes, Number

revision = "2"
down_revision = "1"

_PAGE = 512
_STATEMENT = sa.table(
    "radseal_statement",
    sa.column("idx", Number),
    sa.column("encoded", Bytes),
    sa.column("event", Number),
    sa.column("claimed_at", Number),
)
_S = _STATEMENT.c
_FILL = (
    sa.update(_STATEMENT)
    .where(_S.idx == sa.bindparam("of_idx"))
    .values(event=sa.bindparam("new_event"), claimed_at=sa.bindparam("new_claimed_at"))
)


def upgrade() -> None:
    """Add both, filled from the statements, and an index on each."""
    for name in ("event", "claimed_at"):
        column: sa.Column[int] = sa.Column(name, Number, nullable=False, server_default="0")
        op.add_column("radseal_statement", column)
    connection = op.get_bind()
    after = -1
    asked = sa.select(_S.idx, _S.encoded).order_by(_S.idx).limit(_PAGE)
    while page := connection.execute(asked.where(_S.idx > after)).all():
        after = page[-1].idx
        connection.execute(_FILL, [_values(row.idx, row.encoded) for row in page])
    op.create_index("radseal_statement_by_event", "radseal_statement", ["event"])
    op.create_index("radseal_statement_by_time", "radseal_statement", ["claimed_at"])


def _values(index: int, encoded: bytes) -> dict[str, object]:
    try:
        statement = parse_statement(encoded)
    except MalformedError:  # an audit says so; an upgrade judges nothing
        return {"of_idx": index, "new_event": 0, "new_claimed_at": 0}
    claimed = to_milliseconds(statement.claimed_at)
    event = EVENT_NUMBERS[statement.event]
    return {"of_idx": index, "new_event": event, "new_claimed_at": claimed}
