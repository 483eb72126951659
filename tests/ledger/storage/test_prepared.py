"""Statements given to the driver as text: what comes back, what the driver refuses."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from ledger import StoreError, UnreachableError
from ledger.errors import RacedError
from ledger.storage import schema
from ledger.storage.persist import write_statements
from ledger.storage.prepared import PreparedQuestion
from ledger.storage.store import read_head

_BY_INDEX = (
    select(schema.statement.c.encoded)
    .where(schema.statement.c.idx >= bindparam("least"))
    .order_by(schema.statement.c.idx)
    .limit(1)
)


def test_the_first_row_or_none(site: Any) -> None:
    question = PreparedQuestion(_BY_INDEX)
    with site.log._database.read() as connection:
        assert question.first(connection, {"least": 1}) == (site.log.entry(1).statement,)
        assert question.first(connection, {"least": 3}) is None


def test_what_the_driver_raises_becomes_ours(site: Any) -> None:
    question = PreparedQuestion(_BY_INDEX)
    with pytest.raises(StoreError), site.log._database.read() as connection:
        question.first(connection, {"least": object()})


def test_text_in_place_of_bytes_is_refused(site: Any) -> None:
    object_id, entry = site.seal()
    root = site.log.head().root
    _execute(
        site.path, "UPDATE radseal_statement SET leaf_hash = ? WHERE idx = ?", "x", entry.index
    )
    with pytest.raises(StoreError, match="text or a number"):
        site.log.object_link(object_id)
    _execute(site.path, "UPDATE radseal_head SET root = ?", "x" * 32)
    with pytest.raises(StoreError, match="text or a number"):
        _ = site.log.size
    _execute(site.path, "UPDATE radseal_head SET root = ?", root)


def _execute(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql, values)
    connection.close()


@pytest.mark.postgresql_alone
def test_a_row_copied_twice_is_a_race(site: Any) -> None:
    with site.log._database.read() as connection:
        stored = connection.execute(select(schema.statement).where(schema.statement.c.idx == 1))
        row = dict(stored.mappings().one())
    with pytest.raises(RacedError), site.log._database.write() as connection:
        write_statements(connection, [row | {"idx": 3}])
    assert site.ask("select count(*) from radseal_statement") == [(3,)]
    with pytest.raises(RacedError), site.log._database.write() as connection:
        write_statements(connection, [row | {"leaf_hash": bytes(32)}])
    with site.log._database.write() as connection:  # only the hash is the same
        write_statements(connection, [row | {"idx": 3, "actor_seq": 9, "leaf_hash": bytes(32)}])


@pytest.mark.postgresql_alone
def test_two_who_write_one_leaf_hash_at_once_race(site: Any) -> None:
    with site.log._database.read() as connection:
        stored = connection.execute(select(schema.statement).where(schema.statement.c.idx == 1))
        row = dict(stored.mappings().one()) | {"leaf_hash": bytes(32)}
    outcomes: list[str] = []

    def write(index: int) -> None:
        try:
            with site.log._database.write() as connection:
                read_head(connection)  # the snapshot of each is from before the other
                both.wait(30)
                write_statements(connection, [row | {"idx": index, "actor_seq": index}])
            outcomes.append("written")
        except RacedError:
            outcomes.append("raced")

    both = threading.Barrier(2)
    threads = [threading.Thread(target=write, args=(index,)) for index in (10, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["raced", "written"]


@pytest.mark.postgresql_alone
def test_a_connection_that_was_lost_is_not_lent_again(site: Any) -> None:
    database = site.log._database
    with database.glance() as connection:
        ((process,),) = connection.exec_driver_sql("select pg_backend_pid()").all()
    site.change(f"select pg_terminate_backend({process}, 10000)")
    with pytest.raises(UnreachableError), database.glance() as connection:
        read_head(connection)
    with database.glance() as connection:
        assert read_head(connection).size == 3
