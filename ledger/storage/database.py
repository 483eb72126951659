"""What a log needs of a database, whichever it is: one snapshot to read, one transaction to write.

A place is a path (SQLite) or a URL (PostgreSQL); each database has a module of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy import Connection

from ledger.errors import RacedError, UsageError
from ledger.storage.sqlite import SqliteDatabase

AGAIN_SECONDS = 10.0  # how long a transaction that lost a race is tried again
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1

_Result = TypeVar("_Result")


class Database(Protocol):
    """A database that was opened, for reading or for both."""

    writable: bool
    shared: ClassVar[bool]  # whether many processes write through an inbox

    def read(self) -> AbstractContextManager[Connection]:
        """Hold one snapshot; our errors for whatever the driver raises."""

    def write(self) -> AbstractContextManager[Connection]:
        """Hold one transaction; commit at the end, or nothing.

        BusyError if somebody else holds what it needs, RacedError if somebody else was quicker.
        """

    def scrub(self, secrets: Sequence[bytes] | None) -> None:
        """Return once none of ``secrets``, whose rows are deleted, is in the database's files.

        None if nobody knows any more what to search for. BusyError if that cannot be now.
        """

    def damage(self, connection: Connection) -> Iterable[str]:
        """Yield what the database itself finds wrong with its tables."""

    def close(self) -> None:
        """Give back all connections."""

    def discard(self) -> None:
        """Close, and remove what ``create`` made: for a log that was never finished."""


def create_database(place: Path | str) -> Database:
    """Make a database for a new log; UsageError if there is a log already."""
    url = _url(place)
    if url is None:
        return SqliteDatabase.create(Path(place))
    from ledger.storage.postgresql import PostgresqlDatabase

    return PostgresqlDatabase.create(url)


def open_database(place: Path | str, *, writable: bool) -> Database:
    """Open the database of a log; NotFoundError, UnreachableError or StoreError if it cannot be."""
    url = _url(place)
    if url is None:
        return SqliteDatabase.open(Path(place), writable=writable)
    from ledger.storage.postgresql import PostgresqlDatabase

    return PostgresqlDatabase.open(url, writable=writable)


def transact(database: Database, work: Callable[[Connection], _Result]) -> _Result:
    """Do ``work`` in one transaction, and all of it again if another writer was quicker.

    RacedError, which is a BusyError, if that goes on for ``AGAIN_SECONDS``.
    """
    until = time.monotonic() + AGAIN_SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            with database.write() as connection:
                return work(connection)
        except RacedError:
            if time.monotonic() > until:
                raise
        time.sleep(pause * secrets.randbelow(1000) / 1000)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _url(place: Path | str) -> str | None:
    if isinstance(place, Path) or "://" not in place:
        return None
    if place.startswith(("postgresql://", "postgresql+psycopg://")):
        return place
    scheme = place.partition("://")[0]
    raise UsageError(f"a log lies in a file, or at postgresql+psycopg://..., not at {scheme}://")
