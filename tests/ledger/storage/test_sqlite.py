"""Connections to SQLite that are kept between transactions: each begins with nothing left over."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from ledger import BusyError, StoreError
from ledger.storage import sqlite
from ledger.storage.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    made = SqliteDatabase.create(tmp_path / "some.db")
    with made.write() as connection:
        connection.execute(text("create table t (x integer primary key)"))
    return made


def _rows(database: SqliteDatabase) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(text("select x from t order by x")))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_of_a_transaction_that_failed_is_kept(
    database: SqliteDatabase, error: type[BaseException]
) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("insert into t values (1)"))
            connection.exec_driver_sql("insert into t values (2)")
            raise error

    with pytest.raises(error):
        fail()
    assert _rows(database) == []
    with database.write() as connection:
        connection.exec_driver_sql("insert into t values (3)")
    assert _rows(database) == [3]
    database.close()


def test_a_connection_is_lent_again(database: SqliteDatabase) -> None:
    seen: list[Connection] = []
    for _ in range(3):
        with database.write() as connection:
            seen.append(connection)
    assert seen[0] is seen[1] is seen[2]
    database.close()


def test_transactions_at_the_same_time_have_a_connection_each(database: SqliteDatabase) -> None:
    with database.read() as one, database.read() as other:
        assert one is not other
        with database.write() as third:
            third.exec_driver_sql("insert into t values (1)")
        assert other.scalar(text("select count(*) from t")) == 1  # its snapshot begins here
        with database.write() as third:
            third.exec_driver_sql("insert into t values (2)")
        assert other.scalar(text("select count(*) from t")) == 1
    assert _rows(database) == [1, 2]
    database.close()


def test_a_lock_that_is_taken(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    other = SqliteDatabase.open(database.path, writable=True)
    with database.write(), pytest.raises(BusyError), other.write():
        pass
    with other.write() as connection:
        connection.exec_driver_sql("insert into t values (1)")
    assert _rows(database) == [1]
    for each in (database, other):
        each.close()


def test_a_connection_whose_driver_fails_is_not_lent_again(database: SqliteDatabase) -> None:
    seen: list[Connection] = []

    def lose() -> None:
        with database.write() as connection:
            seen.append(connection)
            driver = connection.connection.dbapi_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.close()

    with pytest.raises(StoreError):
        lose()
    with database.write() as connection:
        assert connection is not seen[0]
        connection.exec_driver_sql("insert into t values (1)")
    assert _rows(database) == [1]
    database.close()


def test_closing_merges_the_write_ahead_log(database: SqliteDatabase) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("insert into t values (1)")
    wal = Path(f"{database.path}-wal")
    assert wal.exists()
    database.close()
    assert not wal.exists()
    assert _rows(database) == [1]  # opened once more, and not kept open
    assert not wal.exists()


def test_no_more_than_some_are_kept(database: SqliteDatabase) -> None:
    with ExitStack() as stack:
        for _ in range(2 * sqlite.MOST_IDLE):
            stack.enter_context(database.read())
    assert len(database._idle) == sqlite.MOST_IDLE
    database.close()
    assert not database._idle
