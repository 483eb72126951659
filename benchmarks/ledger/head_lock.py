"""The design to compare with on PostgreSQL: writers take turns at a lock on the head row.

One event a transaction: ``select ... for update`` on the head, insert the entry at the next index,
set the head. No signatures, no rules, no tree: what is measured is the order alone.

Usage: python benchmarks/ledger/head_lock.py CONNINFO [WRITERS] [SECONDS]
"""

import multiprocessing
import os
import sys
import threading
import time

import psycopg

PROCESSES = 4  # that the writers are spread over, as threads
BODY = 482  # bytes, as a usual statement

_TABLES = """
drop table if exists lock_entry, lock_head;
create table lock_head (id bigint primary key, size bigint not null);
create table lock_entry (
    idx bigint primary key, leaf_hash bytea not null unique, body bytea not null
);
insert into lock_head values (1, 0);
"""


def create(conninfo: str) -> None:
    """Make the tables, empty."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(_TABLES)


def append(connection: psycopg.Connection, body: bytes) -> int:
    """Write one event in a transaction of its own; return its index."""
    with connection.transaction():
        row = connection.execute("select size from lock_head where id = 1 for update").fetchone()
        assert row is not None
        values = (row[0], os.urandom(32), body)
        connection.execute("insert into lock_entry values (%s, %s, %s)", values)
        connection.execute("update lock_head set size = %s where id = 1", (row[0] + 1,))
    return int(row[0])


def insert(connection: psycopg.Connection, body: bytes, index: int) -> None:
    """Write one event at an index of the writer's own: nobody waits for anybody."""
    values = (index, os.urandom(32), body)
    connection.execute("insert into lock_entry values (%s, %s, %s)", values)


def _write(
    conninfo: str,
    threads: int,
    seconds: float,
    locked: bool,
    first: int,
    counts: "multiprocessing.Queue[int]",
) -> None:
    done: list[int] = []
    start = threading.Barrier(threads)

    def work(index: int) -> None:
        body, count = os.urandom(BODY), 0
        with psycopg.connect(conninfo, autocommit=True) as connection:
            start.wait()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                if locked:
                    append(connection, body)
                else:
                    insert(connection, body, index + count)
                count += 1
        done.append(count)

    workers = [threading.Thread(target=work, args=(first + n << 32,)) for n in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    counts.put(sum(done))


def rate(conninfo: str, *, writers: int = 32, seconds: float = 5.0, locked: bool = True) -> float:
    """Return how many events per second ``writers`` write together; in any order if not locked."""
    create(conninfo)
    processes = min(PROCESSES, writers)
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[int] = context.Queue()
    each = writers // processes
    running = [
        context.Process(target=_write, args=(conninfo, each, seconds, locked, n * each, counts))
        for n in range(processes)
    ]
    for process in running:
        process.start()
    total = sum(counts.get() for _ in running)
    for process in running:
        process.join()
    return total / seconds


if __name__ == "__main__":
    writers = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5.0
    print(f"{writers} writers: {rate(sys.argv[1], writers=writers, seconds=seconds):.0f} events/s")
