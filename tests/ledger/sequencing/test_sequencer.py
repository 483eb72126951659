"""Many who register and one who writes."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

import ledger
from ledger import (
    BusyError,
    ConflictError,
    Entry,
    Event,
    Gate,
    MalformedError,
    OverloadedError,
    RefusedError,
    Role,
    RolledBackError,
    Sequencer,
    StoreError,
    Submission,
    WitnessError,
    hash_leaf,
    key_added_body,
)
from ledger.appending.draft import receive
from ledger.statements.keyring import Keyring


@contextmanager
def sequencer(site: Any, **limits: Any) -> Iterator[Sequencer]:
    made = Sequencer(site.log, lambda: site.now, **limits)
    try:
        yield made
    finally:
        made.close()


def send(made: Sequencer, *statements: bytes) -> "Future[list[Entry]]":
    return made.submit(receive([Submission(each) for each in statements], Keyring()))


def test_requests_become_entries_in_their_order(site: Any) -> None:
    seals = site.seals(40)
    with sequencer(site) as made:
        futures = [send(made, *seals[at : at + 4]) for at in range(0, 40, 4)]
        entries = [entry for future in futures for entry in future.result(10)]
        again = [send(made, each).result(10)[0].index for each in seals]
    assert [entry.index for entry in entries] == list(range(3, 43)) == again
    assert [entry.statement for entry in entries] == seals


class Gated:
    """A log whose appends wait for a word; it counts what each one takes."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.go, self.entered = threading.Event(), threading.Event()
        self.batches: list[int] = []

    def append_received(self, arrivals: Any, *, at: datetime) -> Any:
        self.entered.set()
        assert self.go.wait(10)
        self.batches.append(len(arrivals))
        return self._log.append_received(arrivals, at=at)

    def checkpoint(self) -> bytes:
        note: bytes = self._log.checkpoint()
        return note


@contextmanager
def gated(site: Any, **limits: Any) -> Iterator[tuple[Sequencer, Gated]]:
    log = Gated(site.log)
    made = Sequencer(log, lambda: site.now, **limits)  # type: ignore[arg-type]
    try:
        yield made, log
    finally:
        log.go.set()
        made.close()


def test_what_waits_is_appended_together(site: Any) -> None:
    seals = site.seals(11)
    with gated(site) as (made, log):
        futures = [send(made, seals[0])]
        assert log.entered.wait(10)
        futures += [send(made, each) for each in seals[1:]]
        log.go.set()
        assert [future.result(10)[0].index for future in futures] == list(range(3, 14))
    assert log.batches == [1, 10]


def test_a_refused_request_does_not_refuse_its_neighbours(site: Any, spare_signer: Any) -> None:
    seals = site.seals(3)
    forged = site.statement(Event.SEALED, spare_signer, site.new_object())
    with gated(site) as (made, log):
        first = send(made, seals[0])
        assert log.entered.wait(10)
        good, bad, stale, last = (
            send(made, seals[1]),
            send(made, forged),
            send(made, site.seals(1)[0]),  # the link of before
            send(made, seals[2]),
        )
        log.go.set()
        assert first.result(10)[0].index == 3
        assert (good.result(10)[0].index, last.result(10)[0].index) == (4, 5)
        with pytest.raises(RefusedError):
            bad.result(10)
        with pytest.raises(ConflictError) as caught:
            stale.result(10)
    assert caught.value.current.previous == hash_leaf(seals[1])
    assert caught.value.chain == "actor"


def test_the_queue_is_bounded(site: Any) -> None:
    seals = site.seals(6)
    other = site.signer("other")
    site.add_key(other, Role.GATEWAY)
    said = site.statement(Event.INGESTED, other, site.new_object())
    with gated(site, max_waiting=3, max_waiting_of_one=3) as (made, log):
        futures = [send(made, seals[0])]
        assert log.entered.wait(10)
        futures += [send(made, each) for each in seals[1:3]]
        with pytest.raises(OverloadedError):
            send(made, seals[3])
        futures.append(send(made, said))
        with pytest.raises(BusyError) as caught:
            send(made, seals[4])
        assert not isinstance(caught.value, OverloadedError)
        assert made.waiting == 3
        log.go.set()
        assert {future.result(10)[0].index for future in futures} == {4, 5, 6, 7}
        assert send(made, seals[3]).result(10)[0].index == 8, "the share is given back"


def test_closing_appends_and_publishes_what_waits(site: Any) -> None:
    seals = site.seals(5)
    with gated(site) as (made, log):
        futures = [send(made, each) for each in seals]
        closing = threading.Thread(target=made.close)
        closing.start()
        log.go.set()
        closing.join(20)
        assert [future.result(0)[0].index for future in futures] == list(range(3, 8))
        with pytest.raises(BusyError):
            send(made, seals[0])
    with ledger.open_log(site.path, keys=None, annex_key=None) as reader:
        assert reader.head().size == 8


class Failing(Gated):
    def __init__(self, log: Any, error: Exception) -> None:
        super().__init__(log)
        self.go.set()
        self.error: Exception | None = error
        self.asked = 0

    def checkpoint(self) -> bytes:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return super().checkpoint()


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError


def test_without_a_quorum_it_goes_on_and_tries_again(site: Any) -> None:
    log = Failing(site.log, WitnessError("nobody"))
    made = Sequencer(log, lambda: site.now, publish_seconds=0.01)  # type: ignore[arg-type]
    try:
        (seal,) = site.seals(1)
        index = send(made, seal).result(10)[0].index
        wait_for(lambda: log.asked > 2)
        assert made.accepts
        log.error = None
        with ledger.open_log(site.path, keys=None, annex_key=None) as reader:
            wait_for(lambda: reader.head().size > index)
    finally:
        made.close()


@pytest.mark.parametrize("error", [RolledBackError("ahead"), KeyError()])
def test_rolled_back_it_takes_nothing_more(site: Any, error: Exception) -> None:
    log = Failing(site.log, error)
    made = Sequencer(log, lambda: site.now, publish_seconds=0.01)  # type: ignore[arg-type]
    try:
        wait_for(lambda: not made.accepts)  # it has looked at the start
        with pytest.raises(StoreError):
            send(made, site.seals(1)[0])
    finally:
        made.close()


def test_a_checkpoint_that_cannot_be_stored_only_suspends(site: Any) -> None:
    """Registration goes on by itself; in between nothing is published that is not stored."""
    log = Failing(site.log, None)
    made = Sequencer(log, lambda: site.now, publish_seconds=0.01)  # type: ignore[arg-type]
    try:
        wait_for(lambda: log.asked > 0)
        log.error = StoreError("the disk is full")
        first, second = site.seals(2)
        index = send(made, first).result(10)[0].index
        wait_for(lambda: not made.accepts)
        with pytest.raises(BusyError, match="the disk is full"):
            send(made, second)
        wait_for(lambda: log.asked > 4)
        with ledger.open_log(site.path, keys=None, annex_key=None) as reader:
            assert reader.head().size <= index
            log.error = None
            wait_for(lambda: made.accepts)
            assert reader.head().size == index + 1
        assert send(made, second).result(10)[0].index == index + 1
    finally:
        made.close()


def test_a_defect_of_the_append_is_told_to_those_who_wait(site: Any) -> None:
    class Broken(Gated):
        def append_received(self, arrivals: Any, *, at: datetime) -> Any:
            raise ZeroDivisionError

    made = Sequencer(Broken(site.log), lambda: site.now)  # type: ignore[arg-type]
    try:
        (seal,) = site.seals(1)
        with pytest.raises(StoreError):
            send(made, seal).result(10)
    finally:
        made.close()


def test_the_gate_lets_keys_of_the_log_in(site: Any, spare_signer: Any) -> None:
    gate = Gate(site.log)
    object_id = site.new_object()
    seal = site.statement(Event.SEALED, site.device, object_id)
    (arrival,) = gate.check([Submission(seal, annex=b"x")])
    assert arrival.verified is not None
    assert arrival.verified.object_id == object_id
    with pytest.raises(RefusedError):
        gate.check([Submission(site.statement(Event.SEALED, spare_signer, object_id))])
    with pytest.raises(RefusedError):
        gate.check([Submission(seal[:-1] + bytes([seal[-1] ^ 1]))])
    with pytest.raises(MalformedError):
        gate.check([Submission(b"hello")])
    body = key_added_body(spare_signer.spki, role=Role.DEVICE)
    added = site.statement(Event.KEY_ADDED, site.archivist, body=body)
    with pytest.raises(MalformedError):
        gate.check([Submission(added, annex=b"x")])
    said = site.statement(Event.SEALED, spare_signer, object_id)
    first, second = gate.check([Submission(added), Submission(said)])
    assert first.verified is not None
    assert second.verified is None, "the append does it"
    site.append(added)
    assert gate.check([Submission(said)])


def test_it_says_since_when_no_quorum_answers(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Unwitnessed(Gated):
        answers = True

        def checkpoint(self) -> bytes:
            if not self.answers:
                raise WitnessError("no quorum")
            return super().checkpoint()

    log = Unwitnessed(site.log)
    log.answers = False
    times = iter(site.now + timedelta(seconds=n) for n in range(10_000))
    made = Sequencer(log, lambda: next(times), publish_seconds=0.01)  # type: ignore[arg-type]
    try:
        wait_for(lambda: made.publishing.without_quorum_since is not None)
        since = made.publishing.without_quorum_since
        assert made.publishing.at is None
        time.sleep(0.05)
        assert made.publishing.without_quorum_since == since, "the first failure of them"
        assert made.accepts
        log.answers = True
        wait_for(lambda: made.publishing.without_quorum_since is None)
        assert since is not None
        assert made.publishing.at is not None
        assert made.publishing.at > since
    finally:
        made.close()
    said = [
        each.getMessage() for each in caplog.records if each.name == "ledger.sequencing.publisher"
    ]
    assert said == [
        "no checkpoint was published: no quorum",
        "a quorum of witnesses answers again",
    ]


def test_a_key_under_the_id_of_another_is_damage(site: Any, spare_signer: Any) -> None:
    (seal,) = site.seals(1)
    kid, spki = site.device.kid, spare_signer.spki
    site.change("update radseal_key set spki = :spki where kid = :kid", spki=spki, kid=kid)
    with pytest.raises(StoreError, match="key number 1 of the log is damaged"):
        site.log.key(kid)
    with pytest.raises(StoreError, match="damaged"):
        Gate(site.log).check([Submission(seal)])
