"""Rejected objects leave the disk: old ones, decided by two persons, once the ledger says so."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger import Event, Role, Signer, parse_statement
from provenance.cli.quarantine_purge import LEAST_DAYS
from provenance.cli.root import cli
from provenance.errors import TrustError, UsageError
from provenance.pacs.arrivals import Kept, State
from provenance.pacs.custody.events import Witnessed, decided_by, read_custody_body
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.quarantine.housekeeper import Housekeeper
from provenance.pacs.quarantine.persons import find_person
from provenance.pacs.quarantine.purging import LEAST, Hindrance, Purging, take_off
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.pacs.service.desk import Workplace
from provenance.pacs.service.problems import ProblemError
from provenance.pacs.service.views import Views
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action
from provenance.schema import schema_text
from provenance.site.actor_keys import revoke_key

schemas = pytest.importorskip("jsonschema_rs", reason="jsonschema-rs is not installed")
NOW = datetime.now(UTC).replace(microsecond=123_000) + timedelta(hours=6)
LATER = NOW + timedelta(days=400)
WHY = "kept for a year, as the house has it"


@dataclass
class Ward:
    """A quarantine with one object in it, and two persons."""

    door: Any
    purging: Purging
    kept: Kept
    first: Signer
    second: Signer

    @property
    def spool(self) -> Spool:
        return self.purging.quarantine.spool

    @property
    def path(self) -> Path:
        return self.spool.path(self.kept.number)

    def propose(self, *, to_archives: bool = False) -> None:
        self.purging.quarantine.propose(
            self.kept.number, to_archives=to_archives, reason="r", signer=self.first, at=NOW
        )

    def reject(self) -> None:
        self.propose()
        self.purging.quarantine.confirm(self.kept.number, signer=self.second, at=NOW, archives=())

    def log(self) -> list[Event]:
        """Let the ledger have all events; return those that are in it."""
        with self.door.site.device(Role.GATEWAY) as gateway:
            while CustodyWriter(self.spool.custody, gateway).write():
                pass
            return [parse_statement(each.statement).event for each in gateway.log.entries()]

    def purge(self, **more: Any) -> Hindrance | None:
        words = {"until": NOW, "reason": WHY, "signer": self.first, "at": LATER, **more}
        return self.purging.purge(self.kept.number, **words)


@pytest.fixture
def ward(door: Any, unsealed: bytes) -> Ward:
    kept = door.take(unsealed, "SEALS")
    log, trust = door.intake.judge.verifier.records.log, door.site.trust

    def find(kid: bytes, at: datetime) -> Any:
        return find_person(kid, log=log, trust=trust, at=at)

    quarantine = Quarantine(door.spool, log.origin, find)
    signers = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    return Ward(door, Purging(quarantine, log), kept, *signers)


def test_from_the_rejection_to_the_empty_disk(ward: Ward, unsealed: bytes) -> None:
    ward.reject()
    ward.log()
    assert ward.purge() is None
    assert take_off(ward.spool, at=LATER) == []  # the ledger has not heard of it
    assert ward.path.exists()
    assert ward.log().count(Event.PURGED) == 1
    assert take_off(ward.spool, at=LATER) == [ward.kept.number]
    assert not ward.path.exists()
    purge = ward.spool.purges.of_object(ward.kept.number)
    assert purge is not None
    assert (purge.at, purge.removed) == (LATER, LATER)
    assert take_off(ward.spool, at=LATER) == []
    # what was found, and who decided, stays; and so does what was decided about these bytes
    kept = ward.spool.object(ward.kept.number)
    assert (kept.state, kept.sha256) == (State.REJECTED, ward.kept.sha256)
    assert ward.spool.steps(kept.number)[-1][2:] == ("purged", WHY)
    assert ward.door.take(unsealed, "CT7").judged.action is Action.REFUSE


def test_the_log_proves_who_purged_what(ward: Ward) -> None:
    ward.reject()
    ward.log()
    ward.purge()
    ward.log()
    with ward.door.site.device(Role.GATEWAY) as gateway:
        entries = [(each.index, parse_statement(each.statement)) for each in gateway.log.entries()]
    bodies = {
        each.event: (index, read_custody_body(each.event, _encoded(each.body)))
        for index, each in entries
        if each.event in (Event.RELEASED, Event.PURGED)
    }
    index, body = bodies[Event.PURGED]
    decided = decided_by(body)
    assert decided is not None
    from provenance.pacs.custody.told import told_persons

    (person,) = told_persons(body, decided, index, ward.purging.log)
    assert (person.problem, person.step, person.role) == (None, "purged", "operator")
    # the same bytes as the rejection meant: whoever has a copy, the salt and the hash can tell
    assert body[2] == bodies[Event.RELEASED][1][2] == ward.kept.witnessed.meant
    assert WHY.encode() not in b"".join(
        statement.encode() if isinstance(statement, str) else statement
        for statement in (_encoded(each.body) for _, each in entries)
    )


def _encoded(body: Any) -> bytes:
    from ledger import encode_cbor

    return encode_cbor(dict(body))


def test_what_waits_for_a_decision_is_never_purged(ward: Ward) -> None:
    ward.log()
    for prepare in (lambda: None, ward.propose):
        prepare()
        ward.log()
        with pytest.raises(UsageError, match="not rejected"):
            ward.purge()
    assert list(ward.purging.candidates(until=LATER)) == []
    assert ward.path.exists()


def test_what_waits_for_an_archive_is_never_purged(ward: Ward) -> None:
    ward.propose(to_archives=True)
    ward.purging.quarantine.confirm(
        ward.kept.number, signer=ward.second, at=NOW, archives=("archive",)
    )
    ward.log()
    assert list(ward.purging.candidates(until=LATER)) == []
    with pytest.raises(UsageError, match="not rejected"):
        ward.purge()
    assert ward.path.exists()


def test_what_the_ledger_has_not_heard_of_stays(ward: Ward) -> None:
    ward.reject()
    hindrance = ward.purge()
    assert hindrance == Hindrance("the ledger does not have all of its events yet")
    assert ward.path.exists()
    assert ward.spool.purges.of_object(ward.kept.number) is None
    ward.log()
    assert ward.purge() is None


def test_what_the_ledger_refuses_stays(ward: Ward) -> None:
    """Also the file of one whose event `purged` it does not take."""
    ward.reject()
    ward.log()
    ward.purge()
    (row,) = ward.spool.custody.untold(limit=9)
    ward.spool.custody.not_logged(row.number, "the key was revoked")
    assert take_off(ward.spool, at=LATER) == []
    assert ward.path.exists()
    ward.spool.custody.try_again()
    ward.log()
    assert take_off(ward.spool, at=LATER) == [ward.kept.number]


def test_what_was_rejected_lately_stays(ward: Ward) -> None:
    ward.reject()
    ward.log()
    with pytest.raises(UsageError, match="not so long ago"):
        ward.purge(until=NOW - timedelta(seconds=1))
    with pytest.raises(UsageError, match="30 days at least"):
        ward.purge(at=NOW + LEAST - timedelta(seconds=1))
    assert timedelta(days=LEAST_DAYS) == LEAST


def test_purged_twice(ward: Ward) -> None:
    ward.reject()
    ward.log()
    assert ward.purge() is None
    with pytest.raises(UsageError, match="purged already"):
        ward.purge(signer=ward.second)
    assert ward.log().count(Event.PURGED) == 1
    take_off(ward.spool, at=LATER)
    with pytest.raises(UsageError, match="purged already"):
        ward.purge()
    assert list(ward.purging.candidates(until=LATER)) == []


@pytest.mark.parametrize("role", [Role.DEVICE, Role.GATEWAY, Role.AUDITOR])
def test_who_may_not_decide_does_not_purge(ward: Ward, role: Role) -> None:
    ward.reject()
    ward.log()
    with pytest.raises(TrustError, match="operators and archivists"):
        ward.purge(signer=ward.door.site.signer(role))
    assert ward.spool.purges.of_object(ward.kept.number) is None


def test_a_stolen_key_that_was_revoked_purges_nothing(ward: Ward) -> None:
    ward.reject()
    ward.log()
    revoke_key(ward.door.site, ward.first.kid, reason="stolen", at=NOW)
    with pytest.raises(TrustError, match="revoked"):
        ward.purge()
    assert ward.path.exists()
    # that one of those who rejected it has left since does not keep the file
    assert ward.purge(signer=ward.second) is None


def test_what_one_person_rejected_alone_stays_where_two_decide(ward: Ward) -> None:
    alone = Quarantine(
        ward.spool, ward.purging.quarantine.origin, ward.purging.quarantine.find, alone=True
    )
    alone.decide_alone(
        ward.kept.number, to_archives=False, reason="r", signer=ward.first, at=NOW, archives=()
    )
    ward.log()
    assert ward.purge() == Hindrance("one person alone rejected it, and this site wants two")
    assert (
        Purging(alone, ward.purging.log).purge(
            ward.kept.number, until=NOW, reason=WHY, signer=ward.first, at=LATER
        )
        is None
    )


def test_what_nobody_has_signed_stays(ward: Ward) -> None:
    ward.spool.reject(ward.kept.number, at=NOW)
    ward.log()
    assert ward.purge() == Hindrance("no person has signed its rejection")


def test_a_rejection_made_up_in_the_spool(ward: Ward, unsealed: bytes) -> None:
    """Whoever can write there still has no signatures: another object's are none of this one."""
    ward.reject()
    other = ward.door.take(unsealed + b"\0\0", "SEALS")
    database = ward.spool._database
    (body,) = database.execute("select body from custody where event = 'released'").fetchone()
    with ward.spool.writing():
        database.execute("update object set state = 'rejected' where number = ?", (other.number,))
        database.execute(
            "insert into custody (object, event, body, at) values (?, 'released', ?, 0)",
            (other.number, body),
        )
        database.execute("update custody set entry = 7 where object = ?", (other.number,))
    found = ward.purging.purge(other.number, until=NOW, reason=WHY, signer=ward.first, at=LATER)
    assert found == Hindrance("what was told of it is no rejection of this object", amiss=True)
    # nor if the row takes over what the event means
    kept = ward.kept
    about = Witnessed(None, kept.salt, kept.sha256)
    assert about.meant == kept.witnessed.meant
    with ward.spool.writing():
        database.execute(
            "update custody set body = ? where object = ? and event = 'released'",
            (body[:-1] + bytes([body[-1] ^ 1]), kept.number),
        )
    ward.log()
    hindrance = ward.purge()
    assert hindrance is not None
    assert hindrance.amiss
    assert ward.path.exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"another"), "not the one that was taken in"),
        (lambda path: path.unlink(), "its file is gone"),
    ],
)
def test_evidence_of_somebody_else_is_not_cleared_away(
    ward: Ward, spoil: Callable[[Path], None], words: str
) -> None:
    ward.reject()
    ward.log()
    spoil(ward.path)
    hindrance = ward.purge()
    assert hindrance is not None
    assert words in hindrance.words
    assert hindrance.amiss
    assert ward.spool.purges.of_object(ward.kept.number) is None


_KILLED = """
import os
import signal, sys
from datetime import datetime
from pathlib import Path
from ledger import Log, Role
from provenance import Site
from provenance.pacs.custody.queue import CustodyQueue
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.quarantine.persons import find_person
from provenance.pacs.quarantine.purges import Purges
from provenance.pacs.quarantine.purging import Purging, take_off
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.pacs.spool.spool import Spool
where, folder, spool, number, until, at = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def after(function):
    def dying(*words, **more):
        function(*words, **more)
        die()
    return dying
at = datetime.fromisoformat(at)
until = datetime.fromisoformat(until)
site = Site.open(folder)
records = site.records()
def find(kid, at):
    return find_person(kid, log=records.log, trust=site.trust, at=at)
if where == "within the row":
    CustodyQueue.put = after(CustodyQueue.put)
with Spool.open(Path(spool)) as opened:
    purging = Purging(Quarantine(opened, records.log.origin, find), records.log)
    signer = site.signer(Role.OPERATOR)
    purging.purge(int(number), until=until, reason="r", signer=signer, at=at)
    if where == "after the row":
        die()
    if where == "before the log":
        Log.append = die
    if where == "after the log":
        Log.append = after(Log.append)
    with site.device(Role.GATEWAY) as gateway:
        while CustodyWriter(opened.custody, gateway).write():
            pass
    if where == "before the file":
        Path.unlink = die
    if where == "after the file":
        Path.unlink = after(Path.unlink)
    if where == "within the note":
        Purges.removed = after(Purges.removed)
    take_off(opened, at=at)
"""


@pytest.mark.parametrize(
    ("where", "begun", "file"),
    [
        ("within the row", False, True),
        ("after the row", True, True),
        ("before the log", True, True),
        ("after the log", True, True),
        ("before the file", True, True),
        ("after the file", True, False),
        ("within the note", True, False),
    ],
)
def test_killed_anywhere_it_goes_on(ward: Ward, where: str, begun: bool, file: bool) -> None:
    ward.reject()
    ward.log()
    words = [where, ward.door.site.folder, ward.spool.folder, ward.kept.number]
    line = [*map(str, words), NOW.isoformat(), LATER.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *line], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (ward.spool.purges.of_object(ward.kept.number) is not None) == begun
    assert ward.path.exists() == file
    if not file:  # nothing is gone of which the ledger does not know
        assert ward.log().count(Event.PURGED) == 1
    if not begun:
        assert ward.purge() is None
    assert ward.log().count(Event.PURGED) == 1
    assert take_off(ward.spool, at=LATER) == [ward.kept.number]
    assert not ward.path.exists()
    assert ward.spool.purges.waiting() == 0


def test_two_purge_at_once(ward: Ward) -> None:
    ward.reject()
    ward.log()
    with Spool.open(ward.spool.folder) as other:
        quarantine = Quarantine(other, ward.purging.quarantine.origin, ward.purging.quarantine.find)
        found = other.purges.rejection(ward.kept.number)
        assert found is not None
        assert ward.purge() is None
        with pytest.raises(UsageError):
            Purging(quarantine, ward.purging.log).purge(
                ward.kept.number, until=NOW, reason=WHY, signer=ward.second, at=LATER
            )
    assert ward.log().count(Event.PURGED) == 1


def test_a_file_that_cannot_be_removed_holds_up_no_other(
    ward: Ward, unsealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.reject()
    first = ward.kept
    ward.kept = ward.door.take(unsealed + b"\0\0", "SEALS")
    ward.reject()
    ward.log()
    for kept in (first, ward.kept):
        assert (
            ward.purging.purge(kept.number, until=NOW, reason=WHY, signer=ward.first, at=LATER)
            is None
        )
    ward.log()
    stuck, unlink = ward.spool.path(first.number), Path.unlink

    def fail(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", fail)
    assert take_off(ward.spool, at=LATER) == [ward.kept.number]
    monkeypatch.undo()
    assert take_off(ward.spool, at=LATER) == [first.number]


def test_the_server_beside_it_does_the_rest(ward: Ward) -> None:
    ward.reject()
    ward.log()
    ward.purge()
    keeper = Housekeeper(ward.spool.folder, clock=lambda: LATER, pause=0.02)
    try:
        ward.log()
        for _ in range(1500):
            if ward.spool.purges.waiting() == 0:
                break
            keeper._stopped.wait(0.02)
    finally:
        keeper.close()
    assert not ward.path.exists()


def run(ward: Ward, name: str, *words: object) -> Result:
    place = ["--spool", ward.spool.folder, "--site", ward.door.site.folder]
    line = ["quarantine", name, *map(str, words), *map(str, place)]
    return CliRunner().invoke(cli, line, catch_exceptions=False)


def reject_long_ago(ward: Ward) -> None:
    """As the command finds it that runs by the real clock."""
    ward.reject()
    ward.log()
    days = timedelta(days=41).total_seconds() * 1000
    ward.spool._database.execute("update custody set at = at - ?", (days,))


def test_the_command(ward: Ward) -> None:
    reject_long_ago(ward)
    number = ward.kept.number
    assert "0 objects would be purged" in run(ward, "purge", "--older-than", 60, "--dry-run").output
    dry = run(ward, "purge", "--older-than", 40, "--dry-run")
    assert (dry.exit_code, "1 object would be purged" in dry.output) == (0, True)
    assert ward.spool.purges.of_object(number) is None
    assert run(ward, "purge", "--older-than", 29, "--reason", "r").exit_code == 2
    assert run(ward, "purge", "--older-than", 40).exit_code == 2
    done = run(ward, "purge", "--older-than", 40, "--reason", "a\x1b[2Jb")
    assert done.exit_code == 0, done.output
    assert "1 object purged" in done.output
    assert "1 file goes once the ledger has the event" in done.output
    listed = run_list(ward, "--state", "rejected").output
    assert "purged" in listed
    assert "its file goes once the ledger has the event" in listed
    ward.log()
    again = run(ward, "purge", "--older-than", 40, "--reason", "r", "--json")
    found: dict[str, Any] = json.loads(again.stdout)
    schemas.validate(json.loads(schema_text("quarantine-purge-1")), found)
    assert (found["purged"], found["removed"], found["waiting"]) == ([], [number], 0)
    shown = run_list(ward, number, name="show").output
    assert "its file is gone since" in shown
    assert "no file any more" in shown
    assert "a\\x1b[2Jb" in shown
    gone = run_list(ward, number, "-o", ward.spool.folder / "x.dcm", name="export")
    assert gone.exit_code == 2
    assert "it is rejected, and purged" in gone.stderr
    place = Workplace(ward.door.site.folder, b"", ward.spool.folder)
    with pytest.raises(ProblemError, match="purged: the ledger says by whom"):
        Views(place).file(number)


def run_list(ward: Ward, *words: object, name: str = "list") -> Result:
    line = ["quarantine", name, *map(str, words), "--spool", str(ward.spool.folder)]
    return CliRunner().invoke(cli, line)


def test_the_command_says_what_is_amiss(ward: Ward) -> None:
    reject_long_ago(ward)
    ward.path.write_bytes(b"another")
    done = run(ward, "purge", "--older-than", 40, "--reason", "r", "--json")
    found = json.loads(done.stdout)
    schemas.validate(json.loads(schema_text("quarantine-purge-1")), found)
    assert done.exit_code == 10
    (kept,) = found["kept"]
    assert (kept["number"], kept["amiss"]) == (ward.kept.number, True)
    assert "AMISS" in run(ward, "purge", "--older-than", 40, "--dry-run").output


def test_the_trace_tells_of_it(door: Any, ward: Ward, sealed: bytes) -> None:
    number = door.take(sealed).number
    with door.spool.writing():
        door.spool._database.execute("update object set state = 'quarantined' where number > 1")
        door.spool._database.execute("delete from delivery")
    ward.kept = door.spool.object(number)
    ward.reject()
    ward.log()
    ward.purge()
    ward.log()
    assert ward.kept.judged.seal_id is not None
    place = ["trace", ward.kept.judged.seal_id.hex(), "--site", str(door.site.folder)]
    told = CliRunner().invoke(cli, place, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert "rejected before; its file was taken off the disk" in told.output
    assert "purged by operator" in told.output
    told = CliRunner().invoke(cli, [*place, "--json"], catch_exceptions=False)
    schemas.validate(json.loads(schema_text("trace-1")), json.loads(told.stdout))
