"""Messages that wait for their receiver, in an SQLite file of their own: bounded, never waiting."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from provenance.errors import UsageError

FORMAT = 1
NEAR_FULL = 0.8

_SCHEMA = """
CREATE TABLE IF NOT EXISTS radseal_audit_message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sent INTEGER NOT NULL DEFAULT 0,
    message BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS radseal_audit_lost (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS radseal_audit_message_sent ON radseal_audit_message (sent, number);
INSERT OR IGNORE INTO radseal_audit_lost (id, count) VALUES (1, 0);
"""


class Waiting(NamedTuple):
    """A message, and its number in the queue."""

    number: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Fill:
    """Messages that wait, bytes of all that is kept, and how many were lost to a full queue."""

    waiting: int
    octets: int
    capacity: int
    lost: int

    @property
    def near_full(self) -> bool:
        """Whether it is time for an alarm."""
        return self.octets >= self.capacity * NEAR_FULL


class AuditQueue:
    """First in, first out; a file of one process, whose threads share it.

    It survives kill -9; a power cut may take the last messages.
    """

    def __init__(self, path: Path, *, capacity: int) -> None:
        """Open or make the file; UsageError if it is held, damaged or none of ours.

        ``capacity`` is in bytes of messages. What was sent and not confirmed waits again.
        """
        self._capacity = capacity
        self._lock = Lock()
        try:
            if not path.exists():
                path.touch(mode=0o600)
            self._file = sqlite3.connect(path, timeout=1, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"the audit queue {path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._file.close()
            raise UsageError(
                f"the audit queue {path} cannot be used, another process may hold it: {error}"
            ) from error

    def _prepare(self) -> None:
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "secure_delete=ON",
        ):
            self._file.execute(f"PRAGMA {pragma}")
        (found,) = self._file.execute("PRAGMA user_version").fetchone()
        if found not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"format {found} is not known")
        self._file.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={FORMAT}; COMMIT")
        with self._file:
            self._file.execute("UPDATE radseal_audit_message SET sent = 0 WHERE sent = 1")
        self._waiting, self._octets = self._file.execute(
            "SELECT COUNT(*), COALESCE(SUM(LENGTH(message)), 0) FROM radseal_audit_message"
        ).fetchone()
        (self._lost,) = self._file.execute("SELECT count FROM radseal_audit_lost").fetchone()

    def put(self, message: bytes) -> bool:
        """Keep a message; False if there is no room for it.

        Raises sqlite3.Error if the file cannot be written.
        """
        with self._lock:
            if self._octets + len(message) > self._capacity:
                return False
            with self._file:
                self._file.execute(
                    "INSERT INTO radseal_audit_message (message) VALUES (?)", (message,)
                )
            self._waiting += 1
            self._octets += len(message)
            return True

    def add_lost(self, count: int) -> None:
        """Count so many more that were lost; negative when they have been told about."""
        with self._lock:
            self._lost += count
            with self._file:
                self._file.execute("UPDATE radseal_audit_lost SET count = ?", (self._lost,))

    def first(self, most: int) -> Sequence[Waiting]:
        """Return those that wait longest."""
        with self._lock:
            rows = self._file.execute(
                "SELECT number, message FROM radseal_audit_message WHERE sent = 0 "
                "ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
        return [Waiting(*row) for row in rows]

    def mark_sent(self, numbers: Sequence[int]) -> None:
        """Keep these as sent until they are settled or recalled."""
        with self._lock:
            with self._file:
                marked = self._file.executemany(
                    "UPDATE radseal_audit_message SET sent = 1 WHERE number = ? AND sent = 0",
                    [(number,) for number in numbers],
                ).rowcount
            self._waiting -= marked

    def settle(self) -> None:
        """Drop what was sent: the receiver has read it all."""
        with self._lock:
            with self._file:
                (octets,) = self._file.execute(
                    "SELECT COALESCE(SUM(LENGTH(message)), 0) FROM radseal_audit_message "
                    "WHERE sent = 1"
                ).fetchone()
                self._file.execute("DELETE FROM radseal_audit_message WHERE sent = 1")
            self._octets -= octets

    def recall(self) -> int:
        """Let what was sent wait again: the connection broke. Returns how many."""
        with self._lock:
            with self._file:
                count = self._file.execute(
                    "UPDATE radseal_audit_message SET sent = 0 WHERE sent = 1"
                ).rowcount
            self._waiting += count
            return count

    def fill(self) -> Fill:
        """Return how full it is."""
        with self._lock:
            return Fill(self._waiting, self._octets, self._capacity, self._lost)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()
