"""Who takes from the inbox: one row, compared and set by the clock of the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, or_, update
from sqlalchemy.dialects.postgresql import insert

from ledger.errors import LeaseLostError
from ledger.storage import schema
from ledger.storage.prepared import PreparedWrite

_NOW: ColumnElement[int] = literal_column(
    "(extract(epoch from clock_timestamp()) * 1000)::bigint", schema.Number()
)
_L = schema.lease.c
HOLD = (
    update(schema.lease)
    .where(_L.holder == bindparam("of_holder"), _L.until >= _NOW)
    .values(until=_NOW + bindparam("milliseconds", type_=schema.Number()))
)  # takes of_holder and milliseconds; changes one row, or none if the lease is over or another's
_HOLD = PreparedWrite(HOLD)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim of ``holder``, a random name, to be the one who takes, for ``seconds`` at a time."""

    holder: bytes
    seconds: float

    @property
    def milliseconds(self) -> int:
        """For how long it is taken at a time."""
        return round(self.seconds * 1000)

    def take(self, connection: Connection) -> bool:
        """Take the lease if it is free or over, or renew it; return whether it is ours now."""
        taken = update(schema.lease).where(or_(_L.holder == self.holder, _L.until < _NOW))
        if connection.execute(taken.values(holder=self.holder, until=self._end)).rowcount:
            return True
        first = insert(schema.lease).values(id=1, holder=self.holder, until=self._end)
        made = first.on_conflict_do_nothing().returning(_L.id)
        return connection.scalar(made) is not None

    def hold(self, connection: Connection) -> None:
        """Renew the lease; LeaseLostError if it is over or another's.

        The row stays locked until the transaction ends: nobody takes the lease in between.
        """
        values = {"of_holder": self.holder, "milliseconds": self.milliseconds}
        if _HOLD.run(connection, [values]) != 1:
            raise LeaseLostError("another process takes from the inbox now")

    def give_up(self, connection: Connection) -> None:
        """Let the next one take it at once."""
        connection.execute(update(schema.lease).where(_L.holder == self.holder).values(until=0))

    @property
    def _end(self) -> ColumnElement[int]:
        return _NOW + self.milliseconds
