"""Who takes from the inbox: one row, compared and set by the clock of the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, literal_column, or_, update
from sqlalchemy.dialects.postgresql import insert

from ledger.errors import LeaseLostError
from ledger.storage import schema

_NOW: ColumnElement[int] = literal_column(
    "(extract(epoch from clock_timestamp()) * 1000)::bigint", schema.Number()
)
_L = schema.lease.c


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim of ``holder``, a random name, to be the one who takes, for ``seconds`` at a time."""

    holder: bytes
    seconds: float

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
        held = update(schema.lease).where(_L.holder == self.holder, _L.until >= _NOW)
        if connection.execute(held.values(until=self._end)).rowcount != 1:
            raise LeaseLostError("another process takes from the inbox now")

    def give_up(self, connection: Connection) -> None:
        """Let the next one take it at once."""
        connection.execute(update(schema.lease).where(_L.holder == self.holder).values(until=0))

    @property
    def _end(self) -> ColumnElement[int]:
        return _NOW + round(self.seconds * 1000)
