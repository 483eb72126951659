"""What a spool has to tell the ledger: custody events, in the order in which they happened."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger import Event
from provenance.pacs.custody.events import CustodyEvent
from provenance.pacs.spool.database import milliseconds, moment, writing


@dataclass(frozen=True, slots=True)
class Untold:
    """A custody event that is not in the log; ``statement`` if it was signed and perhaps sent."""

    number: int
    event: Event
    seal_id: bytes | None
    body: bytes
    at: datetime
    statement: bytes | None


@dataclass(frozen=True, slots=True)
class CustodyState:
    """How many custody events wait for the log, since when, and how many it refused."""

    waiting: int
    since: datetime | None
    refused: int


class CustodyQueue:
    """The custody events of one spool."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put(self, number: int, events: Sequence[CustodyEvent]) -> None:
        """Add events of an object, within the transaction of what they tell."""
        self._database.executemany(
            "insert into custody (object, event, seal_id, body, at) values (?, ?, ?, ?, ?)",
            [(number, e.event, e.seal_id, e.encoded, milliseconds(e.at)) for e in events],
        )

    def untold(self, *, limit: int) -> list[Untold]:
        """Return the custody events that are not in the log yet, in their order."""
        rows = self._database.execute(
            "select number, event, seal_id, body, at, statement from custody"
            " where entry is null and error is null order by number limit ?",
            (limit,),
        )
        return [
            Untold(number, Event(event), seal_id, body, moment(at), statement)
            for number, event, seal_id, body, at, statement in rows
        ]

    def signed(self, statements: Mapping[int, bytes | None]) -> None:
        """Keep the statement of custody events before they are sent, or take it back."""
        with writing(self._database):
            self._database.executemany(
                "update custody set statement = ? where number = ?",
                [(statement, number) for number, statement in statements.items()],
            )

    def logged(self, entries: Mapping[int, int]) -> None:
        """Note the indices in the log of custody events."""
        with writing(self._database):
            self._database.executemany(
                "update custody set entry = ? where number = ?",
                [(index, number) for number, index in entries.items()],
            )

    def not_logged(self, number: int, why: str) -> None:
        """Note that the log refuses a custody event for good."""
        with writing(self._database):
            self._database.execute(
                "update custody set error = ? where number = ?", (why[:500], number)
            )

    def try_again(self) -> None:
        """Let what the log has refused be tried once more: its key may be in order now."""
        with writing(self._database):
            self._database.execute(
                "update custody set error = null where error is not null and entry is null"
            )

    def state(self) -> CustodyState:
        """Return how far the custody events are."""
        waiting, since = self._database.execute(
            "select count(*), min(at) from custody where entry is null and error is null"
        ).fetchone()
        (refused,) = self._database.execute(
            "select count(*) from custody where error is not null"
        ).fetchone()
        return CustodyState(waiting, None if since is None else moment(since), refused)
