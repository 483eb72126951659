"""Which rejected objects leave the disk, and which have left it: kept beside them, in a spool.

The row of an object stays: its SHA-256, its verdict, who decided, and that its bytes are refused
whenever they come again.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from provenance.pacs.spool.database import milliseconds, moment


@dataclass(frozen=True, slots=True)
class Rejection:
    """When an object was rejected, and what the log was told of it: a body, and where it stands.

    ``entry`` is None before it is in the log; ``told`` says whether all events of it are.
    """

    object: int
    at: datetime
    body: bytes
    entry: int | None
    told: bool


@dataclass(frozen=True, slots=True)
class Purge:
    """That a file goes off the disk, by whom, since when; ``removed`` says when it went."""

    at: datetime
    person: str
    removed: datetime | None


class Purges:
    """Those of one spool. What writes is called within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def rejections(self, *, before: datetime, after: int = 0, limit: int = 256) -> list[Rejection]:
        """Return what was rejected until a moment and not purged, by their numbers."""
        rows = self._database.execute(
            f"{_REJECTION} and o.number > ? and d.at <= ? order by o.number limit ?",
            (after, milliseconds(before), limit),
        )
        return [_rejection(row) for row in rows]

    def rejection(self, number: int) -> Rejection | None:
        """Return the rejection of one object; None if it is not rejected, or purged already."""
        row = self._database.execute(f"{_REJECTION} and o.number = ?", (number,)).fetchone()
        return None if row is None else _rejection(row)

    def put(self, number: int, *, at: datetime, person: str) -> None:
        """Note that the file of an object goes."""
        self._database.execute(
            "insert into purge (object, at, person) values (?, ?, ?)",
            (number, milliseconds(at), person),
        )

    def of_object(self, number: int) -> Purge | None:
        """Return what is noted of an object."""
        row = self._database.execute(
            "select at, person, removed from purge where object = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        at, person, removed = row
        return Purge(moment(at), person, None if removed is None else moment(removed))

    def ready(self, *, after: int = 0, limit: int = 64) -> list[int]:
        """Return whose files may go now: the log has all that is to be said of them."""
        rows = self._database.execute(
            "select object from purge p where removed is null and object > ? and not exists"
            " (select 1 from custody c where c.object = p.object and c.entry is null)"
            " order by object limit ?",
            (after, limit),
        )
        return [number for (number,) in rows]

    def removed(self, number: int, *, at: datetime) -> None:
        """Note that the file of an object is gone."""
        self._database.execute(
            "update purge set removed = ? where object = ?", (milliseconds(at), number)
        )

    def waiting(self) -> int:
        """Return how many files are still here that go."""
        (count,) = self._database.execute(
            "select count(*) from purge where removed is null"
        ).fetchone()
        return int(count)


_REJECTION = (
    "select o.number, d.at, d.body, d.entry, not exists"
    " (select 1 from custody c where c.object = o.number and c.entry is null)"
    " from object o join custody d on d.object = o.number and d.event = 'released'"
    " where o.state = 'rejected' and not exists (select 1 from purge where object = o.number)"
)


def _rejection(row: tuple[int, int, bytes, int | None, int]) -> Rejection:
    number, at, body, entry, told = row
    return Rejection(number, moment(at), body, entry, bool(told))
