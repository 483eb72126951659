"""Others, in the same run: pymerkle 7, a table of chained hashes.

None of them checks a signature or a rule: their rates are those of storing and hashing.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

import pymerkle

from benchmarks.ledger.limits import beside, rate, timed
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row

_BODY = bytes(600)
_BULK = 50_000
_PROOFS = 200


def _body(number: int) -> bytes:
    return number.to_bytes(8, "big") + _BODY[8:]


def merkle_in_memory(plan: Plan) -> list[Row]:
    """pymerkle's tree in memory: nothing is durable."""
    rows = []
    for entries in plan.peer_entries:
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        seconds = timed(lambda: [tree.append_entry(_body(n)) for n in range(entries)])  # noqa: B023
        times = [
            1e3 * timed(lambda: tree.prove_inclusion(1 + secrets.randbelow(entries), entries))  # noqa: B023
            for _ in range(_PROOFS)
        ]
        rows += [
            Row(f"append, {entries:,} entries", f"{entries / seconds:,.0f}/s", note="not durable"),
            _proof_row("inclusion proof", entries, times, "pymerkle, memory"),
        ]
    return rows


def merkle_on_sqlite(plan: Plan) -> list[Row]:
    """pymerkle's tree in a file: leaves only, every inner hash is made again."""
    rows = []
    for entries in plan.peer_entries:
        path = plan.fresh(f"pymerkle-{entries}")
        tree = pymerkle.SqliteTree(str(path))
        seconds = timed(
            lambda: tree.append_entries((_body(n) for n in range(entries)), chunksize=_BULK)  # noqa: B023
        )
        numbers = count(entries)
        if entries == plan.peer_entries[0]:
            found = beside(
                plan.limits.f,
                lambda: rate(lambda: tree.append_entry(_body(next(numbers)))),  # noqa: B023
                turns=plan.turns,
            )
            measured = f"{found.rate:,.0f}/s"
            rows.append(Row("append one, its own settings", measured, found.ratio, "F"))
        tree.con.close()
        again = pymerkle.SqliteTree(str(path))
        size = again.get_size()
        first = timed(lambda: again.prove_inclusion(size // 2, size))  # noqa: B023
        times = [
            1e3 * timed(lambda: again.prove_inclusion(1 + secrets.randbelow(size), size))  # noqa: B023
            for _ in range(_PROOFS // 4)
        ]
        again.con.close()
        path.unlink()
        rows += [
            Row(f"append in bulk, {entries:,} entries", f"{entries / seconds:,.0f}/s"),
            Row(f"first proof after opening, {entries:,}", f"{1e3 * first:,.0f} ms"),
            _proof_row("inclusion proof", entries, times, "pymerkle, SQLite"),
        ]
    return rows


def _proof_row(what: str, entries: int, times: list[float], curve: str) -> Row:
    p50 = median(times)
    return Row(f"{what} at {entries:,}, p50", f"{p50:.2f} ms", points=[(curve, entries, p50)])


def chain(plan: Plan) -> list[Row]:
    """A table in which each row holds the hash of the one before: no proofs, checked whole."""
    path = plan.fresh("chain")
    connection = _chain_table(path)
    last = bytes(32)
    numbers = count()

    def append() -> None:
        nonlocal last
        body = _body(next(numbers))
        last = hashlib.sha256(last + body).digest()
        connection.execute("INSERT INTO chain VALUES (?, ?, ?)", (None, body, last))
        connection.commit()

    found = beside(plan.limits.f, lambda: rate(append), turns=plan.turns)
    more = [_body(next(numbers)) for _ in range(plan.peer_entries[0])]
    for body in more:
        last = hashlib.sha256(last + body).digest()
        connection.execute("INSERT INTO chain VALUES (?, ?, ?)", (None, body, last))
    connection.commit()
    total = connection.execute("SELECT count(*) FROM chain").fetchone()[0]
    checked = beside(plan.limits.s, lambda: total / timed(lambda: _check(connection)), turns=3)
    connection.close()
    path.unlink()
    return [
        Row("append one, durable", f"{found.rate:,.0f}/s", found.ratio, "F"),
        Row(
            f"check all, {total:,} rows",
            f"{checked.rate:,.0f} rows/s",
            checked.ratio,
            "S",
            note="the only question it answers; whoever owns the table can chain it anew",
        ),
    ]


def _chain_table(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE chain (idx INTEGER PRIMARY KEY, body BLOB, hash BLOB)")
    return connection


def _check(connection: sqlite3.Connection) -> None:
    last = bytes(32)
    for body, stored in connection.execute("SELECT body, hash FROM chain ORDER BY idx"):
        last = hashlib.sha256(last + body).digest()
        if last != stored:
            raise SystemExit("the chain is broken")


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "Peer: pymerkle in memory": merkle_in_memory,
    "Peer: pymerkle on SQLite": merkle_on_sqlite,
    "Peer: a table of chained hashes": chain,
}
