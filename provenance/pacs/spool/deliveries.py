"""What archives shall have, and have: the way of objects out of a spool."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provenance.errors import EvidenceError, UsageError
from provenance.pacs.arrivals import Instance, State
from provenance.pacs.custody.events import Witnessed
from provenance.pacs.custody.queue import CustodyQueue
from provenance.pacs.spool.database import milliseconds, moment, writing
from provenance.pacs.spool.files import OBJECTS, sha256_of
from provenance.policy.terms import Action


@dataclass(frozen=True, slots=True)
class Delivery:
    """An object that an archive shall have; ``attempts`` have failed.

    ``released`` is the SHA-256 that persons meant, if they let it out of quarantine.
    """

    number: int
    path: Path
    instance: Instance
    attempts: int
    released: bytes | None = None

    def require_as_released(self) -> None:
        """Return only if the file of an object that left quarantine is the one that persons meant.

        EvidenceError if it is not. Of an object that the policy let in nothing is read.
        """
        if self.released is not None and sha256_of(self.path) != self.released:
            raise EvidenceError(
                f"the file of the object {self.number} is not the one that was released"
            )


class Deliveries:
    """Those of one spool. Once every archive has an object, its file goes."""

    def __init__(self, folder: Path, database: sqlite3.Connection, custody: CustodyQueue) -> None:
        self._folder = folder
        self._database = database
        self._custody = custody

    def put(self, number: int, archives: Sequence[str], at: datetime) -> None:
        """Give archives an object to be sent, within the transaction that decides it."""
        self._database.executemany(
            "insert into delivery (object, archive, attempts, due) values (?, ?, 0, ?)",
            [(number, archive, milliseconds(at)) for archive in archives],
        )

    def due(self, archive: str, *, now: datetime, limit: int = 64) -> list[Delivery]:
        """Return what an archive shall be sent now, the oldest first."""
        rows = self._database.execute(
            "select o.number, o.name, o.sop_class, o.sop_instance, o.transfer_syntax, o.study,"
            " d.attempts, o.action, o.sha256 from delivery d join object o on o.number = d.object"
            " where d.archive = ? and d.sent is null and d.due <= ? order by o.number limit ?",
            (archive, milliseconds(now), limit),
        )
        return [
            Delivery(
                number,
                self._folder / OBJECTS / name,
                Instance(*instance),
                attempts,
                sha256 if action == Action.QUARANTINE else None,
            )
            for number, name, *instance, attempts, action, sha256 in rows
        ]

    def delivered(self, number: int, archive: str, *, at: datetime) -> State:
        """Note that an archive has an object; once all have it, its file goes."""
        return self.all_delivered(archive, {number: at})[number]

    def all_delivered(self, archive: str, sent: Mapping[int, datetime]) -> dict[int, State]:
        """Note since when an archive has objects; files that all have go."""
        states, done = {}, []
        with writing(self._database):
            for number, at in sent.items():
                states[number], path = self._delivered(number, archive, at)
                if states[number] is State.DELIVERED:
                    done.append(path)
        for path in done:
            path.unlink(missing_ok=True)
        return states

    def _delivered(self, number: int, archive: str, at: datetime) -> tuple[State, Path]:
        name, *witnessed = self._database.execute(
            "select name, seal_id, salt, sha256 from object where number = ?", (number,)
        ).fetchone()
        self._database.execute(
            "update delivery set sent = ?, error = null where object = ? and archive = ?",
            (milliseconds(at), number, archive),
        )
        (left,) = self._database.execute(
            "select count(*) from delivery where object = ? and sent is null", (number,)
        ).fetchone()
        state = State.FORWARDING if left else State.DELIVERED
        self._database.execute("update object set state = ? where number = ?", (state, number))
        self._custody.put(number, [Witnessed(*witnessed).sent(archive, at=at)])
        return state, self._folder / OBJECTS / str(name)

    def handed_over(
        self, number: int, archive: str, *, forwarded_to: Sequence[str], at: datetime
    ) -> State:
        """Note that somebody fetched a released object and brought it to an archive.

        That settles what no forwarder does: whatever waits for others than ``forwarded_to``.
        UsageError if it is not one that left quarantine and waits, or a forwarder brings it there.
        """
        row = self._database.execute(
            "select name, state, action, seal_id, salt, sha256 from object where number = ?",
            (number,),
        ).fetchone()
        if row is None or row[1:3] != (State.FORWARDING, Action.QUARANTINE):
            raise UsageError(f"the object {number} is not one that was released and waits")
        if archive in forwarded_to:
            raise UsageError(f"the archive {archive} gets what is let in: nobody brings it there")
        name, _, _, *witnessed = row
        sent = Witnessed(*witnessed).sent(archive, at=at)
        with writing(self._database):
            waiting = self._database.execute(
                "select archive from delivery where object = ? and sent is null", (number,)
            ).fetchall()
            left = [each for (each,) in waiting if each in forwarded_to]
            self._database.executemany(
                "delete from delivery where object = ? and archive = ?",
                [(number, each) for (each,) in waiting if each not in left],
            )
            self._database.execute(
                "insert or replace into delivery (object, archive, attempts, due, sent)"
                " values (?, ?, 0, ?, ?)",
                (number, archive, milliseconds(at), milliseconds(at)),
            )
            state = State.FORWARDING if left else State.DELIVERED
            self._database.execute("update object set state = ? where number = ?", (state, number))
            self._custody.put(number, [sent])
        if not left:
            (self._folder / OBJECTS / str(name)).unlink(missing_ok=True)
        return state

    def unclaimed(self, forwarded_to: Sequence[str]) -> int:
        """Return how many objects wait for no archive, or for one that no forwarder serves."""
        names = ",".join("?" * len(forwarded_to))
        (count,) = self._database.execute(
            "select count(*) from object o where state = 'forwarding' and (not exists"  # noqa: S608
            " (select 1 from delivery d where d.object = o.number and d.sent is null) or exists"
            " (select 1 from delivery d where d.object = o.number and d.sent is null"
            f" and d.archive not in ({names})))",
            tuple(forwarded_to),
        ).fetchone()
        return int(count)

    def failed(self, number: int, archive: str, *, why: str, again: datetime) -> None:
        """Note that a delivery failed, and when it is tried again."""
        with writing(self._database):
            self._database.execute(
                "update delivery set attempts = attempts + 1, due = ?, error = ?"
                " where object = ? and archive = ?",
                (milliseconds(again), why[:500], number, archive),
            )

    def oldest_waiting(self, archive: str) -> datetime | None:
        """Return since when the oldest object waits for an archive."""
        (at,) = self._database.execute(
            "select min(o.at) from delivery d join object o on o.number = d.object"
            " where d.archive = ? and d.sent is null",
            (archive,),
        ).fetchone()
        return None if at is None else moment(at)

    def failing(self) -> dict[str, int]:
        """Return how many objects each archive has refused so far, held or not, by its name."""
        return dict(
            self._database.execute(
                "select archive, count(*) from delivery where sent is null and attempts > 0"
                " group by archive"
            )
        )
