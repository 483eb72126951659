"""What is asked for each object is found by an index, however many objects the spool has had."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from provenance.pacs.spool.database import open_database
from provenance.pacs.spool.spool import Spool

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def plans(folder: Path) -> dict[str, str]:
    """Return how SQLite answers what forwarder and custody ask over and over."""
    asked: list[str] = []
    spool = Spool.open(folder)
    try:
        database: sqlite3.Connection = spool._database
        database.set_trace_callback(asked.append)
        spool.deliveries.due("archive", now=NOW)
        spool.deliveries.oldest_waiting("archive")
        spool.custody.untold(limit=64)
        spool.custody.state()
        database.set_trace_callback(None)
        return {
            question: " ".join(row[3] for row in database.execute(f"explain query plan {question}"))
            for question in asked
        }
    finally:
        spool.close()


def test_nothing_is_looked_through(tmp_path: Path) -> None:
    found = plans(tmp_path / "spool")
    assert len(found) == 5
    through = [q for q, plan in found.items() if "SCAN" in plan and "INDEX custody_" not in plan]
    assert through == []


def test_a_spool_that_lacks_an_index_gets_it(tmp_path: Path) -> None:
    plans(tmp_path / "spool")
    old = sqlite3.connect(tmp_path / "spool/spool.db")
    old.execute("drop index custody_refused")
    old.close()
    open_database(tmp_path / "spool/spool.db").close()
    again = sqlite3.connect(tmp_path / "spool/spool.db")
    (there,) = again.execute(
        "select count(*) from sqlite_master where name = 'custody_refused'"
    ).fetchone()
    again.close()
    assert there == 1
