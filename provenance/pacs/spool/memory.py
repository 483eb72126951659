"""What a spool forgets, and the little that it remembers of it.

Objects that archives have, or their senders kept, leave a row with a verdict: of use for a while.
Forgotten is a row only when all of its custody events are in the log. What persons decided about
is never forgotten. Of what archives have stays who brought which bytes under which UID and when,
in some forty bytes: readers are answered by that, and no rejection note hides a genuine image.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provenance.errors import UsageError
from provenance.pacs.arrivals import State
from provenance.pacs.spool.database import milliseconds, moment, writing
from provenance.policy.facts import Arrival

PAGE = 64  # objects of one transaction


class ForgottenError(UsageError):
    """The spool had an object of that number, and has forgotten it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a round of forgetting is: the moment, in milliseconds, and number of an object."""

    at: int = -1
    number: int = 0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one step forgot: the names of files that may be left of it; None for ``mark``: done."""

    count: int
    names: tuple[str, ...]
    mark: Mark | None


class Memory:
    """That of one spool."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def forget(self, *, before: datetime, after: Mark, limit: int = PAGE) -> Forgotten:
        """Forget what was done until a moment, of so many objects from a mark on.

        The newest object stays whatever it is: numbers are never given twice.
        """
        until = milliseconds(before)
        with writing(self._database):
            rows = self._database.execute(_DONE, (until, after.at, after.number, limit))
            found = [row for row in rows if row[1] <= until]
            gone = [row for row in found if row[-1]]
            for row in gone:
                self._remember(row)
            numbers = [(row[0],) for row in gone]
            for table in ("delivery", "custody", "step"):
                self._database.executemany(
                    f"delete from {table} where object = ?",  # noqa: S608
                    numbers,
                )
            self._database.executemany("delete from object where number = ?", numbers)
        mark = Mark(found[-1][1], found[-1][0]) if len(found) == limit else None
        return Forgotten(len(gone), tuple(row[2] for row in gone), mark)

    def _remember(self, row: Sequence[Any]) -> None:
        _, at, _, state, route, sop_instance, sha256, calling, called, _ = row
        if state != State.DELIVERED or route == "own" or not sop_instance:
            return
        titles = (calling or "", called or "")
        self._database.execute(
            "insert or ignore into past_sender (calling_ae, called_ae) values (?, ?)", titles
        )
        self._database.execute(
            "insert or replace into past (instance, file, at, sender) values (?, ?, ?,"
            " (select number from past_sender where calling_ae = ? and called_ae = ?))",
            (_instance(sop_instance), sha256[:8], at, *titles),
        )

    def arrival(self, sop_instance: str) -> Arrival | None:
        """Return how an instance came last that archives have, if that was forgotten."""
        row = self._database.execute(
            "select s.calling_ae, s.called_ae, p.at from past p join past_sender s"
            " on s.number = p.sender where p.instance = ? order by p.at desc limit 1",
            (_instance(sop_instance),),
        ).fetchone()
        if row is None:
            return None
        calling, called, at = row
        return Arrival(calling or None, called or None, moment(at))

    def has_other(self, sop_instance: str, sha256: bytes) -> bool:
        """Whether archives got other bytes under that UID, and that was forgotten."""
        row = self._database.execute(
            "select 1 from past where instance = ? and file <> ? limit 1",
            (_instance(sop_instance), sha256[:8]),
        ).fetchone()
        return row is not None

    def had(self, number: int) -> bool:
        """Whether there was an object of that number once."""
        (newest,) = self._database.execute("select max(number) from object").fetchone()
        return newest is not None and 0 < number < newest

    def forgotten(self) -> dict[State, int]:
        """Return how many objects were forgotten, by the state that they had."""
        found = dict(self._database.execute("select state, forgotten from tally"))
        return {state: found.get(state.value, 0) for state in State}

    def counts(self) -> dict[State, int]:
        """Return how many objects are in each state, those among them that were forgotten."""
        found = dict(self._database.execute("select state, here + forgotten from tally"))
        return {state: found.get(state.value, 0) for state in State}


_DONE = (
    "select number, at, name, state, route, sop_instance, sha256, calling_ae, called_ae,"
    " number < (select max(number) from object) and not exists (select 1 from custody c"
    " where c.object = object.number and (c.entry is null or c.at > ?))"
    " from object indexed by object_done"
    " where state in ('delivered', 'refused') and action <> 'quarantine'"
    " and (at, number) > (?, ?) order by at, number limit ?"
)


def _instance(uid: str) -> bytes:
    return hashlib.sha256(uid.encode("utf-8", "replace")).digest()[:16]
