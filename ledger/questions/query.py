"""Questions to a log: which entries, in the order of the log, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
)

from ledger.entries import Entry
from ledger.errors import UsageError
from ledger.instants import to_milliseconds
from ledger.roles import Event
from ledger.statements.statement import OBJECT_ID_SIZE, parse_statement
from ledger.storage import schema

VERDICT = 1  # the key of the verdict in the body of ``verified``
FEW = 10_000  # statements of a device up to which its objects are gathered, not looked for

_S = schema.statement.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an entry must be; None asks for nothing.

    ``actor`` signed it; ``device`` sealed the object it is about (both are key ids). Times are the
    signers' claims: from ``claimed_from`` on, and before ``claimed_before``. ``verdict`` is what a
    ``verified`` found.
    """

    object_id: bytes | None = None
    actor: bytes | None = None
    device: bytes | None = None
    event: Event | None = None
    claimed_from: datetime | None = None
    claimed_before: datetime | None = None
    verdict: str | None = None

    def __post_init__(self) -> None:
        if self.object_id is not None and len(self.object_id) != OBJECT_ID_SIZE:
            raise UsageError(f"an object id has {OBJECT_ID_SIZE} bytes")
        if self.verdict is not None and self.event not in (None, Event.VERIFIED):
            raise UsageError(f"{self.event} has no verdict, only verified has")


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query with what the tables say once and for all pages: numbers of keys, bounds of times."""

    verdict: str | None
    _asked: Select[int, bytes, bytes]
    _first: int  # no answer has a smaller index; one lower bound, as SQLite seeks by one only
    _leader: int | None  # the number of the signer whose own numbers give the order
    _gathered: bool  # so few answer that all are found and sorted, without a walk over the log

    def page(
        self, connection: Connection, *, after: int, count: int
    ) -> tuple[list[Entry], int | None]:
        """Look at up to ``count`` entries above the index ``after``; return those that answer.

        The second value is from where to go on, None at the end. A page may be empty and yet not
        the last: verdicts are read from the statements.
        """
        after = max(after, self._first - 1)
        asked = self._asked.where(_S.idx > after)
        order: ColumnElement[int] = _S.idx
        if self._leader is not None:
            asked = asked.where(_S.actor_seq > _seq_at(connection, self._leader, after))
            order = _S.actor_seq
        elif self._gathered:
            order = _S.idx + 0
        rows = connection.execute(asked.order_by(order).limit(count))
        entries = [Entry(*row) for row in rows]
        following = entries[-1].index if len(entries) == count else None
        entries = [each for each in entries if each.statement]  # the others were pruned
        if self.verdict is not None:
            entries = [each for each in entries if _verdict(each) == self.verdict]
        return entries, following


def bind_query(connection: Connection, query: Query) -> BoundQuery:
    """Resolve what need not be asked again for every page."""
    asked = select(_S.idx, _S.encoded, _S.leaf_hash)
    first, leader, gathered = 0, None, False
    if query.claimed_from is not None or query.claimed_before is not None:
        first, conditions = _between(connection, query)
        asked = asked.where(*conditions)
    if query.object_id is not None:
        asked = asked.where(_S.object_id == query.object_id)
    event = Event.VERIFIED if query.verdict is not None else query.event
    if event is not None:
        asked = asked.where(_S.event == schema.EVENT_NUMBERS[event])
    if query.actor is not None:
        number = _number(connection, query.actor)
        asked = asked.where(_S.actor == number)
        if event is None and query.object_id is None:
            leader = number
    if query.device is not None:
        number = _number(connection, query.device)
        gathered = leader is None and _last_seq(connection, number) < FEW
        asked = asked.where(_of_those_sealed_by(number) if gathered else _sealed_by(number))
    return BoundQuery(query.verdict, asked, first, leader, gathered)


def _between(connection: Connection, query: Query) -> tuple[int, list[ColumnElement[bool]]]:
    """Bound the indices by the index over time; the condition itself must then not use it.

    Else every page would sort all that lies between the times.
    """
    time, unindexed = _S.claimed_at, _S.claimed_at + 0
    indexed, conditions = [], []
    if query.claimed_from is not None:
        start = to_milliseconds(query.claimed_from)
        indexed.append(time >= start)
        conditions.append(unindexed >= start)
    if query.claimed_before is not None:
        stop = to_milliseconds(query.claimed_before)
        indexed.append(time < stop)
        conditions.append(unindexed < stop)
    bounds = select(func.min(_S.idx), func.max(_S.idx)).where(*indexed)
    first, last = connection.execute(bounds).one()
    if first is None:
        return 0, [false()]
    return first, [*conditions, _S.idx <= last]


def _number(connection: Connection, kid: bytes) -> int:
    """Return the number of a key; one that no key has for a key the log does not know."""
    asked = select(schema.key.c.number).where(schema.key.c.kid == kid)
    found = connection.execute(asked).scalar_one_or_none()
    return -1 if found is None else found


def _seq_at(connection: Connection, number: int, after: int) -> int:
    """Return the actor's own number at the entry ``after``, or -1 if that is not the actor's."""
    asked = select(_S.actor_seq).where(_S.idx == after, _S.actor == number)
    found = connection.execute(asked).scalar_one_or_none()
    return -1 if found is None else found


def _last_seq(connection: Connection, number: int) -> int:
    asked = select(func.max(_S.actor_seq)).where(_S.actor == number)
    found = connection.execute(asked).scalar_one_or_none()
    return -1 if found is None else found


def _of_those_sealed_by(number: int) -> ColumnElement[bool]:
    first = schema.statement.alias()
    sealed = select(first.c.object_id).where(
        first.c.actor == number,
        first.c.event + 0 == schema.EVENT_NUMBERS[Event.SEALED],  # not by the index over events
    )
    return _S.object_id.in_(sealed)


def _sealed_by(number: int) -> ColumnElement[bool]:
    first = schema.statement.alias()
    was_first = exists().where(
        first.c.object_id == _S.object_id,
        first.c.object_seq == 0,
        first.c.actor == number,
        first.c.event == schema.EVENT_NUMBERS[Event.SEALED],
    )
    late = schema.statement.alias()
    was_late = exists().where(
        late.c.object_id == _S.object_id,
        late.c.actor == number,
        late.c.event == literal_column(str(schema.EVENT_NUMBERS[Event.SEALED])),
        late.c.object_seq > literal_column("0"),
    )
    return or_(was_first, was_late)


def _verdict(entry: Entry) -> object:
    return parse_statement(entry.statement).body.get(VERDICT)
