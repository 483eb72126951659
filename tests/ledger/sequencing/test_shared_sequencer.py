"""Many who register in many processes, and one at a time who writes."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

import ledger.appending.draft
from ledger import (
    BusyError,
    ConflictError,
    Entry,
    Event,
    MalformedError,
    OverloadedError,
    RefusedError,
    Role,
    SharedSequencer,
    StoreError,
    Submission,
    UsageError,
    create_log,
    hash_leaf,
    open_log,
    open_sequencer,
)
from ledger.appending.draft import receive
from ledger.appending.inbox import SMALL, Inbox
from ledger.appending.lease import Lease
from ledger.sequencing.taker import Own, _unposted
from ledger.statements.keyring import Keyring

pytestmark = pytest.mark.postgresql_alone


@contextmanager
def sharing(site: Any, **limits: Any) -> Iterator[SharedSequencer]:
    """Another process, as far as the database can tell."""
    with open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, checkpoint_every=None
    ) as log:
        made = SharedSequencer(log, lambda: site.now, **limits)
        try:
            yield made
        finally:
            made.close()


def send(made: SharedSequencer, *statements: bytes, **aside: Any) -> "Future[list[Entry]]":
    return made.submit(receive([Submission(each, **aside) for each in statements], Keyring()))


def test_requests_become_entries_in_their_order(site: Any) -> None:
    seals = site.seals(40)
    with sharing(site) as made:
        futures = [send(made, *seals[at : at + 4]) for at in range(0, 40, 4)]
        entries = [entry for future in futures for entry in future.result(30)]
        again = [send(made, each).result(30)[0].index for each in seals[:3]]
    assert [entry.index for entry in entries] == list(range(3, 43))
    assert again == [3, 4, 5]
    assert [entry.statement for entry in entries] == seals
    assert site.ask("select count(*) from radseal_inbox") == [(0,)]
    assert site.log.audit().ok
    assert site.log.head().size == 43, "closing publishes"


def test_what_one_registers_the_other_logs(site: Any) -> None:
    names = ("one", "two")
    for name in names:
        site.add_key(site.signer(name), Role.DEVICE)
    with sharing(site) as first, sharing(site) as second:
        futures = []
        for made, name in zip((first, second), names, strict=True):
            site.device = site.signer(name)
            futures += [send(made, each) for each in site.seals(30)]
        indices = sorted(future.result(30)[0].index for future in futures)
        holders = site.ask("select holder from radseal_lease")
        assert [holder for (holder,) in holders] in (
            [first._taker.lease.holder],
            [second._taker.lease.holder],
        )
    assert indices == list(range(5, 65))
    assert site.log.audit().ok


def test_who_holds_the_lease_logs_its_own_without_the_inbox(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seals = site.seals(8)
    posted: list[bytes] = []
    real = Inbox.post

    def post(self: Any, letters: Any) -> None:
        posted.extend(leaf for letter in letters for leaf in letter.leaves)
        real(self, letters)

    monkeypatch.setattr(Inbox, "post", post)
    with sharing(site, lease_seconds=0.4) as made:
        wait_for(lambda: made._taker.holding)
        first = [send(made, each) for each in seals[:4]]
        assert [future.result(30)[0].index for future in first] == [3, 4, 5, 6]
        assert posted == []
        monkeypatch.setattr(Lease, "take", lambda *_: False)  # another has it from now on
        site.change("update radseal_lease set holder = 'another'")
        later = [send(made, each) for each in seals[4:]]
        wait_for(lambda: len(posted) == 4)
        monkeypatch.undo()
        site.change("update radseal_lease set until = 0")
        assert [future.result(30)[0].index for future in later] == [7, 8, 9, 10]
    assert posted == [hash_leaf(each) for each in seals[4:]]
    assert site.log.audit().ok


def test_what_comes_later_is_not_logged_before_what_was_posted(site: Any) -> None:
    posted, fresh = Own((), posted=True), Own((), posted=False)
    assert _unposted({b"1": posted, b"2": fresh}, read={}) == {}
    assert list(_unposted({b"1": posted, b"2": fresh, b"3": fresh}, read={b"1"})) == [b"2", b"3"]


def test_each_learns_why_not(site: Any, spare_signer: Any) -> None:
    seals = site.seals(3)
    forged = site.statement(Event.SEALED, spare_signer, site.new_object())
    stale = site.seals(1)[0]  # the link of before
    with sharing(site) as first, sharing(site) as second:
        good = send(first, seals[0]).result(30)
        for made in (first, second):  # one of them holds the lease, the other learns by asking
            with pytest.raises(RefusedError):
                send(made, forged).result(30)
            with pytest.raises(ConflictError) as caught:
                send(made, stale).result(30)
            assert caught.value.current.previous == hash_leaf(seals[0])
            assert caught.value.chain == "actor"
        bad = send(second, seals[1], forged)
        with pytest.raises(RefusedError):
            bad.result(30)
        both = send(second, seals[1], seals[2]).result(30)
    assert [entry.index for entry in good + both] == [3, 4, 5]
    assert site.ask("select count(*) from radseal_inbox") == [(0,)]


def test_a_refused_request_may_become_right(site: Any, spare_signer: Any) -> None:
    early = site.statement(Event.SEALED, spare_signer, site.new_object())
    with sharing(site) as made:
        with pytest.raises(RefusedError):
            send(made, early).result(30)
        site.add_key(spare_signer, Role.DEVICE)
        assert send(made, early).result(30)[0].index == 4


def test_the_same_from_two_is_logged_once(site: Any) -> None:
    (seal,) = site.seals(1)
    with sharing(site) as first, sharing(site) as second:
        futures = [send(made, seal) for made in (first, second, first)]
        assert {future.result(30)[0].index for future in futures} == {3}
    assert site.log.size == 4


def test_annexes_wait_encrypted(site: Any) -> None:
    text = b"a name that must not be at rest in plain"
    (seal,) = site.seals(1)
    (arrival,) = receive([Submission(seal, annex=text, pseudonyms=(bytes(32),))], Keyring())
    inbox = site.log.inbox()
    letter = inbox.letter([arrival])
    inbox.post([letter])
    inbox.post([letter])
    ((body,),) = site.ask("select body from radseal_inbox")
    assert text not in body
    assert seal not in body
    assert text not in b"".join(site.files().values())
    assert inbox.next(statements=1, known=()) == {letter.name: [arrival.submission]}
    with sharing(site) as made:
        assert send(made, seal).result(30)[0].index == 3
    object_id = receive([Submission(seal)], Keyring())[0].parsed.object_id
    assert object_id is not None
    assert site.log.annex(object_id) == text
    assert site.log.find(bytes(32)) == (object_id,)


def test_large_and_small_are_taken_in_their_order(site: Any) -> None:
    seals = site.seals(3)
    annexes = [b"small", bytes(SMALL), b"small, too"]
    inbox = site.log.inbox()
    arrivals = receive(
        [Submission(s, annex=a) for s, a in zip(seals, annexes, strict=True)], Keyring()
    )
    letters = [inbox.letter([each]) for each in arrivals]
    for letter in letters:
        inbox.post([letter])
    names = [letter.name for letter in letters]
    assert list(inbox.next(statements=3, known=()).items()) == [
        (name, [each.submission]) for name, each in zip(names, arrivals, strict=True)
    ]
    assert inbox.next(statements=3, known=names) == dict.fromkeys(names)
    with sharing(site):
        wait_for(lambda: site.log.size == 6)
    objects = [each.parsed.object_id for each in arrivals]
    assert [site.log.annex(each) for each in objects] == annexes


def test_without_the_annex_key_only_annexes_are_refused(site: Any) -> None:
    first, second = site.seals(2)
    with open_log(site.path, keys=site.keys, annex_key=None) as log:
        made = SharedSequencer(log, lambda: site.now)
        try:
            plain, full = send(made, first), send(made, second, annex=b"x")
            with pytest.raises(UsageError):
                full.result(30)
            assert plain.result(30)[0].index == 3
        finally:
            made.close()


@pytest.mark.parametrize("body", ["\\x00", ""])
def test_damage_in_the_inbox_is_told_and_stops_nobody(site: Any, body: str) -> None:
    seals = site.seals(2)
    inbox = site.log.inbox()
    arrival = receive([Submission(seals[0], annex=b"x")], Keyring())[0]
    letter = inbox.letter([arrival])
    inbox.post([letter])
    site.change(f"update radseal_inbox set body = '{body}'")
    with sharing(site) as made:
        with pytest.raises(ConflictError):  # its predecessor was never logged
            send(made, seals[1]).result(30)
        found: dict[bytes, Any] = {}
        wait_for(lambda: bool(found.update(inbox.collect({letter.name: letter})) or found))
        assert isinstance(found[letter.name], StoreError)
        assert send(made, seals[0]).result(30)[0].index == 3


def test_a_defect_met_by_one_request_stops_no_other(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = site.seals(2)
    other = site.signer("other")
    site.add_key(other, Role.GATEWAY)
    said = site.statement(Event.INGESTED, other, site.new_object())
    real = ledger.appending.draft.Draft.admit

    def admit(self: Any, arrival: Any) -> Any:
        if arrival.submission.statement == said:
            raise ZeroDivisionError
        return real(self, arrival)

    monkeypatch.setattr("ledger.appending.draft.Draft.admit", admit)
    with sharing(site) as made:
        good, bad, last = send(made, first), send(made, said), send(made, second)
        assert [future.result(30)[0].index for future in (good, last)] == [4, 5]
        with pytest.raises(StoreError, match="the append failed"):
            bad.result(30)


def test_erasure_through_the_inbox(site: Any) -> None:
    object_id, _ = site.seal(annex=b"a name that must not be found again")
    secrets = [row[0] for row in site.ask("select wrapped from radseal_annex_key")]
    said = site.statement(Event.ERASED, site.archivist, object_id)
    with sharing(site) as made:
        send(made, said).result(60)
    assert not any(secret in b"".join(site.files().values()) for secret in secrets)
    assert site.log.audit().ok


def test_the_shares_of_signers_are_bounded(site: Any) -> None:
    seals = site.seals(4)
    holding = site.log.inbox()
    other = Lease(b"somebody else", 60.0)
    assert holding.try_lease(other)
    with sharing(site, max_waiting_of_one=2, patience=30.0, lease_seconds=0.4) as made:
        futures = [send(made, each) for each in seals[:2]]
        with pytest.raises(OverloadedError):
            send(made, seals[2])
        holding.give_up_lease(other)
        assert [future.result(30)[0].index for future in futures] == [3, 4]
        assert send(made, seals[2]).result(30)[0].index == 5, "the share is given back"


def test_who_waits_too_long_is_told_and_may_ask_again(site: Any) -> None:
    (seal,) = site.seals(1)
    inbox = site.log.inbox()
    other = Lease(b"somebody else", 60.0)
    assert inbox.try_lease(other)
    with sharing(site, patience=0.2, lease_seconds=0.4) as made:
        with pytest.raises(BusyError):
            send(made, seal).result(30)
        inbox.give_up_lease(other)
        indices: list[int] = []

        def logged() -> bool:
            with contextlib.suppress(BusyError):
                indices.append(send(made, seal).result(30)[0].index)
            return bool(indices)

        wait_for(logged)
    assert indices == [3]
    assert site.log.size == 4


def test_the_lease_is_one_and_ends(site: Any) -> None:
    inbox: Inbox = site.log.inbox()
    first, second = Lease(b"first", 0.3), Lease(b"second", 60.0)
    assert inbox.try_lease(first)
    assert inbox.try_lease(first), "renewed"
    assert not inbox.try_lease(second)
    wait_for(lambda: inbox.try_lease(second))
    assert not inbox.try_lease(first)
    (seal,) = site.seals(1)
    arrivals = receive([Submission(seal)], Keyring())
    with pytest.raises(BusyError, match="another process takes"):
        site.log.append_received(arrivals, at=site.now, beside=first.hold)
    assert site.log.size == 3
    inbox.give_up_lease(second)
    assert inbox.try_lease(first)


def test_two_who_append_at_once_both_do(site: Any) -> None:
    """No queue and no lease: the head lets one through, and the other begins again."""
    logs = []
    for name in ("one", "two", "three"):
        site.add_key(site.signer(name), Role.DEVICE)
    with contextlib.ExitStack() as stack:
        work = []
        for name in ("one", "two", "three"):
            site.device = site.signer(name)
            log = stack.enter_context(open_log(site.path, keys=site.keys, annex_key=None))
            logs.append(log)
            work.append((log, site.seals(15)))
        indices: list[int] = []

        def append(log: Any, seals: list[bytes]) -> None:
            for each in seals:
                indices.append(log.append([Submission(each)], at=site.now)[0].index)

        threads = [threading.Thread(target=append, args=each) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert sorted(indices) == list(range(6, 51))
    assert site.log.audit().ok


def test_what_is_in_a_file_has_no_inbox(site: Any, tmp_path: Any) -> None:
    genesis = site.log.entry(0).statement
    path = tmp_path / "file.db"
    with create_log(
        path, keys=site.keys, genesis=genesis, annex_key=site.annex_key, at=site.now
    ) as log:
        with pytest.raises(UsageError):
            log.inbox()
        alone = open_sequencer(log, lambda: site.now)
        alone.close()
        assert not isinstance(alone, SharedSequencer)
    shared = open_sequencer(site.log, lambda: site.now)
    shared.close()
    assert isinstance(shared, SharedSequencer)
    with pytest.raises(BusyError):
        send(shared, *site.seals(1))


def test_a_malformed_outcome_is_said(site: Any) -> None:
    (seal,) = site.seals(1)
    arrival = receive([Submission(seal)], Keyring())[0]
    inbox = site.log.inbox()
    letter = inbox.letter([arrival])
    inbox.post([letter])
    site.change("update radseal_inbox set outcome = '\\x00'")
    found = inbox.collect({letter.name: letter})[letter.name]
    assert isinstance(found, StoreError)
    assert not isinstance(found, MalformedError)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError
