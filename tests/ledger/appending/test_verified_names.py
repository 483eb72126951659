"""What its gate has verified is not verified again; a row that only says so, is."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger.cose.keys
from ledger import (
    Gate,
    LedgerError,
    LogKeys,
    RefusedError,
    SharedSequencer,
    Submission,
    hash_leaf,
    open_log,
)
from ledger.appending.inbox import VERIFIED, Inbox, Letter
from ledger.cose.signatures import is_signed
from ledger.remote.registration import encode_submissions
from ledger.statements.arrival import Arrival
from ledger.statements.statement import as_verified, parse_statement

pytestmark = pytest.mark.postgresql_alone

PSEUDONYM = bytes(32)


@contextmanager
def taking(site: Any) -> Iterator[None]:
    """Another server of the site, which takes from the inbox."""
    with open_log(
        site.path, keys=site.keys, annex_key=site.annex_key, checkpoint_every=None
    ) as log:
        made = SharedSequencer(log, lambda: site.now)
        try:
            yield
        finally:
            made.close()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What signatures were checked over; each is checked as ever."""
    asked: list[bytes] = []

    def noted(key: Any, signature: bytes, message: bytes) -> bool:
        asked.append(message)
        return is_signed(key, signature, message)

    monkeypatch.setattr(ledger.cose.keys, "is_signed", noted)
    return asked


def inbox_of(site: Any, keys: LogKeys | None) -> Inbox:
    """The inbox as a holder of other keys sees it; without any, as a server of before."""
    found = () if keys is None else keys.derive(VERIFIED)
    return Inbox(site.log._database, site_key=site.annex_key, verified_keys=lambda: found)


def claimed(submission: Submission) -> Arrival:
    """An arrival that says it was verified, and was not."""
    parsed = parse_statement(submission.statement)
    return Arrival(submission, parsed, as_verified(parsed))


def outcome(site: Any, letter: Letter) -> Any:
    inbox = inbox_of(site, None)
    for _ in range(3000):
        found = inbox.collect({letter.name: letter})
        if found:
            return found[letter.name]
        time.sleep(0.01)
    raise AssertionError


def badly_signed(site: Any) -> bytes:
    (seal,) = site.seals(1)
    return bytes(seal[:-1] + bytes([seal[-1] ^ 1]))


@pytest.mark.parametrize("aside", [{}, {"annex": b"annex", "pseudonyms": (PSEUDONYM,)}])
def test_what_a_gate_has_verified_is_not_verified_again(
    site: Any, verified: list[bytes], aside: Any
) -> None:
    submissions = [Submission(each, **aside) for each in site.seals(10)]
    arrivals = Gate(site.log).check(submissions)
    messages = {each.parsed.signed for each in arrivals}
    assert messages <= set(verified)
    verified.clear()
    letter = site.log.inbox().letter(arrivals)
    site.log.inbox().post([letter])
    with taking(site):
        assert [entry.index for entry in outcome(site, letter)] == list(range(3, 13))
    assert not messages & set(verified)
    assert site.log.audit().ok
    assert messages <= set(verified), "an audit believes nobody"


@pytest.mark.parametrize("aside", [{}, {"annex": b"annex"}])
def test_what_a_server_of_before_has_posted_is_verified(
    site: Any, verified: list[bytes], aside: Any
) -> None:
    (seal,) = site.seals(1)
    letter = inbox_of(site, None).letter([claimed(Submission(seal, **aside))])
    inbox_of(site, None).post([letter])
    with taking(site):
        assert outcome(site, letter)[0].index == 3
    assert parse_statement(seal).signed in verified


def test_what_was_verified_only_in_part_is_verified(site: Any, verified: list[bytes]) -> None:
    first, second = (Submission(each) for each in site.seals(2))
    half = [claimed(first), Arrival(second, parse_statement(second.statement), None)]
    letter = site.log.inbox().letter(half)
    assert letter.name == inbox_of(site, None).letter(half).name
    site.log.inbox().post([letter])
    with taking(site):
        assert [entry.index for entry in outcome(site, letter)] == [3, 4]
    assert parse_statement(first.statement).signed in verified


def other_keys(site: Any) -> LogKeys:
    return LogKeys.from_seeds("other.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))


def half_of_the_keys(site: Any) -> LogKeys:
    (pair,) = site.keys._pairs
    seed = pair.ed25519.private_bytes_raw()
    return LogKeys.from_seeds(site.keys.origin, ed25519_seed=seed, mldsa44_seed=bytes(32))


def same_keys_of_another_log(site: Any) -> LogKeys:
    (pair,) = site.keys._pairs
    return LogKeys.from_seeds(
        "other.example",
        ed25519_seed=pair.ed25519.private_bytes_raw(),
        mldsa44_seed=pair.mldsa44.private_bytes_raw(),
    )


@pytest.mark.parametrize(
    "keys", [other_keys, half_of_the_keys, same_keys_of_another_log, lambda _: None]
)
@pytest.mark.parametrize("aside", [{}, {"annex": b"annex"}])
def test_a_bad_signature_is_refused_whatever_another_says(
    site: Any, keys: Callable[[Any], LogKeys | None], aside: Any
) -> None:
    inbox = inbox_of(site, keys(site))
    letter = inbox.letter([claimed(Submission(badly_signed(site), **aside))])
    inbox.post([letter])
    with taking(site):
        assert isinstance(outcome(site, letter), RefusedError)
    assert site.log.size == 3


def test_a_right_name_on_another_body_is_not_believed(site: Any) -> None:
    (seal,) = site.seals(1)
    good = site.log.inbox().letter(Gate(site.log).check([Submission(seal)]))
    bad = inbox_of(site, None).letter([claimed(Submission(badly_signed(site)))])
    site.log.inbox().post([good])
    site.change("update radseal_inbox set body = :body", body=bad.body)
    with taking(site):
        assert isinstance(outcome(site, good), RefusedError)
    assert site.log.size == 3


def test_a_right_name_says_nothing_of_what_was_put_beside(site: Any) -> None:
    (seal,) = site.seals(1)
    good = site.log.inbox().letter(Gate(site.log).check([Submission(seal)]))
    more = Submission(seal, pseudonyms=(PSEUDONYM,))
    body = inbox_of(site, None).letter([claimed(more)]).body
    site.log.inbox().post([good])
    site.change("update radseal_inbox set body = :body", body=body)
    stranger = Inbox(site.log._database, site_key=None, verified_keys=lambda: [b""])
    for inbox in (site.log.inbox(), stranger):
        assert inbox.next(statements=1, known=()) == {good.name: [more]}


def test_who_holds_the_keys_of_the_log_is_believed_until_an_audit(site: Any) -> None:
    letter = site.log.inbox().letter([claimed(Submission(badly_signed(site)))])
    site.log.inbox().post([letter])
    with taking(site):
        assert outcome(site, letter)[0].index == 3
    report = site.log.audit()
    assert not report.ok
    assert any("signature" in str(finding) for finding in report.findings)


def test_while_keys_change_both_are_believed(site: Any, verified: list[bytes]) -> None:
    newer = LogKeys.from_seeds(site.keys.origin, ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    both = site.keys.joined_by(newer)
    assert both.derive(VERIFIED) == newer.derive(VERIFIED) + site.keys.derive(VERIFIED)
    (seal,) = site.seals(1)
    for keys in (newer, site.keys, both):
        letter = inbox_of(site, keys).letter([claimed(Submission(seal))])
        inbox_of(site, keys).post([letter])
        (found,) = inbox_of(site, both).next(statements=1, known=()).values()
        assert found == [claimed(Submission(seal))]
        site.change("delete from radseal_inbox")


def test_the_name_is_what_the_page_says(site: Any) -> None:
    (seal,) = site.seals(1)
    (pair,) = site.keys._pairs
    seeds = pair.ed25519.private_bytes_raw() + pair.mldsa44.private_bytes_raw()
    info = b"radseal-inbox-verified-1\0" + site.keys.origin.encode()
    drawn = hmac.digest(bytes(32), seeds, "sha256")  # RFC 5869, section 2
    key = hmac.digest(drawn, info + b"\1", "sha256")
    plain = hashlib.sha256(hash_leaf(seal)).digest()
    name = hmac.digest(key, b"radseal-inbox-verified-1" + plain, "sha256")
    assert site.log.inbox().letter([claimed(Submission(seal))]).name == name


def test_secrets_of_two_purposes_tell_nothing_of_each_other(fixed_log_keys: LogKeys) -> None:
    (first,), (second,) = fixed_log_keys.derive(b"one"), fixed_log_keys.derive(b"two")
    assert len(first) == 32
    assert first != second


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.binary(max_size=40),
    body=st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda b: encode_submissions([Submission(b)])),
    nonce=st.none() | st.binary(max_size=13),
    wrapped=st.none() | st.binary(max_size=41),
)
def test_any_row_is_read_and_none_is_believed(
    site: Any, name: bytes, body: bytes, nonce: bytes | None, wrapped: bytes | None
) -> None:
    found = site.log.inbox()._open(name, body, nonce, wrapped)
    assert isinstance(found, LedgerError) or all(isinstance(e, Submission) for e in found)
