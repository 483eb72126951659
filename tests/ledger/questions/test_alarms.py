"""Alarms name a key and its numbers, keep signed evidence, and close when the cause is gone."""

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    FIRST,
    AlarmKind,
    ConflictError,
    Event,
    Expectation,
    Gate,
    Link,
    MalformedError,
    Role,
    Sequencer,
    Submission,
    hash_leaf,
    parse_expectations,
)
from ledger.questions.alarms import missing_numbers

HONEST_ROUNDS = 12  # the long form is `python -m benchmarks.outbox`


def alarms(site: Any, *, is_open: bool = True) -> list[Any]:
    return [each for each in site.log.alarms() if each.open is is_open]


def refuse(site: Any, *statements: bytes) -> None:
    with pytest.raises(ConflictError):
        site.append(*statements)


@pytest.mark.parametrize("withheld", [0, 1, 4, 8])
def test_one_statement_withheld_is_named(site: Any, withheld: int) -> None:
    statements = site.seals(10)
    rest = [each for number, each in enumerate(statements) if number != withheld]
    refuse(site, *rest)
    (gap,) = alarms(site)
    assert (gap.kind, gap.kid, gap.numbers) == (
        AlarmKind.GAP,
        site.device.kid,
        ((withheld, withheld),),
    )
    assert gap.evidence == statements[-1]
    assert gap.raised_size == 3
    refuse(site, *rest)
    assert alarms(site) == [gap], "the same again raises nothing new"
    entries = site.append(*statements)
    assert alarms(site) == []
    closed = alarms(site, is_open=False)
    assert entries[withheld].index in [each.closed_by for each in closed]
    assert site.log.audit().ok


def test_one_withheld_of_single_events(site: Any) -> None:
    statements = site.seals(30)
    for number, each in enumerate(statements):
        if number < 11:
            site.append(each)
        elif number not in (11, 20):
            refuse(site, each)
    (gap,) = alarms(site)
    assert gap.numbers == ((11, 11), (20, 20))
    site.append(*statements[11:20])
    (gap,) = alarms(site)
    assert gap.numbers == ((20, 20),)
    site.append(*statements[20:])
    assert alarms(site) == []


def test_batches_that_come_out_of_order_leave_nothing_open(site: Any) -> None:
    chance = random.Random(1)
    statements = site.seals(60)
    batches = [statements[at : at + 6] for at in range(0, 60, 6)]
    waiting = [*batches, *batches]
    while waiting:
        chance.shuffle(waiting)
        batch = waiting.pop()
        try:
            site.append(*batch)
        except ConflictError:
            waiting.append(batch)
    assert alarms(site) == []
    assert all(each.kind is AlarmKind.GAP for each in alarms(site, is_open=False))
    assert site.log.audit().ok


@pytest.mark.parametrize("later", [0, 3])
def test_two_statements_of_one_number(site: Any, later: int) -> None:
    link = site.log.actor_link(site.device.kid)
    forged = site.statement(
        Event.SEALED, site.device, site.new_object(), object_link=FIRST, actor_link=link
    )
    _, entry = site.seal()
    for _ in range(later):
        site.seal()
    refuse(site, forged)
    (fork,) = alarms(site)
    assert (fork.kind, fork.kid, fork.numbers) == (AlarmKind.FORK, site.device.kid, ((0, 0),))
    assert (fork.evidence, fork.other) == (forged, entry.index)
    site.append(*site.seals(3))
    assert alarms(site) == [fork], "a fork is not outgrown"


def test_another_predecessor_is_a_fork_too(site: Any) -> None:
    link = site.log.actor_link(site.device.kid)
    forged = site.statement(
        Event.SEALED, site.device, site.new_object(), object_link=FIRST, actor_link=link
    )
    _, entry = site.seal()
    following = site.statement(
        Event.SEALED,
        site.device,
        site.new_object(),
        object_link=FIRST,
        actor_link=Link(1, hash_leaf(forged)),
    )
    refuse(site, following)
    (fork,) = alarms(site)
    assert (fork.kind, fork.numbers) == (AlarmKind.FORK, ((1, 1),))
    assert (fork.evidence, fork.other) == (following, entry.index)


def test_two_of_one_number_that_are_both_beyond_the_log(site: Any) -> None:
    first, second, third = site.seals(3)
    refuse(site, third)
    rival = site.statement(
        Event.SEALED,
        site.device,
        site.new_object(),
        object_link=FIRST,
        actor_link=Link(2, hash_leaf(second)),
    )
    refuse(site, rival)
    forks = [each for each in alarms(site) if each.kind is AlarmKind.FORK]
    assert {each.evidence for each in forks} == {third, rival}
    *_, entry = site.append(first, second, third)
    (fork,) = alarms(site)
    assert (fork.evidence, fork.other, fork.numbers) == (rival, entry.index, ((2, 2),))


def test_who_was_slower_and_signs_the_same_again_is_honest(site: Any) -> None:
    object_id, link = site.new_object(), site.log.actor_link(site.device.kid)
    slow = site.statement(
        Event.SEALED, site.device, object_id, object_link=FIRST, actor_link=link, body={1: 7}
    )
    site.append(*site.seals(1))
    claimed = site.now
    refuse(site, slow)
    assert len(alarms(site)) == 1
    site.now = claimed - timedelta(seconds=1)
    (again,) = [site.statement(Event.SEALED, site.device, object_id, body={1: 7})]
    (entry,) = site.append(again)
    assert alarms(site) == []
    (closed,) = alarms(site, is_open=False)
    assert closed.closed_by == entry.index


def test_strangers_and_revoked_keys_raise_nothing(site: Any, spare_signer: Any) -> None:
    link = Link(5, bytes(32))
    statement = site.statement(
        Event.SEALED, spare_signer, site.new_object(), object_link=FIRST, actor_link=link
    )
    with pytest.raises(Exception, match="was not added"):
        site.append(statement)
    forged = site.statement(
        Event.SEALED, site.device, site.new_object(), object_link=FIRST, actor_link=link
    )
    with pytest.raises(Exception, match="signature"):
        site.append(forged[:-1] + bytes([forged[-1] ^ 1]))
    assert site.log.alarms() == ()


def test_an_object_conflict_raises_nothing(site: Any) -> None:
    object_id, _ = site.seal()
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    stale = site.statement(Event.SENT, site.device, object_id, object_link=Link(1, bytes(32)))
    refuse(site, stale)
    assert site.log.alarms() == ()


def test_silence_is_what_a_checkpoint_says(site: Any) -> None:
    site.log.checkpoint()
    hour = timedelta(hours=1)
    expected = [
        Expectation(site.device.kid, 24 * hour),
        Expectation(site.gateway.kid, 72 * hour),
        Expectation(bytes(32), hour),
    ]

    def silent(after: timedelta) -> list[Any]:
        return list(site.log.silence(expected, at=site.now + after))

    assert silent(23 * hour) == []
    (one,) = silent(25 * hour)
    assert (one.kind, one.kid, one.numbers, one.open) == (
        AlarmKind.SILENCE,
        site.device.kid,
        ((0, 0),),
        True,
    )
    assert len(silent(73 * hour)) == 2
    site.now += 25 * hour
    _, entry = site.seal()
    site.log.checkpoint()
    assert silent(23 * hour) == []
    (one,) = silent(25 * hour)
    assert (one.other, one.numbers, one.last_heard) == (entry.index, ((1, 1),), site.now)


def test_rows_are_bounded_and_forks_stay(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.questions.alarm_store.MAX_OF_ACTOR", 3)
    statements = site.seals(20)
    for each in statements[1::2]:
        refuse(site, each)
    (gap,) = alarms(site)
    assert gap.numbers[0] == (0, 0)
    site.append(*statements)
    assert alarms(site) == []
    refuse(site, *[site.statement(
        Event.SEALED, site.device, site.new_object(), object_link=FIRST, actor_link=FIRST
    )])  # fmt: skip
    assert [each.kind for each in alarms(site)] == [AlarmKind.FORK]


def test_eight_honest_actors_leave_no_alarm_open(site: Any) -> None:
    """Clocks off by a day, batches late, twice and out of order, through the sequencer."""
    chance = random.Random(7)
    signers = [site.signer(f"actor {number}") for number in range(8)]
    for signer in signers:
        site.add_key(signer, Role.DEVICE)
    site.log._checkpoint_every = None
    sequencer, gate = Sequencer(site.log, lambda: site.now), Gate(site.log)
    links = dict.fromkeys((each.kid for each in signers), FIRST)
    unsent: list[list[bytes]] = []
    for _ in range(HONEST_ROUNDS):
        for signer in signers:
            site.now += timedelta(hours=chance.randint(-24, 24))
            batch = []
            for _ in range(chance.randint(1, 9)):
                statement = site.statement(
                    Event.SEALED,
                    signer,
                    site.new_object(),
                    object_link=FIRST,
                    actor_link=links[signer.kid],
                )
                links[signer.kid] = links[signer.kid].next(hash_leaf(statement))
                batch.append(statement)
            unsent.append(batch)
    rounds = 0
    while unsent:
        rounds += 1
        chance.shuffle(unsent)
        tried = [
            (batch, sequencer.submit(gate.check([Submission(each) for each in batch])))
            for batch in unsent[:40]
        ]
        unsent = unsent[40:]
        for batch, future in tried:
            if future.exception() is not None or chance.random() < 0.2:
                unsent.append(batch)  # refused for now, or the answer was lost
        assert rounds < 500
    sequencer.close()
    assert alarms(site) == []
    report = site.log.audit()
    assert report.ok, report.findings
    assert report.size == 11 + sum(link.seq for link in links.values())


runs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=8)


@given(next_seq=st.integers(0, 40), parts=runs)
def test_missing_numbers_are_exactly_those(next_seq: int, parts: list[tuple[int, int]]) -> None:
    ranges = [(first, first + more) for first, more in parts]
    there = {number for first, last in ranges for number in range(first, last + 1)}
    most = max(there, default=-1)
    wanted = set(range(next_seq, most + 1)) - there
    found = missing_numbers(next_seq, ranges)
    assert {n for first, last in found for n in range(first, last + 1)} == wanted
    assert all(first <= last for first, last in found)


def test_expectations() -> None:
    kid = "ab" * 32
    read = parse_expectations(f"radseal expectations 1\n# the CT\n{kid} 24h\n\n".encode())
    assert read == (Expectation(bytes.fromhex(kid), timedelta(days=1)),)
    assert parse_expectations(b"radseal expectations 1\n") == ()
    for line in (
        f"{kid} 24",
        f"{kid} h",
        f"{kid} 0h",
        f"{kid} -1h",
        f"{kid} 9999d",
        f"{kid}  1h",
        f"{kid.upper()} 1h",
        f"{kid} 1h\n{kid} 2h",
        kid,
        "\xe4",
    ):
        with pytest.raises(MalformedError):
            parse_expectations(f"radseal expectations 1\n{line}\n".encode())
    for data in (b"", b"radseal expectations 2\n", b"radseal expectations 1"):
        with pytest.raises(MalformedError):
            parse_expectations(data)


@given(st.binary(max_size=200))
def test_arbitrary_expectations_raise_only_our_errors(data: bytes) -> None:
    for prefix in (b"", b"radseal expectations 1\n"):
        try:
            parse_expectations(prefix + data)
        except MalformedError:
            continue
