"""Every statement hashed again: what it finds, and that processes share the work."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import FindingCode, Submission, UsageError
from ledger.auditing import rehash

COUNT = 300  # more than one tile of level 0


@pytest.fixture
def log(site: Any) -> Any:
    site.log.append([Submission(each) for each in site.seals(COUNT)], at=site.now)
    site.log.checkpoint()
    return site.log


def _change(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql, values)
    connection.close()


def test_an_honest_log(log: Any) -> None:
    heard: list[tuple[int, int]] = []
    report = log.rehash(lambda done, size: heard.append((done, size)), held=[log.checkpoint()])
    assert report.ok
    assert report.size == report.covered == log.size
    assert heard[-1] == (log.size, log.size)


@pytest.mark.parametrize(
    ("sql", "values", "code", "index"),
    [
        ("UPDATE radseal_statement SET encoded = ? WHERE idx = 270", (b"x",), "tile", 270),
        ("UPDATE radseal_statement SET encoded = ? WHERE idx = 7", ("text",), "database", 0),
        ("UPDATE radseal_tile SET hashes = ? WHERE level = 0 AND number = 0", (b"",), "tile", 0),
        ("UPDATE radseal_tile SET hashes = ? WHERE level = 1", (bytes(32),), "tile", None),
        ("DELETE FROM radseal_tile WHERE level = 1 AND number > ?", (-1,), "tile", None),
        ("DELETE FROM radseal_statement WHERE idx = ?", (260,), "statement-missing", 256),
        ("UPDATE radseal_head SET root = ?", (bytes(32),), "head", None),
        ("UPDATE radseal_checkpoint SET size = 5 WHERE size > ?", (100,), "checkpoint", None),
    ],
)
def test_what_was_changed_is_found(
    site: Any, log: Any, sql: str, values: tuple[object, ...], code: str, index: int | None
) -> None:
    _change(site.path, sql, *values)
    found = [(each.code, each.index) for each in log.rehash().findings]
    assert (FindingCode(code), index) in found


def test_a_held_checkpoint_of_another_tree(site: Any, log: Any) -> None:
    held = log.checkpoint()
    _change(site.path, "UPDATE radseal_head SET size = size - 1")
    codes = {each.code for each in log.rehash(held=[held]).findings}
    assert FindingCode.HELD_CHECKPOINT in codes


def test_processes_find_the_same(site: Any, log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehash, "PART", 256)  # of the process that hands out the work
    for index in (7, 270):
        _change(site.path, f"UPDATE radseal_statement SET encoded = x'00' WHERE idx = {index}")
    one, two = log.rehash(jobs=1), log.rehash(jobs=2)
    assert not one.ok
    assert one == two


def test_a_checkpoint_of_another_log_cannot_be_held(log: Any) -> None:
    from ledger.errors import LedgerError

    with pytest.raises(LedgerError):
        log.rehash(held=[log.checkpoint().replace(b"archive", b"archivf")])
    with pytest.raises(LedgerError):
        log.rehash(held=[b""])


def test_no_process_at_all_is_a_mistake(log: Any) -> None:
    with pytest.raises(UsageError):
        log.rehash(jobs=0)


@pytest.mark.both_databases
def test_another_process_hashes_what_is_hashed_here(log: Any) -> None:
    part = rehash._Part(0, log.size, 256)  # the first tile as if it was pruned
    with log._database.read() as connection, closing(rehash._Hasher(connection)) as hasher:
        assert hasher.ask(connection, part) == rehash._hash_here(connection, part)


def test_another_process_meets_text(site: Any, log: Any) -> None:
    part = rehash._Part(0, log.size, 0)
    with log._database.read() as connection, closing(rehash._Hasher(connection)) as hasher:
        here = rehash._hash_here(connection, part)
        _change(site.path, "UPDATE radseal_statement SET encoded = 'text' WHERE idx = 270")
        found = hasher.ask(connection, part)  # in a snapshot of its own
        assert found is not None
        tiles, _, unread, unreadable = found
        assert (tiles, unread, unreadable) == (here[0][:1], 0, True)


def test_what_a_process_does_not_say_is_hashed_here(
    site: Any, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehash, "PART", 256)
    asked: list[rehash._Part] = []
    real = rehash._Hasher.ask

    def killed(self: rehash._Hasher, connection: Any, part: rehash._Part) -> Any:
        self._process.kill()
        asked.append(part)
        answer = real(self, connection, part)
        assert answer is None
        return answer

    monkeypatch.setattr(rehash._Hasher, "ask", killed)
    _change(site.path, "UPDATE radseal_statement SET encoded = x'00' WHERE idx = 7")
    report = log.rehash(jobs=2)
    assert asked
    assert not report.ok
    assert report == log.rehash()
