"""SQLite as a log needs it: durable commits, explicit transactions, nothing left of deleted rows.

The driver would open transactions late and on its own; here it never does. Readers BEGIN (one
snapshot), writers BEGIN IMMEDIATE (the lock first, then the look at the head).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ledger.errors import BusyError, LedgerError, NotFoundError, StoreError, UsageError

BUSY_SECONDS = 10.0
MOST_IDLE = 5  # connections kept open; more are opened when so many are in use at a time
APPLICATION_ID = 0x5253_4C31  # "RSL1", in the header of the file: a log
WITNESS_ID = 0x5253_4C57  # "RSLW": what a witness remembers
OUTBOX_ID = 0x5253_4C4F  # "RSLO": what a device could not log yet

_DATABASE_ERRORS = (sqlite3.Error, SQLAlchemyError)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PART = 12  # bytes of a secret that count as a part of it
_BLOCK = 1 << 24
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = FULL",
)


class SqliteDatabase:
    """One SQLite file, opened for reading or for both."""

    shared: ClassVar[bool] = False

    def __init__(self, path: Path, engine: Engine, *, writable: bool) -> None:
        self.path = path
        self.writable = writable
        self._engine = engine
        self._closed = False
        self._idle: list[Connection] = []

    @classmethod
    def create(cls, path: Path, *, application_id: int = APPLICATION_ID) -> SqliteDatabase:
        """Make a new file that only its owner can read; UsageError if the name is taken."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            raise UsageError(f"there is already a file {path}") from error
        except OSError as error:
            raise StoreError(f"cannot create {path}: {error.strerror}") from error
        database = cls(path, _engine(path, "rw"), writable=True)
        try:
            database._prepare(application_id)
        except BaseException:
            database.discard()
            raise
        return database

    def _prepare(self, application_id: int) -> None:
        with _translated(), self._engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one()
            if mode != "wal":
                raise StoreError(f"{self.path} is on a file system without write-ahead logging")
            connection.exec_driver_sql(f"PRAGMA application_id = {application_id}")

    @classmethod
    def open(
        cls, path: Path, *, writable: bool, application_id: int = APPLICATION_ID
    ) -> SqliteDatabase:
        """Open an existing file; StoreError if it is not one of ours."""
        if not path.is_file():
            raise NotFoundError(f"there is no file {path}")
        mode = "rw" if writable else "ro"
        if not writable and not _shared_memory_possible(path):
            mode = "ro&immutable=1"  # a copy on a medium nobody can write to
        database = cls(path, _engine(path, mode), writable=writable)
        with database.read() as connection:
            found = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        if found != application_id:
            database.close()
            raise StoreError(f"{path} is a database, but not the one of radseal that is wanted")
        return database

    def read(self) -> AbstractContextManager[Connection]:
        """Hold one snapshot; our errors for whatever the driver raises."""
        return _Transaction(self, "BEGIN")

    def write(self) -> AbstractContextManager[Connection]:
        """Hold the write lock; commit at the end, or nothing. BusyError if it is taken."""
        if not self.writable:
            raise UsageError("the log was opened for reading only")
        return _Transaction(self, "BEGIN IMMEDIATE")

    def _connect(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.invalidated or len(self._idle) >= MOST_IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def scrub(self, secrets: Sequence[bytes] | None) -> None:
        """Return once none of ``secrets``, whose rows are deleted, is in any file of the database.

        SQLite overwrites what it deletes, but not always what it has copied before to balance a
        page: so the file is searched, and written anew if anything is found, or if nobody knows
        any more what to search for (None). BusyError if a reader keeps old pages alive.
        """
        self._truncate_wal()
        if secrets is not None and not self._contains(secrets):
            return
        with _translated(), self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
        self._truncate_wal()

    def _truncate_wal(self) -> None:
        with _translated(), self._engine.connect() as connection:
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if row[0]:
            raise BusyError("a reader keeps the write-ahead log; what was erased is still in it")

    def _contains(self, secrets: Sequence[bytes]) -> bool:
        parts = {
            secret[at : at + _PART]
            for secret in secrets
            for at in range(0, len(secret) - _PART + 1, _PART // 2)
        }
        overlap = b""
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                if any(part in overlap + block for part in parts):
                    return True
                overlap = block[1 - _PART :]
        return False

    def damage(self, connection: Connection) -> Iterator[str]:
        """Let SQLite check its own pages, indexes and references; yield what it finds."""
        for (words,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
            if words != "ok":
                yield str(words)
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            yield f"a row of {row[0]} refers to a row of {row[2]} that is not there"

    def close(self) -> None:
        """Give back all connections; the last one merges the write-ahead log."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()

    def discard(self) -> None:
        """Close, and remove the file: for one that was never finished."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


class _Transaction:
    """One transaction on a connection that is lent for it.

    A class, and the driver's own calls: an append has little else to wait for but its disk.
    """

    __slots__ = ("_begin", "_connection", "_database", "_driver")

    def __init__(self, database: SqliteDatabase, begin: str) -> None:
        self._database, self._begin = database, begin
        self._connection: Connection
        self._driver: DBAPIConnection

    def __enter__(self) -> Connection:
        try:
            self._connection = self._database._connect()
            driver = self._connection.connection.dbapi_connection
            assert driver is not None
            self._driver = driver
            try:
                driver.cursor().execute(self._begin)
            except BaseException:
                self._end()
                raise
        except _DATABASE_ERRORS as error:
            raise _meaning(error) from error
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            try:
                if error is None:
                    self._driver.commit()
            finally:
                self._end()
        except _DATABASE_ERRORS as failure:
            error = failure
        if isinstance(error, _DATABASE_ERRORS):
            raise _meaning(error) from error

    def _end(self) -> None:
        connection = self._connection
        try:
            self._driver.rollback()  # of what was not committed
            if connection.in_transaction():  # SQLAlchemy's note of what it was asked
                connection.rollback()
        except BaseException:
            connection.invalidate()  # nobody knows what it still holds
            raise
        finally:
            self._database._give_back(connection)


def _is_busy(error: BaseException | None) -> bool:
    """Whether the driver's own error code says that somebody else holds a lock."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _BUSY


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _DATABASE_ERRORS as error:
        raise _meaning(error) from error


def _meaning(error: sqlite3.Error | SQLAlchemyError) -> LedgerError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _is_busy(cause):
        return BusyError("another process holds the log")
    return StoreError(f"the database failed: {cause}")


def _engine(path: Path, mode: str) -> Engine:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}&uri=true"
    engine = create_engine(
        f"sqlite:///{uri}",
        connect_args={"timeout": BUSY_SECONDS},
        poolclass=NullPool,  # SQLAlchemy's takes as long to lend one as SQLite to write a row
        pool_reset_on_return=None,  # every transaction was ended by ``read`` or ``write``
    )

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    return engine


def _shared_memory_possible(path: Path) -> bool:
    """A reader of a write-ahead log needs its index beside the file, or the right to make one."""
    return Path(f"{path}-shm").exists() or os.access(path.absolute().parent, os.W_OK)
