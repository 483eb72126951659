"""What comes in is on disk before it is answered, whatever the verdict; and it is told once."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    ConflictError,
    Event,
    RefusedError,
    Role,
    UnreachableError,
    decode_cbor,
    encode_cbor,
    parse_statement,
)
from provenance.errors import MalformedError, UsageError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import State
from provenance.pacs.custody.events import Witnessed, read_custody_body
from provenance.pacs.custody.writer import CustodyThread, CustodyWriter
from provenance.pacs.spool.spool import Spool
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.terms import Action


def test_a_sealed_object_goes_on_byte_for_byte(door: Any, sealed: bytes) -> None:
    kept = door.take(sealed)
    assert (kept.judged.word, kept.state) == (Word.AUTHENTIC, State.FORWARDING)
    (delivery,) = door.spool.deliveries.due("archive", now=kept.sender.at)
    assert delivery.path.read_bytes() == sealed
    assert (
        door.spool.deliveries.delivered(kept.number, "archive", at=kept.sender.at)
        is State.DELIVERED
    )
    assert not delivery.path.exists()
    assert door.spool.deliveries.due("archive", now=kept.sender.at) == []


def test_an_altered_one_is_refused_and_leaves_a_row(door: Any, sealed: bytes) -> None:
    bad = bytearray(sealed)
    bad[sealed.index(b"\xe0\x7f\x10\x00") + 40] ^= 1
    kept = door.take(bytes(bad))
    assert (kept.judged.word, kept.state) == (Word.ALTERED, State.REFUSED)
    assert not door.spool.path(kept.number).exists()
    assert door.spool.counts()[State.REFUSED] == 1
    events = [row.event for row in door.spool.custody.untold(limit=9)]
    assert events == [Event.VERIFIED]


def test_one_that_must_be_sealed_is_kept_apart(door: Any, unsealed: bytes) -> None:
    assert door.take(unsealed).state is State.FORWARDING
    other = door.take(unsealed + b"\0\0", "SEALS")
    assert other.state is State.QUARANTINED
    assert door.spool.path(other.number).exists()


def test_what_is_sent_once_more_is_the_same_object(door: Any, unsealed: bytes) -> None:
    first = door.take(unsealed, "SEALS")
    again = door.take(unsealed, "SEALS")
    assert again.number == first.number
    assert list((door.spool.folder / "incoming").iterdir()) == []


TAGS_UNREADABLE = b"""version = 1
[[rules]]
name = "reports"
[rules.match]
calling_ae = ["CT7"]
[rules.actions]
unreadable = "tag"
"""


def test_no_verdict_because_of_a_defect_is_no_way_in(
    door: Any, unsealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    policy = parse_acceptance_policy(TAGS_UNREADABLE)
    assert policy.rules[0].action(Word.UNREADABLE) is Action.TAG
    judge = door.intake.judge
    verifier = replace(judge.verifier, policy=policy)
    door.intake = replace(door.intake, judge=replace(judge, verifier=verifier))
    monkeypatch.setattr("provenance.pacs.intake.examine", broken)
    kept = door.take(unsealed)
    assert kept.state is State.QUARANTINED
    assert door.spool.path(kept.number).read_bytes() == unsealed


def test_release_and_reject(door: Any, unsealed: bytes) -> None:
    kept = door.take(unsealed, "SEALS")
    door.spool.release(kept.number, archives=("archive",), at=kept.sender.at)
    assert len(door.spool.deliveries.due("archive", now=kept.sender.at)) == 1
    with pytest.raises(UsageError, match="not in quarantine"):
        door.spool.reject(kept.number, at=kept.sender.at)
    with pytest.raises(UsageError, match="no object"):
        door.spool.reject(77, at=kept.sender.at)


def test_custody_of_an_object_is_logged_in_its_order_and_once(door: Any, sealed: bytes) -> None:
    kept = door.take(sealed)
    door.spool.deliveries.delivered(kept.number, "archive", at=kept.sender.at)
    with door.site.device(Role.GATEWAY) as gateway:
        assert CustodyWriter(door.spool.custody, gateway).write() == 3
        assert CustodyWriter(door.spool.custody, gateway).write() == 0
    entries = door.intake.judge.verifier.records.log.events(kept.judged.seal_id)
    said = [parse_statement(entry.statement) for entry in entries]
    assert [each.event for each in said] == [
        Event.SEALED, Event.INGESTED, Event.VERIFIED, Event.SENT,
    ]  # fmt: skip
    assert door.site.records().log.audit().ok
    for each in said[1:]:
        read_custody_body(each.event, encode_cbor(each.body))


def test_an_object_that_the_log_does_not_know_is_not_named(door: Any, unsealed: bytes) -> None:
    door.take(unsealed)
    with door.site.device(Role.GATEWAY) as gateway:
        assert CustodyWriter(door.spool.custody, gateway).write() == 2
        log = door.intake.judge.verifier.records.log
        newest = [parse_statement(each.statement) for each in log.entries()][-2:]
    assert [(each.event, each.object_id) for each in newest] == [
        (Event.INGESTED, None), (Event.VERIFIED, None),
    ]  # fmt: skip


class _Flaky:
    """A log that fails after, or instead of, an append."""

    def __init__(self, log: Any, *errors: tuple[bool, Exception]) -> None:
        self._log = log
        self.errors = list(errors)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, submissions: Any, *, at: Any) -> Any:
        if not self.errors:
            return self._log.append(submissions, at=at)
        after, error = self.errors.pop(0)
        if after:
            self._log.append(submissions, at=at)
        raise error


@pytest.mark.parametrize("after", [True, False])
def test_what_was_perhaps_logged_is_logged_once(door: Any, sealed: bytes, after: bool) -> None:
    door.take(sealed)
    with door.site.device(Role.GATEWAY) as gateway:
        size = gateway.log.size
        flaky = replace(gateway, log=_Flaky(gateway.log, (after, UnreachableError("cut off"))))
        writer = CustodyWriter(door.spool.custody, flaky)
        with pytest.raises(UnreachableError):
            writer.write()
        while writer.write():
            pass
        assert gateway.log.size == size + 2
    assert door.spool.custody.state().waiting == 0


def test_another_who_appended_in_between_makes_it_sign_anew(door: Any, sealed: bytes) -> None:
    door.take(sealed)
    with door.site.device(Role.GATEWAY) as gateway:
        size = gateway.log.size
        conflict = ConflictError("moved", current=None, chain=None)  # type: ignore[arg-type]
        flaky = replace(gateway, log=_Flaky(gateway.log, (False, conflict)))
        writer = CustodyWriter(door.spool.custody, flaky)
        assert writer.write() == 0
        assert writer.write() == 2
        assert gateway.log.size == size + 2


def test_what_the_log_refuses_holds_up_nothing_else(door: Any, sealed: bytes) -> None:
    door.take(sealed)
    with door.site.device(Role.GATEWAY) as gateway:
        no = RefusedError("no")
        flaky = replace(gateway, log=_Flaky(gateway.log, (False, no), (False, no)))
        writer = CustodyWriter(door.spool.custody, flaky)
        assert writer.write() == 1
    state = door.spool.custody.state()
    assert (state.waiting, state.refused) == (0, 1)
    thread = CustodyThread(
        door.spool.folder,
        lambda: door.site.device(Role.GATEWAY),
        clock=lambda: datetime.now(UTC),
    )
    thread.close()  # a new start: its key is in order now
    state = door.spool.custody.state()
    assert (state.waiting, state.refused) == (0, 0)


def test_the_log_away_holds_up_no_image_and_is_told_after_the_deadline(
    door: Any, sealed: bytes
) -> None:
    from datetime import timedelta

    kept = door.take(sealed)

    def away() -> Any:
        raise UnreachableError("no log")

    thread = CustodyThread(
        door.spool.folder, away, clock=lambda: kept.sender.at + timedelta(hours=2)
    )
    thread.close()
    assert thread.overdue
    back = CustodyThread(
        door.spool.folder,
        lambda: door.site.device(Role.GATEWAY),
        clock=lambda: kept.sender.at + timedelta(hours=2),
    )
    back.close()
    assert not back.overdue
    assert door.spool.custody.state().waiting == 0


_KILLED = """
import os, sys
from pathlib import Path
from provenance.pacs.spool.spool import Spool
spool = Spool.open(Path(sys.argv[1]))
print(spool.recover(), flush=True)
"""


def test_half_an_object_is_nobodys_after_a_crash(door: Any, unsealed: bytes) -> None:
    kept = door.take(unsealed)
    door.spool.incoming().write_bytes(unsealed[:100])
    (door.spool.folder / "objects" / "f00.dcm").write_bytes(unsealed)
    command = [sys.executable, "-c", _KILLED, str(door.spool.folder)]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    assert done.stdout.strip() == b"2"
    assert door.spool.path(kept.number).read_bytes() == unsealed


_TAKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Route, Sender
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action
spool = Spool.open(Path(sys.argv[1]))
number = 0
while True:
    path = spool.incoming()
    path.write_bytes(b"%d" % number * 1000)
    kept = spool.keep(
        path,
        sender=Sender(Route.DIMSE, datetime.now(UTC)),
        instance=Instance("1.2", f"1.2.{number}", "1.2.840.10008.1.2.1"),
        judged=Judged(Word.UNSEALED, Action.ACCEPT, None, (), {}),
        archives=("archive",),
        policy=bytes(32),
    )
    print(kept.number, path.name, flush=True)
    number += 1
"""


def test_killed_at_any_moment_it_has_what_it_acknowledged(tmp_path: Path) -> None:
    acknowledged = {}
    for _ in range(3):
        taker = subprocess.Popen(
            [sys.executable, "-c", _TAKER, str(tmp_path / "spool")], stdout=subprocess.PIPE
        )
        assert taker.stdout is not None
        for _ in range(25):
            number, name = taker.stdout.readline().split()
            acknowledged[int(number)] = name.decode()
        taker.send_signal(signal.SIGKILL)
        rest = taker.stdout.read().splitlines()
        taker.wait()
        taker.stdout.close()
        acknowledged |= {int(n): name.decode() for n, name in (each.split() for each in rest)}
    with Spool.open(tmp_path / "spool") as spool:
        spool.recover()
        for number, name in acknowledged.items():
            assert spool.path(number).name == name
            assert spool.path(number).stat().st_size > 0
        assert {each.number for each in spool.objects(limit=10_000)} >= set(acknowledged)


def test_another_version_of_the_spool_is_not_touched(tmp_path: Path) -> None:
    import sqlite3

    Spool.open(tmp_path / "spool").close()
    with sqlite3.connect(tmp_path / "spool" / "spool.db") as database:
        database.execute("pragma user_version = 9")
    database.close()
    with pytest.raises(UsageError, match="version 9"):
        Spool.open(tmp_path / "spool")
    (tmp_path / "spool" / "spool.db").write_bytes(b"no database" * 1000)
    with pytest.raises(UsageError, match="cannot be opened"):
        Spool.open(tmp_path / "spool")


ABOUT = Witnessed(b"\1" * 12, bytes(16), bytes(32))
EVENTS = [
    lambda at: ABOUT.ingested("dimse", at=at),
    lambda at: ABOUT.verified(Word.ALTERED, Action.REFUSE, policy=bytes(32), at=at),
    lambda at: ABOUT.quarantined(Word.STRIPPED, at=at),
    lambda at: ABOUT.released(to_archives=True, at=at),
    lambda at: ABOUT.sent("archive", at=at),
]


@pytest.mark.parametrize("make", EVENTS)
def test_bodies_read_back_and_lack_nothing(make: Any) -> None:
    from datetime import UTC, datetime

    event = make(datetime(2026, 1, 1, tzinfo=UTC))
    body = read_custody_body(event.event, event.encoded)
    for key in body:
        short = {k: v for k, v in body.items() if k != key}
        with pytest.raises(MalformedError):
            read_custody_body(event.event, encode_cbor(short))
        with pytest.raises(MalformedError):
            read_custody_body(event.event, encode_cbor({**body, key: 5.5}))


@given(st.binary(max_size=200), st.sampled_from(list(Event)))
def test_no_bytes_do_more_than_be_refused(data: bytes, event: Event) -> None:
    try:
        found = read_custody_body(event, data)
    except MalformedError:
        return
    assert encode_cbor(dict(found)) == data
    assert decode_cbor(data, max_size=1024) == found
