"""A spool forgets what is done, never what is not, and what it says of it stays true."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gateway_world import eventually

from ledger import Role
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.pacs.arrivals import State
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.gateway.configuration import Configuration, Listen
from provenance.pacs.gateway.counts import Counts
from provenance.pacs.gateway.watch import Watch
from provenance.pacs.quarantine.housekeeper import Housekeeper
from provenance.pacs.quarantine.rejection_note import require_only_it
from provenance.pacs.retrieve.asked import Asked
from provenance.pacs.service.desk import Desk, Workplace
from provenance.pacs.spool.memory import ForgottenError, Mark
from provenance.pacs.spool.spool import Spool
from provenance.policy.facts import Arrival
from provenance.policy.terms import Action
from provenance.schema import schema_text

schemas = pytest.importorskip("jsonschema_rs", reason="jsonschema-rs is not installed")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MUCH_LATER = NOON + timedelta(days=365)


def forget_all(spool: Spool, before: datetime = MUCH_LATER) -> int:
    count, mark = 0, Mark()
    while True:
        found = spool.forget(before=before, after=mark)
        count += found.count
        if found.mark is None:
            return count
        mark = found.mark


def log_all(door: Any) -> None:
    with door.site.device(Role.GATEWAY) as gateway:
        while CustodyWriter(door.spool.custody, gateway).write():
            pass


def newest(door: Any, unsealed: bytes, edit: Callable[..., bytes]) -> int:
    """The newest object is never forgotten: take one more."""
    other = edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.99"))
    return int(door.take(other).number)


@pytest.fixture
def done(door: Any, unsealed: bytes, edit: Callable[..., bytes]) -> int:
    """An object that the archive has, and the ledger all about it."""
    number = int(door.take(unsealed).number)
    door.spool.deliveries.delivered(number, "archive", at=NOON)
    newest(door, unsealed, edit)
    log_all(door)
    return number


def test_what_is_done_is_forgotten_after_its_time(door: Any, done: int) -> None:
    before = door.spool.counts()
    assert forget_all(door.spool, NOON - timedelta(seconds=1)) == 0
    assert forget_all(door.spool, NOON) == 1
    with pytest.raises(ForgottenError, match="has forgotten the object"):
        door.spool.object(done)
    assert door.spool.counts() == before  # what was counted stays counted
    assert door.spool.memory.forgotten()[State.DELIVERED] == 1
    for table in ("delivery", "custody", "step"):
        (left,) = door.spool._database.execute(
            f"select count(*) from {table} where object = ?", (done,)
        ).fetchone()
        assert left == 0
    assert forget_all(door.spool) == 0


def test_it_counts_from_the_last_event(door: Any, unsealed: bytes, edit: Any) -> None:
    """An archive that was away for weeks is no reason to forget at once."""
    number = door.take(unsealed).number
    door.spool.deliveries.delivered(number, "archive", at=NOON + timedelta(days=29))
    newest(door, unsealed, edit)
    log_all(door)
    assert forget_all(door.spool, NOON + timedelta(days=28)) == 0
    assert forget_all(door.spool, NOON + timedelta(days=29)) == 1


def test_what_is_not_done_is_never_forgotten(
    door: Any, unsealed: bytes, edit: Callable[..., bytes]
) -> None:
    def take(uid: str, calling_ae: str = "CT7") -> int:
        changed = edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", uid))
        return int(door.take(changed, calling_ae).number)

    spool = door.spool
    waits, held = take("1.2.1"), take("1.2.2")
    spool.held.put(held, "archive", why="no")
    apart, rejected, released = (take(f"1.2.{n}", "SEALS") for n in (3, 4, 5))
    spool.reject(rejected, at=NOON)
    spool.release(released, archives=("archive",), at=NOON)
    spool.deliveries.delivered(released, "archive", at=NOON)
    unlogged, refused_by_log = take("1.2.6"), take("1.2.7")
    spool.deliveries.delivered(refused_by_log, "archive", at=NOON)
    newest(door, unsealed, edit)
    log_all(door)
    spool.deliveries.delivered(unlogged, "archive", at=NOON)  # its last event waits for the ledger
    spool._database.execute(
        "update custody set entry = null, error = 'no' where number ="
        " (select max(number) from custody where object = ?)",
        (refused_by_log,),
    )
    assert forget_all(spool) == 0
    kept = [waits, held, apart, rejected, released, unlogged, refused_by_log]
    assert [spool.object(number).number for number in kept] == kept
    log_all(door)
    assert forget_all(spool) == 1
    with pytest.raises(ForgottenError):
        spool.object(unlogged)


def test_what_persons_decided_counts_for_ever(
    door: Any, unsealed: bytes, edit: Callable[..., bytes]
) -> None:
    other = edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.3.4.6"))
    released, rejected = (door.take(each, "SEALS").number for each in (unsealed, other))
    door.spool.release(released, archives=("archive",), at=NOON)
    door.spool.deliveries.delivered(released, "archive", at=NOON)
    door.spool.reject(rejected, at=NOON)
    newest(door, unsealed, edit)
    log_all(door)
    assert forget_all(door.spool) == 0
    assert door.take(unsealed, "SEALS").judged.action is Action.ACCEPT
    assert door.take(other, "SEALS").judged.action is Action.REFUSE


def test_numbers_are_never_given_twice(door: Any, unsealed: bytes) -> None:
    numbers = set()
    for _ in range(4):
        number = door.take(unsealed).number
        assert number not in numbers
        numbers.add(number)
        door.spool.deliveries.delivered(number, "archive", at=NOON)
        log_all(door)
        forget_all(door.spool)
    assert len(door.spool.objects()) == 1


def test_a_number_that_never_was_is_not_forgotten(door: Any, done: int) -> None:
    forget_all(door.spool)
    for number in (0, -1, done + 2, 10**9):
        with pytest.raises(UsageError, match="no object") as raised:
            door.spool.object(number)
        assert not isinstance(raised.value, ForgottenError)


_KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from provenance.pacs.spool.memory import Mark, Memory
from provenance.pacs.spool.spool import Spool
remember = Memory._remember
def die(*words):
    remember(*words)
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "within":
    Memory._remember = die
if sys.argv[2] == "after":
    Path.unlink = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with Spool.open(Path(sys.argv[1])) as spool:
    spool.forget(before=datetime.fromisoformat(sys.argv[3]), after=Mark())
"""


@pytest.mark.parametrize("when", ["within", "after"])
def test_killed_it_is_there_or_forgotten(door: Any, done: int, when: str) -> None:
    before = door.spool.counts()
    path = door.spool.path(done)
    path.write_bytes(b"left by a machine that stopped")
    words = [str(door.spool.folder), when, MUCH_LATER.isoformat()]
    run = subprocess.run(
        [sys.executable, "-c", _KILLED, *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert door.spool.counts() == before
    if when == "within":
        assert door.spool.object(done).number == done
        assert forget_all(door.spool) == 1
        assert not path.exists()
    else:
        assert forget_all(door.spool) == 0
        assert door.spool.recover() == 1  # at the next start
    assert door.spool.memory.forgotten()[State.DELIVERED] == 1


def fill(spool: Spool, count: int, first: int) -> None:
    """As many objects as a day has: from their arrival to the archive, all told."""
    database, at = spool._database, round(NOON.timestamp() * 1000)
    verdict = json.dumps({"why": "x" * 2000})
    with spool.writing():
        database.executemany(
            "insert into object (number, name, state, route, at, calling_ae, sop_class,"
            " sop_instance, transfer_syntax, study, size, sha256, sealed_here, word, action,"
            " reasons, verdict, salt) values (?, ?, 'forwarding', 'dimse', ?, ?, '1.2', ?, '1.2',"
            " '1.2', 9, ?, 0, 'UNSEALED', 'tag', '[]', ?, x'00')",
            [
                (n, f"{n}.dcm", at, f"CT{n % 5}", f"1.2.{n}", n.to_bytes(32), verdict)
                for n in range(first, first + count)
            ],
        )
        database.executemany(
            "insert into custody (object, event, body, at, statement, entry)"
            " values (?, 'sent', x'00', ?, ?, ?)",
            [(n, at, bytes(400), n) for n in range(first, first + count) for _ in range(3)],
        )
        database.executemany(
            "insert into delivery (object, archive, attempts, due, sent) values (?, 'a', 0, 0, ?)",
            [(n, at) for n in range(first, first + count)],
        )
        database.execute("update object set state = 'delivered' where state = 'forwarding'")


def test_it_does_not_grow_with_the_years(tmp_path: Path) -> None:
    """Day by day, and all numbers of /metrics only ever rise."""
    days, a_day = 6, 1500
    configuration = Configuration(
        tmp_path, tmp_path, tmp_path / "spool", Listen("RADSEAL", "127.0.0.1", 0), ()
    )
    watch = Watch(tmp_path / "spool", lambda: configuration, Counts(), lambda: None)

    def shown() -> dict[str, float]:
        return {
            metric.name + label: value
            for metric in watch.metrics(NOON)
            if metric.name.startswith("radseal_spool_")
            for label, value in metric.values
        }

    with Spool.open(tmp_path / "spool") as spool:
        pages, seen = [], shown()
        for day in range(days):
            fill(spool, a_day, 1 + day * a_day)
            assert forget_all(spool) == a_day - (day == 0)
            now = shown()
            assert all(now[name] >= value for name, value in seen.items())
            seen = now
            (count,) = spool._database.execute("pragma page_count").fetchone()
            pages.append(count)
        assert seen['radseal_spool_objects{state="delivered"}'] == days * a_day
        assert seen["radseal_spool_forgotten_total"] == days * a_day - 1
        assert len(spool.objects(limit=10)) == 1
        (remembered,) = spool._database.execute("select count(*) from past").fetchone()
        assert remembered == days * a_day - 1
        # what stays is the memory: some forty bytes of each, in pages that are half full
        grown = (pages[-1] - pages[1]) * 4096
        assert grown < (days - 2) * a_day * 120
        assert pages[0] * 4096 > a_day * 3000  # of which a day had much more


def test_what_is_asked_again_and_again_looks_nothing_through(tmp_path: Path) -> None:
    asked: list[str] = []
    with Spool.open(tmp_path / "spool") as spool:
        database = spool._database
        database.set_trace_callback(asked.append)
        spool.counts()
        spool.memory.forgotten()
        spool.memory.arrival("1.2")
        spool.memory.has_other("1.2", bytes(32))
        spool.forget(before=NOON, after=Mark())
        database.set_trace_callback(None)
        plans = [
            (question, row[3])
            for question in asked
            if question.startswith("select")
            for row in database.execute(f"explain query plan {question}")
        ]
    assert len(plans) >= 5
    slow = ("SCAN", "USE TEMP")
    through = {
        q for q, plan in plans if plan.startswith(slow) and "tally" not in plan and "past" not in q
    }
    assert through == set()


def test_a_spool_of_an_earlier_release_counts_what_it_has(
    door: Any, done: int, unsealed: bytes, tmp_path: Path
) -> None:
    before = door.spool.counts()
    folder = door.spool.folder
    old = sqlite3.connect(folder / "spool.db")
    for what in ("trigger object_came", "trigger object_changed", "trigger object_forgotten",
                 "table tally", "table past", "table past_sender", "index object_done",
                 "table purge", "index custody_object", "index step_object"):  # fmt: skip
        old.execute(f"drop {what}")
    old.commit()
    old.close()
    for _ in range(2):
        with Spool.open(folder) as spool:
            assert spool.counts() == before
    with Spool.open(folder) as spool:
        assert forget_all(spool) == 1
        assert spool.counts() == before


def test_how_it_came_is_still_known(
    door: Any, done: int, unsealed: bytes, edit: Callable[..., bytes], tmp_path: Path
) -> None:
    """A reader who asks for an old image is answered by the rule for its sender, as before."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        policy.read_text().replace('unsealed = "tag"', 'unsealed = "refuse"')
        + '[[rules]]\nname = "ct"\n[rules.match]\ncalling_ae = ["CT7"]\n'
        '[rules.actions]\nunsealed = "tag"\n'
    )
    place = Workplace(door.site.folder, policy, door.spool.folder)
    file = tmp_path / "given.dcm"
    file.write_bytes(unsealed)
    desk = Desk.open(place)
    try:
        asked = Asked("1.2.3")
        first = desk.show(file, asked, None, NOON)
        assert forget_all(door.spool) == 1
        again = desk.show(file, asked, None, NOON)
        assert (again.word, again.action) == (first.word, first.action)
        assert again.action is Action.TAG
        stranger = tmp_path / "stranger.dcm"
        stranger.write_bytes(edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.77")))
        assert not desk.show(stranger, asked, None, NOON).given  # whose sender nobody knows
    finally:
        desk.close()
    arrival = door.spool.memory.arrival("1.2.3.4.5")
    assert arrival == Arrival("CT7", "GATEWAY", NOON)


def test_no_note_hides_a_genuine_image_that_was_forgotten(
    door: Any, done: int, unsealed: bytes, edit: Callable[..., bytes]
) -> None:
    forged = edit(unsealed, lambda d: setattr(d, "PatientID", "P-2"))
    kept = door.take(forged, "SEALS")
    forget_all(door.spool)
    assert door.spool.of_instance("1.2.3.4.5") == [door.spool.object(kept.number)]
    records = door.intake.judge.verifier.records
    with pytest.raises(UsageError, match="long ago"):
        require_only_it(kept, spool=door.spool, records=records)
    itself = replace(kept, sha256=door.spool._database.execute(
        "select file from past").fetchone()[0] + bytes(24))  # fmt: skip
    require_only_it(itself, spool=door.spool, records=records)


def test_what_the_commands_say(door: Any, done: int) -> None:
    forget_all(door.spool)

    def run(*words: object) -> Any:
        line = ["quarantine", *map(str, words), "--spool", str(door.spool.folder)]
        return CliRunner().invoke(cli, line)

    shown = run("show", done)
    assert shown.exit_code == 16
    assert "has forgotten" in shown.stderr
    assert "radseal trace" in shown.stderr
    listed = run("list", "--state", "delivered")
    assert "0 objects delivered" in listed.output
    assert "1 more is done and was forgotten; the ledger has the events" in listed.output
    found = json.loads(run("list", "--state", "any", "--json").stdout)
    schemas.validate(json.loads(schema_text("quarantine-list-1")), found)
    assert (found["total"], found["forgotten"], len(found["objects"])) == (1, 1, 1)
    assert "forgotten" not in run("list").output


def test_what_the_service_says(
    run_service: Callable[..., Any], door: Any, unsealed: bytes, edit: Callable[..., bytes]
) -> None:
    running = run_service()
    number = running.ingest(unsealed).json()["number"]
    running.ingest(edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.99")))
    eventually("the log has all", lambda: running.metric("radseal_custody_waiting") == 0)
    before = running.metric('radseal_spool_objects{state="delivered"}')
    with Spool.open(running.spool) as spool:
        assert forget_all(spool, datetime.now(UTC) + timedelta(days=1)) == 1
    for path in (f"/objects/{number}", f"/objects/{number}/file", "/verdicts/1.2.3.4.5"):
        answer = running.ask("GET", path)
        assert answer.status_code == 410, path
        assert answer.json()["type"] == "urn:radseal:problem:forgotten"
    assert running.ask("GET", "/objects/77").status_code == 404
    assert running.ask("GET", "/verdicts/1.2.3.4.6").status_code == 404
    eventually("it counts", lambda: running.metric("radseal_spool_forgotten_total") == 1)
    assert running.metric('radseal_spool_objects{state="delivered"}') == before == 2


def test_the_server_beside_it_forgets(door: Any, done: int) -> None:
    keeper = Housekeeper(
        door.spool.folder,
        clock=lambda: NOON + timedelta(days=31),
        forget_after=timedelta(days=30),
        pause=0.02,
    )
    try:
        for _ in range(1500):
            if door.spool.memory.forgotten()[State.DELIVERED]:
                break
            keeper._stopped.wait(0.02)
    finally:
        keeper.close()
    assert door.spool.memory.forgotten()[State.DELIVERED] == 1


def test_a_spool_that_cannot_be_looked_after_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    Spool.open(folder).close()
    (folder / "spool.db").rename(tmp_path / "away")
    (folder / "spool.db").mkdir()
    keeper = Housekeeper(folder, clock=lambda: NOON, pause=0.01)
    keeper._stopped.wait(0.1)
    assert keeper._thread.is_alive()
    keeper.close()
