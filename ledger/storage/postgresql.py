"""PostgreSQL as a log needs it: snapshots, durable commits, and races that somebody loses.

No lock is taken to write. Two writers see the same head, both insert the same indices and both
compare and set the head: keys and head let one of them through, and the other begins again. So
does whoever has worked on a snapshot that is no longer the newest (REPEATABLE READ).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import ClassVar, Literal

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    exists,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.errors import (
    BusyError,
    LedgerError,
    RacedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from ledger.storage import schema

CONNECT_SECONDS = 10
# A writer that stops in the middle of a transaction holds up all others: the server ends it.
STALLED_SECONDS = 10.0
LOCK_SECONDS = 10.0
FRESH_SECONDS = 0.5
POOL_SIZE, POOL_OVERFLOW = 4, 28

# Serialization failure, deadlock, a key or a table that another transaction has made.
_RACED = frozenset({"40001", "40P01", "23505", "23P01", "42P07", "42701"})
_LOCKED = frozenset({"55P03"})
_GONE_CLASSES = ("08", "57P", "25P03", "25P04")  # the connection, not the statement, has failed
_SECRETS_OF = (schema.annex_key, schema.annex, schema.pseudonym, schema.inbox)
_OTHERS_SNAPSHOTS = text(
    "select max(age) from ("
    " select age(backend_xmin) as age from pg_stat_activity where pid <> pg_backend_pid()"
    " union all select age(backend_xid) from pg_stat_activity where pid <> pg_backend_pid()"
    " union all select age(transaction) from pg_prepared_xacts"
    " union all select age(xmin) from pg_replication_slots) as held"
)
# Who has stopped in the middle of a command, its locks held: no timeout of the server ends a COPY
# that waits for its client, nor, before PostgreSQL 17, any other command. The state of other users'
# sessions is hidden from us, and so are they left alone.
_END_STALLED = text(
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    " where datname = current_database() and usename = current_user"
    " and state = 'active' and wait_event = 'ClientRead'"
    " and state_change < clock_timestamp() - make_interval(secs => :seconds)"
)
_SET = text("select set_config(:name, :value, false)")
_NEXT_TRANSACTION = text("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")


class PostgresqlDatabase:
    """The tables of one log in one database, opened for reading or for both."""

    shared: ClassVar[bool] = True

    def __init__(self, url: URL, *, writable: bool) -> None:
        self.writable = writable
        self._place = url.set(password=None, query={}).render_as_string()
        self._fresh = self._made = False
        # Isolation is set once for each connection: to set it at each use costs as much as a query.
        self._reader = _engine(url, "REPEATABLE READ")
        self._writer = _engine(url, "REPEATABLE READ")
        self._glancer = _engine(url, "AUTOCOMMIT")
        for engine in (self._reader, self._writer, self._glancer):
            event.listen(engine, "connect", _send_arrays_as_they_are)
        for engine in (self._writer, self._glancer):
            event.listen(engine, "connect", _plan_by_index)
        event.listen(self._reader, "connect", _read_only)
        event.listen(self._writer, "connect", _prepare)
        event.listen(self._glancer, "connect", _promise_nothing)

    @classmethod
    def create(cls, url: str) -> PostgresqlDatabase:
        """Open a database that holds no log yet; UsageError if it does.

        The tables come with the first transaction, so that there are all or none.
        """
        database = cls.open(url, writable=True)
        try:
            with database.read() as connection:
                if connection.dialect.has_table(connection, schema.log.name):
                    raise UsageError(f"there is already a log in {database._place}")
        except BaseException:
            database.close()
            raise
        database._fresh = True
        return database

    @classmethod
    def open(cls, url: str, *, writable: bool) -> PostgresqlDatabase:
        """Open an existing database; UnreachableError if nobody answers or lets us in.

        UsageError if the driver is missing or the URL is none, StoreError for a server that
        forgets what it has committed.
        """
        database = cls(_parse(url), writable=writable)
        try:
            with database.read() as connection:
                if writable and connection.scalar(text("show fsync")) != "on":
                    words = "runs with fsync = off, and would forget what it has acknowledged"
                    raise StoreError(f"the server of {database._place} {words}: switch it on")
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold one snapshot (REPEATABLE READ READ ONLY)."""
        with self._transaction(self._reader) as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Hold no snapshot: each statement is a transaction of its own, in one round trip.

        What it changes may be lost if the server fails: for what nobody was promised.
        """
        connection = self._connect(self._glancer)
        with self._translated(), connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Hold one transaction on one snapshot; RacedError if it is no longer the newest."""
        if not self.writable:
            raise UsageError("the log was opened for reading only")
        with self._transaction(self._writer) as connection:
            yield connection
        self._made = self._made or self._fresh

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        connection = self._connect(engine)
        with self._translated(), connection, connection.begin():
            yield connection

    def _connect(self, engine: Engine) -> Connection:
        try:
            return engine.connect()
        except DBAPIError as error:
            words = " ".join(str(error.orig).split())
            do = "is the server up, and the password in PGPASSWORD or in ~/.pgpass?"
            raise UnreachableError(f"cannot connect to {self._place}: {words}; {do}") from error
        except SQLAlchemyError as error:
            raise BusyError(f"no connection to {self._place} is free: {error}") from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            meaning = self._meaning(error)
            if isinstance(meaning, BusyError):
                self._end_stalled()
            raise meaning from error
        except SQLAlchemyError as error:
            raise StoreError(f"the database failed: {error}") from error

    def _meaning(self, error: DBAPIError) -> LedgerError:
        """Judge by the server's code, never by its words."""
        code = getattr(error.orig, "sqlstate", None) or ""
        words = " ".join(str(error.orig).splitlines()[:1])
        if code in _RACED:
            return RacedError("another writer was quicker")
        if code in _LOCKED:
            return BusyError("another process holds the log")
        if error.connection_invalidated or code.startswith(_GONE_CLASSES):
            lost = f"the connection to {self._place} was lost"
            return UnreachableError(f"{lost} ({words}); what was being written may be there")
        return StoreError(f"the database failed: {words}")

    def _end_stalled(self) -> None:
        """End who holds others up, having stopped in mid-command: nothing of it is committed."""
        with suppress(DBAPIError), self._glancer.connect() as connection:
            connection.execute(_END_STALLED, {"seconds": STALLED_SECONDS})

    def scrub(self, secrets: Sequence[bytes] | None) -> None:
        """Write the tables anew that hold what can be erased, once nobody sees the old rows.

        The files are the server's, so they are not searched. A transaction that is older than
        the erasure keeps deleted rows alive, and a rewrite would copy them: BusyError if one is
        still open after ``LOCK_SECONDS``. WAL, replicas and backups are out of reach.
        """
        del secrets
        connection = self._connect(self._glancer)
        with self._translated(), connection:
            self._wait_for_others(connection)
            wait = f"{round(LOCK_SECONDS * 1000)}ms"
            connection.execute(_SET, {"name": "lock_timeout", "value": wait})
            try:
                for table in _SECRETS_OF:
                    connection.exec_driver_sql(f"VACUUM (FULL) {table.name}")
            finally:
                connection.invalidate()  # no other use of it shall have this setting

    def _wait_for_others(self, connection: Connection) -> None:
        """Return once every snapshot is newer than this moment."""
        now = connection.execute(_NEXT_TRANSACTION).scalar_one()
        until = time.monotonic() + LOCK_SECONDS
        while True:
            since = connection.execute(_NEXT_TRANSACTION).scalar_one() - now
            oldest = connection.execute(_OTHERS_SNAPSHOTS).scalar_one()
            if oldest is None or oldest <= since:
                return
            if time.monotonic() > until:
                words = "an older transaction keeps deleted rows; what was erased is still there"
                raise BusyError(words)
            time.sleep(0.02)

    def damage(self, connection: Connection) -> Iterator[str]:
        """Yield indexes and constraints that do not hold, and references that lead nowhere."""
        ours = [table.name for table in schema.metadata.sorted_tables]
        broken = text(
            "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
            " join pg_class t on t.oid = i.indrelid"
            " where t.relname = any(:ours) and pg_table_is_visible(t.oid) and not i.indisvalid"
        )
        for name in connection.scalars(broken, {"ours": ours}):
            yield f"the index {name} is not valid"
        there = set(inspect(connection).get_table_names())
        for table in schema.metadata.sorted_tables:
            for key in table.foreign_keys if table.name in there else ():
                other = key.column.table
                lost = select(func.count()).where(
                    key.parent.is_not(None),
                    ~exists().where(key.column == key.parent).correlate(table),
                )
                if connection.execute(lost.select_from(table)).scalar_one():
                    yield f"a row of {table.name} refers to a row of {other.name} that is not there"

    def close(self) -> None:
        """Give back all connections."""
        for engine in (self._reader, self._writer, self._glancer):
            engine.dispose()

    def discard(self) -> None:
        """Close, and drop the tables if ``create`` was the beginning and this object made them."""
        try:
            if self._made:
                with self.write() as connection:
                    schema.metadata.drop_all(connection)
        finally:
            self.close()


def database_url(text: str) -> str:
    """Return the URL of a database as it may be written down; UsageError if it holds a password.

    libpq finds the password in PGPASSWORD or in ~/.pgpass (PGPASSFILE), when it is needed.
    """
    url = _parse(text)
    if url.password is not None or {"password", "sslpassword"} & url.query.keys():
        words = "the URL of the database holds a password, and would be kept as a file"
        raise UsageError(f"{words}: put it into PGPASSWORD or ~/.pgpass, and leave it out here")
    return url.render_as_string()


def take_your_time(connection: Connection) -> None:
    """Let this one transaction last: an upgrade reads everything."""
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    if (connection.dialect.server_version_info or ()) >= (17,):
        connection.exec_driver_sql("SET LOCAL transaction_timeout = 0")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose words may hold the password
        parsed = None
    if parsed is None or parsed.drivername not in ("postgresql", "postgresql+psycopg"):
        form = "postgresql+psycopg://user@host:5432/database"
        raise UsageError(f"not the URL of a database; it looks like {form}")
    return parsed.set(drivername="postgresql+psycopg")


def _engine(url: URL, isolation_level: Literal["REPEATABLE READ", "AUTOCOMMIT"]) -> Engine:
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = create_engine(
            url,
            connect_args=arguments,
            isolation_level=isolation_level,
            pool_reset_on_return="rollback" if isolation_level != "AUTOCOMMIT" else None,
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
        )
    except ModuleNotFoundError as error:
        words = "a log on PostgreSQL needs the driver psycopg"
        raise UsageError(f"{words}: pip install radseal[postgres]") from error
    event.listen(engine, "checkin", _rest)
    event.listen(engine, "checkout", _revive)
    return engine


def _rest(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["rested"] = time.monotonic()


def _revive(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
    """See whether the server still knows a connection that was not used for a while."""
    rested = record.info.get("rested")
    if rested is None or time.monotonic() - rested < FRESH_SECONDS:
        return
    from psycopg import Error

    try:
        cursor = connection.cursor()
        cursor.execute("select 1")
        cursor.close()
        connection.rollback()
    except Error as error:
        raise DisconnectionError from error  # the pool makes another


def _send_arrays_as_they_are(connection: DBAPIConnection, _record: object) -> None:
    """Bytes in an array would be spelled out in hex and escaped, one by one."""
    from psycopg.types.array import ListBinaryDumper

    connection.adapters.register_dumper(list, ListBinaryDumper)


def _read_only(connection: DBAPIConnection, _record: object) -> None:
    connection.read_only = True


def _plan_by_index(connection: DBAPIConnection, _record: object) -> None:
    """Let questions be planned once, for tables that have grown.

    The driver prepares what is asked often; a plan that was made while a table was empty reads
    all of it, and is kept. Each of our questions has an index.
    """
    cursor = connection.cursor()
    cursor.execute(
        "select set_config('enable_seqscan', 'off', false),"
        " set_config('plan_cache_mode', 'force_generic_plan', false)"
    )
    connection.commit()
    cursor.close()


def _promise_nothing(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "select set_config('synchronous_commit', 'off', false),"
        " set_config('lock_timeout', %s, false)",
        (f"{round(STALLED_SECONDS * 1000)}ms",),
    )
    connection.commit()
    cursor.close()


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    """Set what a writing session needs; it asks for durable commits whatever the default is."""
    stalled = f"{round(STALLED_SECONDS * 1000)}ms"
    settings = {
        "idle_in_transaction_session_timeout": stalled,
        "lock_timeout": f"{round(LOCK_SECONDS * 1000)}ms",
    }
    if connection.info.server_version >= 170000:  # before, who stops within a pipeline is not idle
        settings["transaction_timeout"] = stalled
    cursor = connection.cursor()
    for name, value in settings.items():
        cursor.execute("select set_config(%s, %s, false)", (name, value))
    cursor.execute(
        "select set_config('synchronous_commit', 'on', false)"
        " where current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()
    cursor.close()
