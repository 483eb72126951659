"""What a process that dies, two that race, and a full disk leave behind: a log that holds."""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import BusyError, Event, Role, StoreError, Submission, open_log
from ledger.storage import persist

pytestmark = pytest.mark.both_databases
WORKER = Path(__file__).with_name("append_worker.py")


def _start(site: Any, name: str, count: int, batch: int = 1) -> subprocess.Popen[str]:
    keys_path = site.folder / "log.keys"
    keys_path.write_bytes(site.keys.to_bytes())
    seed = site.seed(name).hex()
    root = str(Path(ledger.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    arguments = [str(site.path), str(keys_path), seed, str(count), str(batch)]
    return subprocess.Popen(
        [sys.executable, str(WORKER), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _acknowledged(lines: list[str]) -> dict[int, str]:
    return {int(line.split()[0]): line.split()[1] for line in lines if line.endswith("\n")}


@pytest.mark.parametrize("batch", [1, 40])
def test_killed_while_appending_nothing_acknowledged_is_lost(site: Any, batch: int) -> None:
    site.add_key(site.signer("worker"), Role.DEVICE)
    acknowledged: dict[int, str] = {}
    heads = []
    for round_ in range(3):
        worker = _start(site, "worker", 100_000, batch)
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(25 + 17 * round_)]
        worker.send_signal(signal.SIGKILL)
        rest, _ = worker.communicate()
        lines += rest.splitlines(keepends=True)
        acknowledged.update(_acknowledged(lines))
        assert len(acknowledged) >= 25
        with open_log(site.path, keys=site.keys, annex_key=site.annex_key) as log:
            report = log.audit(held=heads)
            assert report.ok, report.findings
            assert report.covered == report.size == log.head().size
            heads.append(log.checkpoint())
            stored = {entry.index: entry.leaf_hash.hex() for entry in log.entries()}
        assert {index: stored[index] for index in acknowledged} == acknowledged
        assert sorted(stored) == list(range(len(stored)))


def test_two_processes_append_without_gap_or_fork(site: Any) -> None:
    names = ("one", "two")
    for name in names:
        site.add_key(site.signer(name), Role.DEVICE)
    site.log.close()
    workers = [_start(site, name, 120, batch) for name, batch in zip(names, (1, 7), strict=True)]
    lines = []
    for worker in workers:
        out, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0
        lines.append(_acknowledged(out.splitlines(keepends=True)))
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    assert not lines[0].keys() & lines[1].keys()
    assert sorted(lines[0].keys() | lines[1].keys()) == list(range(5, 245))
    assert site.log.size == 245
    report = site.log.audit()
    assert report.ok, report.findings
    for index, leaf_hash in (lines[0] | lines[1]).items():
        assert site.log.entry(index).leaf_hash.hex() == leaf_hash


def test_two_open_logs_see_each_other(site: Any) -> None:
    other = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    first, second = site.seals(2)
    site.append(first)
    (entry,) = other.append([Submission(second)], at=site.now)
    assert entry.index == 4
    assert site.log.head() == other.head()
    site.seal()
    assert other.size == 6
    other.close()
    assert site.log.audit().ok


@pytest.mark.sqlite_alone
def test_a_lock_that_is_held_is_said_to_be(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.storage.sqlite.BUSY_SECONDS", 0.05)
    site.reopen()
    statement = site.statement(Event.STUDY_CLOSED, site.archivist)
    holder = sqlite3.connect(site.path, isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(BusyError):
        site.append(statement)
    holder.execute("rollback")
    holder.close()
    assert site.append(statement)[0].index == 3


@pytest.mark.parametrize(
    "place",
    [
        "write_keys",
        "write_statements",
        "write_tiles",
        "write_erasures",
        "write_annexes",
        "write_pseudonyms",
        "move_head",
    ],
)
def test_a_crash_after_any_write_leaves_the_log_as_it_was(
    site: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "write_tiles" and site.log.is_shared:
        pytest.skip("tiles are written with the head, in one statement")
    site.seal()
    head = site.log.head()
    (statement,) = site.seals(1)
    real = getattr(persist, place)

    def crash(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(persist, place, crash)
        with pytest.raises(KeyboardInterrupt):
            site.append(statement, annex=b"a", pseudonyms=(bytes(32),))
    assert site.log.head() == head
    assert site.log.find(bytes(32)) == ()
    assert site.log.audit().ok
    assert site.append(statement)[0].index == head.size


def test_a_crash_between_commit_and_signature_is_healed(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.log.checkpoint()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ledger.checkpoints.log_keys.LogKeys.sign_checkpoint", crash)
        with pytest.raises(KeyboardInterrupt):
            site.append(*site.seals(256))
        site.log._database.close()
    with open_log(site.path, keys=None, annex_key=None) as reader:
        report = reader.audit()
    assert (report.ok, report.size, report.covered) == (True, 259, 3)
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    report = site.log.audit()
    assert (report.ok, report.size, report.covered) == (True, 259, 259)


@pytest.mark.sqlite_alone
def test_a_full_disk_loses_nothing_that_was_acknowledged(site: Any) -> None:
    statements = site.seals(200)
    limit = site.path.stat().st_size + 400_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    acknowledged = []
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with contextlib.suppress(StoreError):
            for statement in statements:
                acknowledged += site.append(statement)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert 0 < len(acknowledged) < 200
    site.reopen()
    assert site.log.size == 3 + len(acknowledged)
    assert [site.log.entry(e.index) for e in acknowledged] == acknowledged
    assert site.log.audit().ok
    rest = site.append(*statements[len(acknowledged) :])
    assert rest[-1].index == 202
