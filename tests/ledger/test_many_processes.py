"""Processes on one PostgreSQL that race, die, stop and go on: no gap, no fork, nothing lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

import ledger
from ledger import (
    Event,
    Role,
    SharedSequencer,
    Submission,
    UnreachableError,
    UsageError,
    open_log,
)
from ledger.appending.draft import receive
from ledger.appending.lease import Lease
from ledger.statements.keyring import Keyring

pytestmark = pytest.mark.postgresql_alone
WORKER = Path(__file__).with_name("shared_worker.py")
SECONDS = float(os.environ.get("RADSEAL_LONG_SECONDS", "1"))  # of many processes writing
PROCESSES = 8 if SECONDS > 5 else 4


class Worker:
    """One process; what it acknowledged is read when it has ended."""

    def __init__(
        self,
        site: Any,
        name: str,
        count: int,
        *,
        batch: int = 1,
        lease: float = 5,
        stalled: float = 10,
    ) -> None:
        keys = site.folder / "log.keys"
        keys.write_bytes(site.keys.to_bytes())
        arguments = [site.path, keys, site.seed(name).hex(), count, batch, lease, stalled]
        self.output = site.folder / f"{name}.out"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=output,
                env={**os.environ, "PYTHONPATH": str(Path(ledger.__file__).parents[1])},
            )

    def wait_until(self, lines: int) -> None:
        for _ in range(6000):
            if len(self.lines()) >= lines:
                return
            assert self.process.poll() is None
            time.sleep(0.01)
        raise AssertionError

    def lines(self) -> list[str]:
        return [e for e in self.output.read_text().splitlines(keepends=True) if e.endswith("\n")]

    def acknowledged(self) -> dict[int, str]:
        return {int(line.split()[0]): line.split()[1] for line in self.lines()[1:]}

    @property
    def holder(self) -> bytes:
        return bytes.fromhex(self.lines()[0].split()[1])

    def finish(self) -> None:
        """Tell it to end, and see that it did so well."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(120) == 0


@pytest.fixture
def start(site: Any) -> Iterator[Any]:
    made: list[Worker] = []

    def begin(name: str, count: int, **named: Any) -> Worker:
        site.add_key(site.signer(name), Role.DEVICE)
        made.append(Worker(site, name, count, **named))
        return made[-1]

    yield begin
    for worker in made:
        worker.process.kill()
        worker.process.wait()
        assert worker.process.stdin is not None
        worker.process.stdin.close()


def _check(site: Any, workers: list[Worker]) -> None:
    """Every acknowledged entry is there, once, and the log is whole."""
    site.reopen()
    stored = {entry.index: entry.leaf_hash.hex() for entry in site.log.entries()}
    assert sorted(stored) == list(range(len(stored)))
    assert len(set(stored.values())) == len(stored)
    for worker in workers:
        acknowledged = worker.acknowledged()
        assert {index: stored[index] for index in acknowledged} == acknowledged
    report = site.log.audit()
    assert report.ok, report.findings
    assert report.covered == report.size


def test_many_processes_write_without_gap_or_fork(site: Any, start: Any) -> None:
    names = [f"writer {number}" for number in range(PROCESSES)]
    workers = [start(name, 1_000_000, batch=1 + 3 * (n % 3)) for n, name in enumerate(names)]
    for worker in workers:
        worker.wait_until(2)
    time.sleep(SECONDS)
    for worker in workers:
        worker.finish()
    assert all(len(worker.acknowledged()) > 0 for worker in workers)
    assert site.ask("select count(*) from radseal_inbox") == [(0,)]
    _check(site, workers)


def _holder(site: Any, workers: list[Worker]) -> Worker:
    ((holder,),) = site.ask("select holder from radseal_lease")
    (found,) = [worker for worker in workers if worker.holder == holder]
    return found


def test_the_lease_holder_killed_in_mid_batch_is_followed_by_another(site: Any, start: Any) -> None:
    workers = [start(f"writer {n}", 1_000_000, batch=20, lease=1) for n in range(3)]
    for worker in workers:
        worker.wait_until(41)
    for _ in range(2):
        killed = _holder(site, workers)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        others = [worker for worker in workers if worker.process.poll() is None]
        before = [len(worker.lines()) for worker in others]
        for worker, lines in zip(others, before, strict=True):
            worker.wait_until(lines + 41)
    for worker in others:
        worker.finish()
    _check(site, workers)


@pytest.mark.parametrize("lease", [0.5])
def test_a_holder_stopped_past_its_lease_writes_nothing_late(
    site: Any, start: Any, lease: float
) -> None:
    first = start("first", 1_000_000, batch=5, lease=lease, stalled=1)
    first.wait_until(11)
    second = start("second", 1_000_000, batch=5, lease=lease, stalled=1)
    second.wait_until(6)
    paused = _holder(site, [first, second])
    other = second if paused is first else first
    paused.process.send_signal(signal.SIGSTOP)
    lines = len(other.lines())
    other.wait_until(lines + 20)
    assert _holder(site, [first, second]) is other
    said = len(paused.lines())
    paused.process.send_signal(signal.SIGCONT)
    paused.wait_until(said + 20)  # it registers again, and the other logs it
    for worker in (first, second):
        worker.finish()
    _check(site, [first, second])


def test_late_in_its_own_transaction_it_writes_nothing_either(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server breaks off who stands still with the lease row locked; the batch stays whole."""
    monkeypatch.setattr("ledger.storage.postgresql.STALLED_SECONDS", 0.5)
    (seal,) = site.seals(1)
    arrival = receive([Submission(seal)], Keyring())[0]
    with open_log(site.path, keys=site.keys, annex_key=None, checkpoint_every=None) as late:
        lease = Lease(b"late", 60.0)
        assert late.inbox().try_lease(lease)

        def beside(connection: Any) -> None:
            lease.hold(connection)
            time.sleep(1.5)

        with pytest.raises(UnreachableError):
            late.append_received([arrival], at=site.now, beside=beside)
        assert site.append(seal)[0].index == 3
        assert late.append_received([arrival], at=site.now)[0].index == 3
    assert site.log.audit().ok


def test_who_stops_in_the_middle_of_a_copy_is_ended_by_whoever_waits(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timeout of the server ends a COPY that waits for its client."""
    monkeypatch.setattr("ledger.storage.postgresql.STALLED_SECONDS", 0.5)
    (seal,) = site.seals(1)
    arrival = receive([Submission(seal)], Keyring())[0]
    with open_log(site.path, keys=site.keys, annex_key=None, checkpoint_every=None) as log:
        assert log.inbox().try_lease(Lease(b"stopped", 0.01))
        name = str(site.path).rpartition("/")[2]
        with closing(psycopg.connect(site.server.conninfo(name))) as stopped:
            stopped.execute("update radseal_lease set holder = holder")
            time.sleep(0.05)  # the lease is over
            copying = stopped.cursor().copy("copy radseal_lease from stdin")
            with suppress(psycopg.OperationalError), copying:  # which ends the copy
                with pytest.raises(ledger.BusyError):
                    log.inbox().try_lease(Lease(b"next", 60.0))
                assert log.inbox().try_lease(Lease(b"next", 60.0))
            assert stopped.broken
        assert log.append_received([arrival], at=site.now)[0].index == 3
    assert site.log.audit().ok


def test_a_server_that_stops_and_starts_again(site: Any) -> None:
    seals = site.seals(3)
    with open_log(site.path, keys=site.keys, annex_key=None, checkpoint_every=None) as log:
        made = SharedSequencer(log, lambda: site.now)
        try:

            def send(statement: bytes) -> Any:
                return made.submit([receive([Submission(statement)], Keyring())[0]])

            assert send(seals[0]).result(60)[0].index == 3
            site.server.stop()
            with pytest.raises(UnreachableError, match=r"cannot connect|was lost"):
                site.log.size  # noqa: B018
            with pytest.raises(UnreachableError):
                send(seals[1]).result(60)
            site.server.start()
            assert send(seals[1]).result(60)[0].index == 4
            assert site.append(seals[2])[0].index == 5
        finally:
            made.close()
    assert site.log.audit().ok


def test_who_is_not_let_in_is_told_what_to_do_and_no_password(
    site: Any, postgres_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(site.path).rpartition("/")[2]
    secret = "not-the-password"
    with pytest.raises(UnreachableError, match="PGPASSWORD") as caught:
        open_log(postgres_server.url(name, password=secret), keys=None, annex_key=None)
    words = ""
    error: BaseException | None = caught.value
    while error is not None:
        words, error = words + repr(error) + str(error), error.__cause__ or error.__context__
    assert secret not in words
    monkeypatch.setenv("PGPASSWORD", "a password of the tests")
    with open_log(postgres_server.url(name, password=None), keys=None, annex_key=None) as log:
        assert log.size == 3
    for wrong in ("postgresql://u:secret@[::1/x", "postgresql://u:secret@h:port/x", "mysql://h/x"):
        with pytest.raises(UsageError) as refused:
            open_log(wrong, keys=None, annex_key=None)
        assert "secret" not in str(refused.value)
    closed = f"postgresql://radseal@127.0.0.1:1/{name}"
    with pytest.raises(UnreachableError, match="cannot connect"):
        open_log(closed, keys=None, annex_key=None)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(UsageError, match=r"radseal\[postgres\]"):
            open_log(closed, keys=None, annex_key=None)


def test_an_older_snapshot_keeps_what_was_erased_and_this_is_said(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.storage.postgresql.LOCK_SECONDS", 0.2)
    object_id, _ = site.seal(annex=b"a name that must not be found again")
    secrets = [row[0] for row in site.ask("select wrapped from radseal_annex_key")]
    name = str(site.path).rpartition("/")[2]
    statement = site.statement(Event.ERASED, site.archivist, object_id)
    with psycopg.connect(site.server.conninfo(name)) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select count(*) from radseal_statement")
        with pytest.raises(ledger.BusyError, match="older transaction"):
            site.log.erase(statement, at=site.now)
        assert site.log.annex(object_id) is None
        assert not site.log.audit().ok
    site.log.erase(statement, at=site.now)
    assert not any(secret in b"".join(site.files().values()) for secret in secrets)
    assert site.log.audit().ok


def test_statistics_keep_no_copy_of_what_can_be_erased(site: Any) -> None:
    kept = []
    for number in range(30):
        name = ledger.hash_leaf(bytes([number]))
        object_id, _ = site.seal(annex=b"x", pseudonyms=(name,))
        kept.append((object_id, name))
    secrets = [row[0] for row in site.ask("select wrapped from radseal_annex_key")]
    base = str(site.path).rpartition("/")[2]
    with psycopg.connect(site.server.conninfo(base), autocommit=True) as other:
        other.execute("analyze")
    link = site.log.actor_link(site.archivist.kid)
    statements = []
    for object_id, _ in kept:
        said = site.statement(Event.ERASED, site.archivist, object_id, actor_link=link)
        statements.append(said)
        link = link.next(ledger.hash_leaf(said))
    site.append(*statements)
    content = b"".join(site.files().values())
    assert not [s for s in secrets + [name for _, name in kept] if s in content]
