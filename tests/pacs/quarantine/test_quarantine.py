"""Two persons decide what becomes of an object, and nobody alone, late, or about other bytes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography import x509
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from ledger import Algorithm, Event, PrivateKeySigner, Role, Signer, encode_cbor, parse_statement
from provenance.errors import EvidenceError, TrustError, UsageError
from provenance.keys.signers import generate_key, load_key
from provenance.pacs.arrivals import Kept, State
from provenance.pacs.custody.events import decided_by, read_custody_body
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.first_elements import ENOUGH, data_set_start
from provenance.pacs.quarantine.persons import find_person, one_is_enough
from provenance.pacs.quarantine.proposals import LASTS
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action
from provenance.site.actor_keys import add_key, renew_key, revoke_key
from provenance.trust.certificates import NO_EXPIRY, issue_role

# later than any site that a run of all tests makes
NOW = datetime.now(UTC).replace(microsecond=123_000) + timedelta(hours=6)
SECRET_WORDS = "Mrs Example was moved to bed 7"


@dataclass
class Ward:
    """A quarantine with one object in it, and two persons."""

    door: Any
    quarantine: Quarantine
    kept: Kept
    first: Signer
    second: Signer

    @property
    def spool(self) -> Spool:
        return self.quarantine.spool

    def propose(self, to_archives: bool = True, **more: Any) -> Any:
        words = {"reason": SECRET_WORDS, "signer": self.first, "at": NOW, **more}
        return self.quarantine.propose(self.kept.number, to_archives=to_archives, **words)

    def confirm(self, **more: Any) -> Any:
        words = {"signer": self.second, "at": NOW, "archives": ("archive",), **more}
        return self.quarantine.confirm(self.kept.number, **words)

    def state(self) -> State:
        return self.spool.object(self.kept.number).state

    def told(self) -> list[str]:
        return [str(row.event) for row in self.spool.custody.untold(limit=99)]


def quarantine_of(door: Any, **more: Any) -> Quarantine:
    log, trust = door.intake.judge.verifier.records.log, door.site.trust

    def find(kid: bytes, at: datetime) -> Any:
        return find_person(kid, log=log, trust=trust, at=at)

    return Quarantine(door.spool, log.origin, find, **more)


@pytest.fixture
def ward(door: Any, unsealed: bytes) -> Ward:
    kept = door.take(unsealed, "SEALS")
    signers = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    return Ward(door, quarantine_of(door), kept, *signers)


def enrol(site: Any, name: str, role: Role = Role.OPERATOR) -> Signer:
    """Certify another person, and log the key."""
    key = generate_key(Algorithm.ED25519)
    certificate = issue_role(
        key.public_key(),
        name=name,
        role=role,
        authority=site.authority(),
        authority_key=load_key(site.folder / "keys" / "ca.key.pem"),
        serial=x509.random_serial_number(),
        valid_from=NOW - timedelta(days=1),
        valid_until=NO_EXPIRY,
    )
    add_key(site, [certificate], role=role, at=NOW)
    return PrivateKeySigner.from_private_key(key)


def test_two_persons_release_it(ward: Ward) -> None:
    made = ward.propose()
    assert ward.state() is State.QUARANTINED
    assert ward.spool.proposals.of_object(ward.kept.number) == made
    ward.confirm()
    assert ward.state() is State.FORWARDING
    (delivery,) = ward.spool.deliveries.due("archive", now=NOW)
    assert delivery.number == ward.kept.number
    assert ward.told()[-3:] == ["quarantined", "quarantined", "released"]
    steps = ward.spool.proposals.steps(ward.kept.number)
    assert [(act, reason) for _, _, act, reason in steps] == [
        ("proposed to release", SECRET_WORDS), ("confirmed, released", ""),
    ]  # fmt: skip
    assert "operator" in steps[0][1]
    assert "archivist" in steps[1][1]


def test_two_persons_reject_it(ward: Ward) -> None:
    ward.propose(to_archives=False)
    ward.confirm(archives=())
    assert ward.state() is State.REJECTED
    assert ward.spool.deliveries.due("archive", now=NOW) == []
    assert ward.spool.path(ward.kept.number).exists()


def test_the_same_person_twice(ward: Ward) -> None:
    ward.propose()
    with pytest.raises(UsageError, match="second person"):
        ward.confirm(signer=ward.first)
    assert ward.state() is State.QUARANTINED
    ward.confirm()


def test_the_same_person_with_another_key(ward: Ward) -> None:
    one, two = enrol(ward.door.site, "R. Tester"), enrol(ward.door.site, "R. Tester")
    ward.propose(signer=one)
    with pytest.raises(UsageError, match="another key"):
        ward.confirm(signer=two)
    assert ward.state() is State.QUARANTINED


@pytest.mark.parametrize("role", [Role.DEVICE, Role.GATEWAY, Role.AUDITOR])
def test_who_may_not_decide(ward: Ward, role: Role) -> None:
    stranger = ward.door.site.signer(role)
    with pytest.raises(TrustError, match="operators and archivists"):
        ward.propose(signer=stranger)
    ward.propose()
    with pytest.raises(TrustError, match="operators and archivists"):
        ward.confirm(signer=stranger)
    with pytest.raises(TrustError, match="operators and archivists"):
        ward.quarantine.withdraw(ward.kept.number, signer=stranger, at=NOW)
    assert ward.state() is State.QUARANTINED


def test_a_key_that_the_log_does_not_know(ward: Ward) -> None:
    with pytest.raises(TrustError, match="no such key"):
        ward.propose(signer=PrivateKeySigner.from_private_key(generate_key(Algorithm.ESP256)))


def test_who_was_revoked_since_proposed_nothing(ward: Ward) -> None:
    gone = enrol(ward.door.site, "R. Leaver")
    ward.propose(signer=gone)
    revoke_key(ward.door.site, gone.kid, reason="left", at=NOW)
    with pytest.raises(EvidenceError, match="revoked"):
        ward.confirm()
    assert ward.state() is State.QUARANTINED
    assert ward.spool.proposals.of_object(ward.kept.number) is None


def test_an_expired_proposal(ward: Ward) -> None:
    ward.propose()
    with pytest.raises(UsageError, match="void"):
        ward.confirm(at=NOW + LASTS)
    with pytest.raises(UsageError, match="nothing is proposed"):
        ward.confirm()
    assert ward.state() is State.QUARANTINED
    ward.propose(at=NOW + LASTS)
    ward.confirm(at=NOW + 2 * LASTS - timedelta(milliseconds=1))


def test_a_new_proposal_takes_the_place_of_a_late_one_only(ward: Ward) -> None:
    ward.propose()
    with pytest.raises(UsageError, match="is open"):
        ward.propose(to_archives=False, signer=ward.second)
    ward.propose(to_archives=False, at=NOW + LASTS)
    acts = [act for _, _, act, _ in ward.spool.proposals.steps(ward.kept.number)]
    assert acts == ["proposed to release", "the proposal is void: too old", "proposed to reject"]


def test_a_file_that_changed_after_the_proposal(ward: Ward, unsealed: bytes) -> None:
    ward.propose()
    path = ward.spool.path(ward.kept.number)
    path.write_bytes(unsealed[:-1] + bytes([unsealed[-1] ^ 1]))
    with pytest.raises(EvidenceError, match="not the one"):
        ward.confirm()
    assert ward.state() is State.QUARANTINED
    assert ward.spool.deliveries.due("archive", now=NOW) == []
    path.write_bytes(unsealed)
    with pytest.raises(UsageError, match="nothing is proposed"):
        ward.confirm()


def test_a_file_that_is_gone_is_not_released_but_can_be_rejected(ward: Ward) -> None:
    ward.spool.path(ward.kept.number).unlink()
    with pytest.raises(EvidenceError):
        ward.propose()
    ward.propose(to_archives=False)
    ward.confirm()
    assert ward.state() is State.REJECTED


@pytest.mark.parametrize(
    "change",
    [
        "to_archives = 1 - to_archives",
        "reason = reason || '!'",
        "at = at + 1",
        "salt = zeroblob(16)",
        "signature = zeroblob(64)",
    ],
)
def test_a_proposal_that_was_changed_in_the_spool(ward: Ward, change: str) -> None:
    """Whoever can write to the database still lacks the first person's key."""
    ward.propose()
    with ward.spool.writing():
        ward.spool._database.execute(f"update proposal set {change}")
    with pytest.raises(EvidenceError, match="void"):
        ward.confirm()
    assert ward.state() is State.QUARANTINED


def test_a_proposal_of_one_object_is_none_of_another(ward: Ward, unsealed: bytes) -> None:
    other = ward.door.take(unsealed + b"\0\0", "SEALS")
    ward.propose()
    with ward.spool.writing():
        ward.spool._database.execute("update proposal set object = ?", (other.number,))
    with pytest.raises(EvidenceError, match="void"):
        ward.quarantine.confirm(other.number, signer=ward.second, at=NOW, archives=("archive",))
    assert ward.spool.object(other.number).state is State.QUARANTINED


def test_withdrawn(ward: Ward) -> None:
    ward.propose()
    ward.quarantine.withdraw(ward.kept.number, signer=ward.first, at=NOW)
    with pytest.raises(UsageError, match="nothing is proposed"):
        ward.confirm()
    assert ward.told()[-2:] == ["quarantined", "quarantined"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "\ud800"])
def test_a_reason_is_given(ward: Ward, reason: str) -> None:
    with pytest.raises(UsageError):
        ward.propose(reason=reason)


def test_a_release_goes_somewhere(ward: Ward) -> None:
    ward.propose()
    with pytest.raises(UsageError, match="archives"):
        ward.confirm(archives=())
    ward.confirm()


def test_one_person_alone(ward: Ward) -> None:
    words: dict[str, Any] = {"to_archives": True, "reason": "r", "signer": ward.first, "at": NOW}
    number = ward.kept.number
    with pytest.raises(UsageError, match="two persons"):
        ward.quarantine.decide_alone(number, archives=("archive",), **words)
    (ward.spool.folder / "persons").write_text("1\n")
    alone = quarantine_of(ward.door, alone=one_is_enough(ward.spool.folder))
    alone.decide_alone(number, archives=("archive",), **words)
    assert ward.state() is State.FORWARDING
    row = ward.spool.custody.untold(limit=99)[-1]
    decided = decided_by(read_custody_body(row.event, row.body))
    assert decided is not None
    assert (decided.step, len(decided.persons)) == ("alone", 1)


def test_how_many_persons_is_said_in_one_way(tmp_path: Path) -> None:
    assert not one_is_enough(tmp_path)
    (tmp_path / "persons").write_text("2")
    assert not one_is_enough(tmp_path)
    for wrong in ("0", "", "one", "1" * 20):
        (tmp_path / "persons").write_text(wrong)
        with pytest.raises(UsageError):
            one_is_enough(tmp_path)


def test_the_log_proves_who_it_was_and_says_no_word_of_why(ward: Ward) -> None:
    ward.propose()
    ward.confirm()
    with ward.door.site.device(Role.GATEWAY) as gateway:
        writer = CustodyWriter(ward.spool.custody, gateway)
        while writer.write():
            pass
    records = ward.door.intake.judge.verifier.records
    bodies = []
    for entry in records.log.entries():
        said = parse_statement(entry.statement)
        assert SECRET_WORDS.encode() not in entry.statement
        if said.event in (Event.QUARANTINED, Event.RELEASED):
            bodies.append(read_custody_body(said.event, encode_cbor(said.body)))
    released = decided_by(bodies[-1])
    assert released is not None
    assert [each.kid for each in released.persons] == [ward.first.kid, ward.second.kid]
    assert records.log.audit().ok


_CONFIRMER = """
import sys
from datetime import datetime
from pathlib import Path
from ledger import Role
from provenance import Site
from provenance.errors import RadsealError
from provenance.pacs.quarantine.persons import find_person
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.pacs.spool.spool import Spool
site, folder, number, at = Site.open(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
records, trust = site.records(), site.trust
def find(kid, at):
    return find_person(kid, log=records.log, trust=trust, at=at)
with Spool.open(folder) as spool:
    quarantine = Quarantine(spool, records.log.origin, find)
    signer = site.signer(Role.ARCHIVIST)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        moment = datetime.fromisoformat(at)
        quarantine.confirm(number, signer=signer, at=moment, archives=("archive",))
    except RadsealError as error:
        print("no:", error, flush=True)
    else:
        print("done", flush=True)
"""


def confirmers(ward: Ward, count: int) -> list[subprocess.Popen[str]]:
    words = [str(ward.door.site.folder), str(ward.spool.folder), str(ward.kept.number)]
    return [
        subprocess.Popen(
            [sys.executable, "-c", _CONFIRMER, *words, NOW.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )
        for _ in range(count)
    ]


def test_two_confirmations_at_once(ward: Ward) -> None:
    ward.propose()
    rivals = confirmers(ward, 2)
    for each in rivals:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in rivals:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = sorted(each.communicate(timeout=120)[0] for each in rivals)
    assert said[0] == "done\n"
    assert said[1].startswith("no:")
    assert ward.told().count("released") == 1
    assert len(ward.spool.deliveries.due("archive", now=NOW)) == 1


_KILLED = """
import os, signal, sys
from provenance.pacs.spool import database as spool_database
from provenance.pacs.custody.queue import CustodyQueue
put = CustodyQueue.put
def die(self, number, events):
    put(self, number, events)
    os.kill(os.getpid(), signal.SIGKILL)
CustodyQueue.put = die
"""


def test_killed_within_the_decision_nothing_has_happened(ward: Ward) -> None:
    ward.propose()
    before = ward.told()
    words = [str(ward.door.site.folder), str(ward.spool.folder), str(ward.kept.number)]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED + _CONFIRMER, *words, NOW.isoformat()],
        input="go\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert ward.state() is State.QUARANTINED
    assert ward.told() == before
    ward.confirm()
    assert ward.told().count("released") == 1


_WRITER = """
import os, signal, sys
from pathlib import Path
from ledger import Log, Role
from provenance import Site
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.first_elements import ENOUGH, data_set_start
from provenance.pacs.spool.spool import Spool
append, when = Log.append, sys.argv[3]
def die(self, submissions, *, at):
    if when == "after":
        append(self, submissions, at=at)
    os.kill(os.getpid(), signal.SIGKILL)
Log.append = die
site = Site.open(sys.argv[1])
with Spool.open(Path(sys.argv[2])) as spool, site.device(Role.GATEWAY) as gateway:
    CustodyWriter(spool.custody, gateway).write()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_spool_and_log_it_is_told_once(ward: Ward, when: str) -> None:
    ward.propose()
    ward.confirm()
    words = [str(ward.door.site.folder), str(ward.spool.folder), when]
    done = subprocess.run([sys.executable, "-c", _WRITER, *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with ward.door.site.device(Role.GATEWAY) as gateway:
        writer = CustodyWriter(ward.spool.custody, gateway)
        while writer.write():
            pass
        events = [parse_statement(each.statement).event for each in gateway.log.entries()]
    assert events.count(Event.RELEASED) == 1
    assert events.count(Event.QUARANTINED) == 2


def test_released_bytes_are_let_in_when_they_come_again(ward: Ward, unsealed: bytes) -> None:
    ward.propose()
    ward.confirm()
    ward.spool.deliveries.delivered(ward.kept.number, "archive", at=NOW)
    again = ward.door.take(unsealed, "SEALS")
    assert (again.state, again.judged.action) == (State.FORWARDING, Action.ACCEPT)
    assert again.judged.word is ward.kept.judged.word
    assert again.judged.reasons[0].startswith("released from quarantine by site operator")
    assert again.number != ward.kept.number
    verified = [row for row in ward.spool.custody.untold(limit=99) if row.event is Event.VERIFIED]
    body = read_custody_body(Event.VERIFIED, verified[-1].body)
    assert body[12] == ward.kept.witnessed.meant


def test_released_bytes_that_still_wait_are_the_same_object(ward: Ward, unsealed: bytes) -> None:
    """Such as what a forwarder has just put into Orthanc, whose plugin asks about it."""
    ward.propose()
    ward.confirm()
    again = ward.door.take(unsealed, "SEALS")
    assert again.number == ward.kept.number
    assert again.judged.action is Action.ACCEPT


def test_it_is_looked_up_and_not_searched_for(ward: Ward) -> None:
    """However much the spool has seen."""
    asked: list[str] = []
    database = ward.spool._database
    database.set_trace_callback(asked.append)
    ward.spool.proposals.settled(bytes(32), "1.2", lambda: None)
    database.set_trace_callback(None)
    assert len(asked) == 3
    for statement in asked:
        for *_, plan in database.execute(f"explain query plan {statement}"):
            assert "SCAN" not in plan, plan


def behind_another_header(content: bytes, preamble: bytes = bytes(128), **meta: Any) -> bytes:
    """Return the same data set as an archive writes it, that got it over DIMSE."""
    start = data_set_start(content[:ENOUGH])
    assert start is not None
    buffer = DicomBytesIO()
    buffer.write(preamble + b"DICM")
    made = pydicom.dcmread(BytesIO(content)).file_meta
    made.ImplementationClassUID, made.ImplementationVersionName = "1.2.276.0.7230010.3", "ARCHIVE"
    for name, value in meta.items():
        setattr(made, name, value)
    write_file_meta_info(buffer, made)
    return bytes(buffer.getvalue() + content[start:])


def test_a_released_data_set_is_let_in_behind_another_header(ward: Ward, unsealed: bytes) -> None:
    """Over DIMSE a data set travels alone; whoever gives it back wrote another header."""
    ward.propose()
    ward.confirm()
    ward.spool.deliveries.delivered(ward.kept.number, "archive", at=NOW)
    again = ward.door.take(behind_another_header(unsealed), "SEALS")
    assert again.judged.action is Action.ACCEPT
    assert again.sha256 != ward.kept.sha256
    assert again.judged.reasons[0].startswith("released from quarantine by site operator")
    verified = [row for row in ward.spool.custody.untold(limit=99) if row.event is Event.VERIFIED]
    body = read_custody_body(Event.VERIFIED, verified[-1].body)
    assert body[12] == ward.kept.witnessed.meant


def test_a_rejected_data_set_is_refused_behind_another_header(ward: Ward, unsealed: bytes) -> None:
    ward.propose(to_archives=False)
    ward.confirm(archives=())
    again = ward.door.take(behind_another_header(unsealed), "CT7")
    assert (again.state, again.judged.action) == (State.REFUSED, Action.REFUSE)
    assert again.judged.reasons[0].startswith("rejected")


@pytest.mark.parametrize(
    "kind", ["a bit", "a program", "private words", "another syntax", "another name"]
)
def test_what_persons_have_not_seen_is_not_released(ward: Ward, unsealed: bytes, kind: str) -> None:
    """Neither in the data set nor before it; nor is it read otherwise than they have read it."""
    ward.propose()
    ward.confirm()
    more: dict[str, Any] = {
        "a program": {"preamble": b"MZ" + bytes(126)},
        "private words": {
            "PrivateInformationCreatorUID": "1.2.3", "PrivateInformation": b"more",
        },
        "another syntax": {"TransferSyntaxUID": "1.2.840.10008.1.2.5"},
        "another name": {"MediaStorageSOPInstanceUID": "1.2.3.4"},
    }.get(kind, {})  # fmt: skip
    made = behind_another_header(unsealed, **more)
    if kind == "a bit":
        made = made[:-1] + bytes([made[-1] ^ 1])
    again = ward.door.take(made, "SEALS")
    assert again.judged.action in (Action.QUARANTINE, Action.REFUSE)
    assert not again.judged.reasons[0].startswith("released")


def test_what_left_without_persons_is_known_as_well(ward: Ward, unsealed: bytes) -> None:
    """Else whoever put it into an archive that asks again would get it back."""
    ward.spool.release(ward.kept.number, archives=("archive",), at=NOW)
    ward.spool.deliveries.delivered(ward.kept.number, "archive", at=NOW)
    again = ward.door.take(unsealed, "SEALS")
    assert again.judged.action is Action.ACCEPT
    assert again.judged.reasons[0].startswith("released from quarantine, as object 1")


def test_a_rejection_outweighs_a_release(ward: Ward, unsealed: bytes) -> None:
    ward.propose()
    ward.confirm()
    other = ward.door.take(unsealed[:-1] + b"x", "SEALS")
    ward.quarantine.propose(other.number, to_archives=False, reason="r", signer=ward.first, at=NOW)
    ward.quarantine.confirm(other.number, signer=ward.second, at=NOW, archives=())
    with ward.spool.writing():
        ward.spool._database.execute(
            "update object set sha256 = ? where number = ?", (ward.kept.sha256, other.number)
        )
    assert ward.door.take(unsealed, "SEALS").state is State.REFUSED


def test_one_bit_more_than_what_was_released(ward: Ward, unsealed: bytes) -> None:
    ward.propose()
    ward.confirm()
    ward.spool.deliveries.delivered(ward.kept.number, "archive", at=NOW)
    for place in (140, len(unsealed) // 2, len(unsealed) - 1):
        other = bytearray(unsealed)
        other[-place] ^= 1
        assert ward.door.take(bytes(other), "SEALS").state is State.QUARANTINED


def test_what_was_released_under_another_uid(
    ward: Ward, unsealed: bytes, edit: Callable[..., bytes]
) -> None:
    ward.propose()
    ward.confirm()
    ward.spool.deliveries.delivered(ward.kept.number, "archive", at=NOW)
    other = edit(unsealed, lambda d: setattr(d, "SOPInstanceUID", "1.2.3.4.6"))
    assert ward.door.take(other, "SEALS").state is State.QUARANTINED
    path = ward.spool.incoming()
    path.write_bytes(unsealed)  # the same bytes, which a peer calls by another name
    claimed = replace(ward.kept.instance, sop_instance="1.2.3.4.7")
    kept = ward.door.intake.take(path, sender=ward.kept.sender, instance=claimed, spool=ward.spool)
    assert kept.state is State.QUARANTINED


def test_rejected_bytes_are_refused_whoever_sends_them(ward: Ward, unsealed: bytes) -> None:
    ward.propose(to_archives=False)
    ward.confirm()
    again = ward.door.take(unsealed, "CT7")  # from whom the policy would take it
    assert (again.state, again.judged.action) == (State.REFUSED, Action.REFUSE)
    assert again.judged.reasons[0].startswith("rejected by ")
    assert ward.spool.deliveries.due("archive", now=NOW) == []
    assert ward.spool.path(ward.kept.number).exists()


def test_what_was_rejected_as_sealed_here_is_refused_as_it_came(
    ward: Ward, unsealed: bytes
) -> None:
    """A gateway that seals on behalf changes the bytes: both forms are known."""

    def seal_it(path: Path, _sender: Any) -> bool:
        path.write_bytes(path.read_bytes()[:200])
        return True

    intake = replace(ward.door.intake, seal=seal_it)
    came = unsealed.replace(b"1.2.3.4.5", b"1.2.3.4.9")
    instance = replace(ward.kept.instance, sop_instance="1.2.3.4.9")
    sender = replace(ward.kept.sender, calling_ae="CT7")

    def take() -> Kept:
        path = ward.spool.incoming()
        path.write_bytes(came)
        return intake.take(path, sender=sender, instance=instance, spool=ward.spool)

    kept = take()
    assert (kept.sealed_here, kept.state) == (True, State.QUARANTINED)
    number = kept.number
    ward.quarantine.propose(number, to_archives=False, reason="r", signer=ward.first, at=NOW)
    ward.quarantine.confirm(number, signer=ward.second, at=NOW, archives=())
    assert take().state is State.REFUSED


def test_a_renewed_key_is_another_until_the_old_one_is_revoked(ward: Ward) -> None:
    """What we do not stop: the page for administrators says to revoke it at once."""
    renew_key(ward.door.site, Role.OPERATOR, at=NOW)
    ward.propose(signer=ward.first)
    ward.confirm(signer=ward.door.site.signer(Role.OPERATOR))
    assert ward.state() is State.FORWARDING
