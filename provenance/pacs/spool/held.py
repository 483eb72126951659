"""Deliveries that an archive refuses for good: held, with the reason, until somebody has looked.

The file stays, the alarm stays. Each start of a forwarder tries them once more.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from provenance.pacs.spool.database import milliseconds, moment, writing

_NEVER = 1 << 62  # of itself: when a held delivery is due


@dataclass(frozen=True, slots=True)
class Handover:
    """How far an archive is with one object; ``error`` is what it answered last."""

    archive: str
    attempts: int
    sent: datetime | None
    held: bool
    error: str | None


class HeldDeliveries:
    """Those of one spool."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put(self, number: int, archive: str, *, why: str) -> None:
        """Hold a delivery that failed once more."""
        with writing(self._database):
            self._database.execute(
                "update delivery set attempts = attempts + 1, due = ?, error = ?"
                " where object = ? and archive = ? and sent is null",
                (_NEVER, why[:500], number, archive),
            )

    def counts(self) -> dict[str, int]:
        """Return how many each archive has, by its name."""
        return dict(
            self._database.execute(
                "select archive, count(*) from delivery where sent is null and due = ?"
                " group by archive",
                (_NEVER,),
            )
        )

    def waiting(self) -> dict[str, int]:
        """Return how many objects wait for each archive, held or not, by its name."""
        return dict(
            self._database.execute(
                "select archive, count(*) from delivery where sent is null group by archive"
            )
        )

    def numbers(self, *, after: int, limit: int) -> list[int]:
        """Return which objects are held, by their numbers."""
        rows = self._database.execute(
            "select distinct object from delivery where sent is null and due = ? and object > ?"
            " order by object limit ?",
            (_NEVER, after, limit),
        )
        return [number for (number,) in rows]

    def try_again(self, archive: str, *, now: datetime) -> int:
        """Let each be sent once more; return how many there are."""
        with writing(self._database):
            return self._database.execute(
                "update delivery set due = ? where archive = ? and sent is null and due = ?",
                (milliseconds(now), archive, _NEVER),
            ).rowcount

    def has_had(self, number: int, archive: str) -> int | None:
        """Return the object with the very bytes of this one that the archive has said to have."""
        row = self._database.execute(
            "select other.number from object own join object other on other.sha256 = own.sha256"
            " join delivery d on d.object = other.number"
            " where own.number = ? and d.archive = ? and d.sent is not null limit 1",
            (number, archive),
        ).fetchone()
        return None if row is None else int(row[0])

    def handovers(self, number: int) -> list[Handover]:
        """Return how far each archive is with an object."""
        rows = self._database.execute(
            "select archive, attempts, sent, due, error from delivery where object = ?"
            " order by archive",
            (number,),
        )
        return [
            Handover(
                archive,
                attempts,
                None if sent is None else moment(sent),
                sent is None and due == _NEVER,
                error,
            )
            for archive, attempts, sent, due, error in rows
        ]
