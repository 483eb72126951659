"""Who works on which chunk: taken for a while, compared and set by the clock of the database.

A chunk is done in the transaction that writes the results of its objects, and only by the run
that still holds it: so whatever is killed, each object has one result in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from provenance.scan import tables
from provenance.scan.job import Job
from provenance.scan.outcome import Item, Outcome
from provenance.scan.tables import DONE, TAKEN, WAITING

LEASE_SECONDS = 60.0
MAX_WHY = 500
_C, _O = tables.chunk.c, tables.object_.c
_WRITE = (
    update(tables.object_)
    .where(_O.job == bindparam("of_job"), _O.number == bindparam("of_number"))
    .values(
        {
            name: bindparam(name)
            for name in (
                *("verdict", "exit_code", "action", "rule", "sop_instance_uid", "seal_id"),
                *("codes", "why", "apart"),
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is taken. ``tries``: how often it was, and did not come back in order."""

    number: int
    items: tuple[Item, ...]
    tries: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One run's hold on chunks of a job; ``holder`` is its random name."""

    job: Job
    holder: bytes
    seconds: float = LEASE_SECONDS

    def take(self) -> Chunk | None:
        """Take a chunk that waits, or whose holder has been silent too long; None if none is."""
        with self.job.database.write() as connection:
            while True:
                number = self._next(connection)
                if number is None:
                    return None
                mine = (
                    update(tables.chunk)
                    .where(_C.job == self.job.id, _C.number == number, self._free)
                    .values(state=TAKEN, holder=self.holder, until=self._until, tries=_C.tries + 1)
                )
                if connection.execute(mine).rowcount == 1:
                    return self._read(connection, number)

    def renew(self) -> None:
        """Say that this run is alive: hold what it holds for longer."""
        with self.job.database.write() as connection:
            held = update(tables.chunk).where(self._mine)
            connection.execute(held.values(until=self._until))

    def complete(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> bool:
        """Write the results and that the chunk is done; False, and nothing, if it is not ours."""
        assert {each.number for each in outcomes} == {item.number for item in chunk.items}
        with self.job.database.write() as connection:
            done = update(tables.chunk).where(self._mine, _C.number == chunk.number)
            values = {"state": DONE, "done_at": self.job.database.now, "holder": None}
            if connection.execute(done.values(**values)).rowcount != 1:
                return False
            connection.execute(_WRITE, [self._row(outcome) for outcome in outcomes])
        return True

    def give_back(self, chunks: Sequence[Chunk]) -> None:
        """Let others have chunks that this run has not done, as if it had never had them."""
        if not chunks:
            return
        with self.job.database.write() as connection:
            for chunk in chunks:
                ours = update(tables.chunk).where(self._mine, _C.number == chunk.number)
                connection.execute(ours.values(state=WAITING, holder=None, tries=chunk.tries - 1))

    def others(self) -> int:
        """How many chunks are neither done nor ours."""
        wanted = select(_C.number).where(
            _C.job == self.job.id,
            or_(_C.state == WAITING, and_(_C.state == TAKEN, _C.holder != self.holder)),
        )
        with self.job.database.read() as connection:
            return len(connection.execute(wanted.limit(1000)).all())

    def _next(self, connection: Connection) -> int | None:
        of_job = select(_C.number).where(_C.job == self.job.id).order_by(_C.number).limit(1)
        number: int | None = connection.scalar(of_job.where(_C.state == WAITING))
        if number is None:
            number = connection.scalar(of_job.where(self._lapsed))
        return number

    def _read(self, connection: Connection, number: int) -> Chunk:
        row = connection.execute(
            select(_C.first, _C.last, _C.tries).where(_C.job == self.job.id, _C.number == number)
        ).one()
        found = connection.execute(
            select(_O.number, _O.uri, _O.problem)
            .where(_O.job == self.job.id, _O.number >= row.first, _O.number < row.last)
            .order_by(_O.number)
        )
        items = tuple(Item(each.number, each.uri, each.problem) for each in found)
        return Chunk(number, items, row.tries)

    def _row(self, outcome: Outcome) -> dict[str, object]:
        why = outcome.why
        return {
            "of_job": self.job.id,
            "of_number": outcome.number,
            "verdict": outcome.verdict,
            "exit_code": outcome.exit_code,
            "action": outcome.action,
            "rule": outcome.rule,
            "sop_instance_uid": _storable(outcome.sop_instance_uid),
            "seal_id": outcome.seal_id,
            "codes": " ".join(outcome.codes),
            "why": _storable(why),
            "apart": outcome.apart,
        }

    @property
    def _lapsed(self) -> ColumnElement[bool]:
        return and_(_C.state == TAKEN, _C.until < self.job.database.now)

    @property
    def _free(self) -> ColumnElement[bool]:
        return or_(_C.state == WAITING, self._lapsed)

    @property
    def _mine(self) -> ColumnElement[bool]:
        return and_(_C.job == self.job.id, _C.state == TAKEN, _C.holder == self.holder)

    @property
    def _until(self) -> ColumnElement[int]:
        return self.job.database.now + round(self.seconds * 1000)


def _storable(text: str | None) -> str | None:
    """Return text that every database takes: no NUL, no half of a pair, not endless."""
    if text is None:
        return None
    return text[:MAX_WHY].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
