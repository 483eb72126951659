"""The database of a job: a file of its own (SQLite), or that of the ledger (PostgreSQL)."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, literal_column
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from provenance.errors import OutOfReachError, UsageError
from provenance.scan import tables

APPLICATION_ID = 0x5253_4C53  # "RSLS", in the header of the file: scans
BUSY_SECONDS = 30.0
_SQLITE_NOW = literal_column(
    "cast((julianday('now') - 2440587.5) * 86400000 as integer)", tables.Number
)
_POSTGRESQL_NOW = literal_column(
    "(extract(epoch from clock_timestamp()) * 1000)::bigint", tables.Number
)


class JobDatabase:
    """Transactions on the tables of scans; OutOfReachError for whatever the driver raises."""

    def __init__(self, engine: Engine, place: str, *, of_one: bool) -> None:
        self.place = place
        self.of_one = of_one  # a file that holds one job
        self._engine = engine
        self.now = _SQLITE_NOW if engine.dialect.name == "sqlite" else _POSTGRESQL_NOW

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a file that only its owner can read; UsageError if the name is taken."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            words = f"there is already a file {path}"
            raise UsageError(f"{words}: radseal scan --resume {path} goes on with it") from error
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}") from error
        with closing(sqlite3.connect(path)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
            plain.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database = cls(_sqlite(path), str(path.absolute()), of_one=True)
        database._make_tables()
        return database

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open such a file; UsageError if it is none."""
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        database = cls(_sqlite(path), str(path.absolute()), of_one=True)
        try:
            with database._engine.connect() as connection:
                found = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        except DBAPIError as error:
            raise UsageError(f"{path} is not the file of a scan") from error
        if found != APPLICATION_ID:
            raise UsageError(f"{path} is not the file of a scan")
        return database

    @classmethod
    def at(cls, url: str) -> Self:
        """Use the PostgreSQL database of a ledger; its tables are made if they are not there."""
        try:
            engine = create_engine(
                url, pool_pre_ping=True, hide_parameters=True, isolation_level="READ COMMITTED"
            )
        except ModuleNotFoundError as error:
            words = "a ledger on PostgreSQL needs the driver psycopg"
            raise UsageError(f"{words}: pip install radseal[postgres]") from error
        database = cls(
            engine, engine.url.set(password=None, query={}).render_as_string(), of_one=False
        )
        database._make_tables()
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold one transaction that writes nothing."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Hold one transaction; commit at the end, or nothing."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(radseal_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def _make_tables(self) -> None:
        with self.write() as connection:
            tables.metadata.create_all(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            words = " ".join(str(error.orig).split())
            raise OutOfReachError(f"the table of the job ({self.place}): {words}") from error
        except SQLAlchemyError as error:
            raise OutOfReachError(f"the table of the job ({self.place}): {error}") from error


def _sqlite(path: Path) -> Engine:
    uri = f"file:{quote(str(path.absolute()))}?mode=rw&uri=true"
    engine = create_engine(f"sqlite:///{uri}", connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        # A power cut may take the newest chunks back, results and marks together: they are judged
        # again. What a run has closed is on the disk.
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("radseal_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
