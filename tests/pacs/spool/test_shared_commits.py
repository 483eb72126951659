"""What waits at the same time shares one commit, and nothing is told before that is on the disk."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provenance.errors import UsageError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Route, Sender
from provenance.pacs.spool.database import open_database, writing
from provenance.pacs.spool.shared_commits import SharedCommits
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def keep(spool: Spool, name: str) -> Kept:
    """Keep a file of that content, of the instance of that name."""
    path = spool.incoming()
    path.write_text(name)
    return spool.keep(
        path,
        sender=Sender(Route.DIMSE, NOON),
        instance=Instance("1.2", name, "1.2.840.10008.1.2.1"),
        judged=Judged(Word.UNSEALED, Action.ACCEPT, None, (), {}),
        archives=("archive",),
        policy=bytes(32),
    )


@pytest.fixture
def commits(tmp_path: Path) -> "Callable[[], SharedCommits]":
    return lambda: SharedCommits(tmp_path / "spool")


def waiting_together(made: SharedCommits, acts: list[Callable[[Spool], object]]) -> list[object]:
    """Give it all acts while it is held up, so that they share a commit; return what they got."""
    held, go = threading.Event(), threading.Event()

    def hold(_spool: Spool) -> None:
        held.set()
        assert go.wait(60)

    def outcome(act: Callable[[Spool], object]) -> object:
        try:
            return made.write(act)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            return error

    with ThreadPoolExecutor(len(acts) + 1) as pool:
        first = pool.submit(made.write, hold)
        assert held.wait(60)
        asked = [pool.submit(outcome, act) for act in acts]
        while made._parts.qsize() < len(acts):
            pass
        go.set()
        first.result(60)
        return [each.result(60) for each in asked]


def test_what_waits_shares_a_commit_and_is_there_when_it_is_told(
    commits: Callable[[], SharedCommits], tmp_path: Path
) -> None:
    made = commits()
    seen: list[int] = []

    def act(number: int) -> Callable[[Spool], object]:
        def write(spool: Spool) -> Kept:
            with sqlite3.connect(tmp_path / "spool" / "spool.db") as other:
                seen.append(other.execute("select count(*) from object").fetchone()[0])
            other.close()
            return keep(spool, f"1.{number}")

        return write

    kept = waiting_together(made, [act(number) for number in range(8)])
    with Spool.open(tmp_path / "spool") as spool:
        assert sorted(each.number for each in spool.objects()) == list(range(1, 9))
        assert {each.number for each in kept if isinstance(each, Kept)} == set(range(1, 9))
        assert len(spool.custody.untold(limit=100)) == 16
    made.close()
    assert seen == [0] * 8  # one commit: nobody saw the first before the last


def test_what_fails_concerns_nobody_else(
    commits: Callable[[], SharedCommits], tmp_path: Path
) -> None:
    made = commits()

    def fails(spool: Spool) -> None:
        keep(spool, "1.666")
        raise UsageError("no")

    one, two, three = waiting_together(
        made, [lambda spool: keep(spool, "1.1"), fails, lambda spool: keep(spool, "1.3")]
    )
    made.close()
    assert isinstance(two, UsageError)
    with Spool.open(tmp_path / "spool") as spool:
        names = {each.instance.sop_instance for each in spool.objects()}
    assert names == {"1.1", "1.3"}
    assert isinstance(one, Kept)
    assert isinstance(three, Kept)


def test_a_commit_that_fails_is_told_to_all_and_leaves_nothing(
    commits: Callable[[], SharedCommits], tmp_path: Path
) -> None:
    made = commits()

    def loses_the_transaction(spool: Spool) -> None:
        spool._database.execute("rollback")  # as SQLite does by itself when the disk is full

    told = waiting_together(
        made,
        [
            lambda spool: keep(spool, "1.1"),
            loses_the_transaction,
            lambda spool: keep(spool, "1.3"),
        ],
    )
    assert all(isinstance(each, sqlite3.Error) for each in told), told
    again = made.write(lambda spool: keep(spool, "1.4"))
    made.close()
    with Spool.open(tmp_path / "spool") as spool:
        assert [each.number for each in spool.objects()] == [again.number]
        assert spool.recover() == 1  # the file of the first; its sender sends it again


def test_what_is_dropped_is_no_objects_file(tmp_path: Path) -> None:
    with Spool.open(tmp_path / "spool") as spool:
        kept = keep(spool, "1.1")
        placed = spool.incoming()
        placed.write_bytes(b"half")
        placed = spool.place(placed)
        spool.secure(placed)
        spool.drop(placed)
        spool.drop(spool.path(kept.number))
        assert spool.path(kept.number).read_text() == "1.1"
        assert not placed.exists()


def test_a_spool_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"no folder")
    with pytest.raises(FileExistsError):
        SharedCommits(tmp_path / "spool")


def test_a_commit_that_is_refused_leaves_no_transaction_for_the_next_to_be_lost_in(
    tmp_path: Path,
) -> None:
    database = open_database(tmp_path / "spool.db")
    add = "insert into delivery (object, archive, attempts, due) values (?, 'archive', 0, 0)"

    def refused() -> None:
        with writing(database):
            database.execute("pragma defer_foreign_keys = on")
            database.execute(add, (99,))  # of no object: it is the commit that fails

    with pytest.raises(sqlite3.IntegrityError):
        refused()
    assert not database.in_transaction
    with writing(database):
        database.execute("insert into custody (event, body, at) values ('x', x'00', 0)")
    with sqlite3.connect(tmp_path / "spool.db") as other:
        assert other.execute("select count(*) from custody").fetchone() == (1,)
    other.close()
    database.close()
