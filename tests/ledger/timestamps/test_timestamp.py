"""Timestamps by a real TSA (`openssl ts`): judged alone, in chains, and in arbitrary bytes."""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    LedgerError,
    MalformedError,
    ProofError,
    StampHash,
    TimestampAnchors,
    TimestampRequest,
    UnknownTsaError,
    UnreachableError,
    UsageError,
    ask_tsa,
    judge_timestamps,
    parse_timestamp_request,
    proven_time,
    stamped_message,
    token_of,
    verify_timestamp,
)
from ledger.timestamps.timestamp import AHEAD, MAX_TOKENS
from ledger.timestamps.timestamp_token import MAX_REPLY, MAX_TOKEN

DER = serialization.Encoding.DER
NOTE = b"log.example\n1\nAAAA\n\n\xe2\x80\x94 log.example AAAA\n"
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "timestamp"
CASES = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))["cases"]
NONCE = 0x8123_4567_89AB_CDEF


def ask(tsa: Any, message: bytes, *, hash: StampHash = StampHash.SHA256, **more: Any) -> bytes:
    request = TimestampRequest(hash, hash.digest(message), NONCE, **more)
    return token_of(ask_tsa(tsa.url, request))


def anchors(*authorities: Any, **more: Any) -> TimestampAnchors:
    return TimestampAnchors.from_der([a.root.public_bytes(DER) for a in authorities], **more)


@pytest.fixture(scope="module")
def tsa(make_time_authority: Callable[..., Any]) -> Any:
    return make_time_authority()


@pytest.fixture(scope="module")
def token(tsa: Any) -> bytes:
    return ask(tsa, NOTE)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_frozen_chain_is_judged_as_ever(case: dict) -> None:
    pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed")
    note, at = base64.b64decode(case["note"]), datetime.fromisoformat(case["at"])
    tokens = [base64.b64decode(each) for each in case["tokens"]]
    trusted = TimestampAnchors.from_der(base64.b64decode(each) for each in case["authorities"])
    judged = judge_timestamps(note, tokens, anchors=trusted, at=at)
    assert [each.timestamp is not None for each in judged] == case["holds"]
    assert any(case["holds"]) is not case["name"].endswith("_fail")


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("hash", list(StampHash))
def test_a_real_tsa(make_time_authority: Callable[..., Any], kind: str, hash: StampHash) -> None:
    tsa = make_time_authority(kind, digest=hash.value, with_root=True)
    before = now()
    token = ask(tsa, NOTE, hash=hash)
    found = verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now(), nonce=NONCE)
    assert before - timedelta(seconds=1) <= found.time <= now()
    assert (found.hash, found.accuracy, found.tsa) == (hash, timedelta(seconds=1), "CN=tsa")
    assert found.policy == "1.2.3.4"
    assert found.good_until == tsa.certificate.not_valid_after_utc
    assert tsa.asked == [("/tsa?x=1", "application/timestamp-query")]
    with pytest.raises(ProofError):
        verify_timestamp(token, NOTE + b"x", anchors=anchors(tsa), at=now())


@pytest.mark.parametrize("with_root", [False, True])
def test_an_authority_between(make_time_authority: Callable[..., Any], with_root: bool) -> None:
    """Its certificate comes in the token, unsorted, and is believed for the root's word alone."""
    tsa = make_time_authority(between=True, with_root=with_root)
    token = ask(tsa, NOTE)
    found = verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now())
    assert found.good_until == tsa.certificate.not_valid_after_utc
    with pytest.raises(UnknownTsaError, match="vouches"):
        verify_timestamp(token, NOTE, anchors=anchors(make_time_authority()), at=now())


def test_openssl_checks_the_first_token_and_the_next(tsa: Any, token: bytes) -> None:
    second = ask(tsa, stamped_message(NOTE, [token]), hash=StampHash.SHA512)
    for data, stamp in ((NOTE, token), (stamped_message(NOTE, [token]), second)):
        (tsa.folder / "data").write_bytes(data)
        (tsa.folder / "token").write_bytes(stamp)
        words = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-token_in"]
        words += ["-CAfile", "root.pem"]
        subprocess.run(words, cwd=tsa.folder, check=True, capture_output=True)


def test_nothing_is_accepted_by_default(tsa: Any, token: bytes) -> None:
    other = TimestampAnchors()
    with pytest.raises(ProofError, match="no authority of timestamps is trusted"):
        verify_timestamp(token, NOTE, anchors=other, at=now())
    with pytest.raises(UsageError, match="time zone"):
        verify_timestamp(token, NOTE, anchors=anchors(tsa), at=datetime(2030, 1, 1))


def test_another_authority_vouches_for_nothing(
    make_time_authority: Callable[..., Any], token: bytes
) -> None:
    with pytest.raises(UnknownTsaError, match="vouches"):
        verify_timestamp(token, NOTE, anchors=anchors(make_time_authority()), at=now())


def test_verifiers_share_no_roots(
    make_time_authority: Callable[..., Any], tsa: Any, token: bytes
) -> None:
    other = make_time_authority()
    verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now())
    with pytest.raises(ProofError):
        verify_timestamp(token, NOTE, anchors=anchors(other), at=now())
    verify_timestamp(ask(other, NOTE), NOTE, anchors=anchors(other), at=now())


def test_another_nonce(tsa: Any, token: bytes) -> None:
    with pytest.raises(ProofError, match="Nonce"):
        verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now(), nonce=NONCE - 1)


def test_policies(tsa: Any, token: bytes) -> None:
    fifth = ask(tsa, NOTE, policy="1.2.3.5")
    only = anchors(tsa, policies=["1.2.3.5"])
    assert verify_timestamp(fifth, NOTE, anchors=only, at=now()).policy == "1.2.3.5"
    with pytest.raises(ProofError, match="policy"):
        verify_timestamp(token, NOTE, anchors=only, at=now())
    with pytest.raises(UsageError, match="policy number"):
        anchors(tsa, policies=["ours"])


def test_a_certificate_that_is_not_for_timestamps(tsa: Any, token: bytes) -> None:
    key = serialization.load_pem_private_key((tsa.folder / "tsa.key").read_bytes(), None)
    good = tsa.certificate.public_bytes(DER)
    assert good in token

    def with_usage(usage: x509.ObjectIdentifier) -> bytes:
        serial = tsa.certificate.serial_number
        while True:  # until its signature happens to be as long
            other = tsa.issue(key, valid=timedelta(days=365), usage=usage, serial=serial)
            if len(other.public_bytes(DER)) == len(good):
                return token.replace(good, other.public_bytes(DER))

    same = with_usage(ExtendedKeyUsageOID.TIME_STAMPING)
    verify_timestamp(same, NOTE, anchors=anchors(tsa), at=now())
    for usage in (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION):
        with pytest.raises(ProofError, match="does not hold"):
            verify_timestamp(with_usage(usage), NOTE, anchors=anchors(tsa), at=now())


def test_a_path_that_ended_and_a_time_to_come(tsa: Any, token: bytes) -> None:
    end = tsa.certificate.not_valid_after_utc
    verify_timestamp(token, NOTE, anchors=anchors(tsa), at=end)
    with pytest.raises(ProofError, match="vouches"):
        verify_timestamp(token, NOTE, anchors=anchors(tsa), at=end + timedelta(seconds=1))
    made = verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now()).time
    verify_timestamp(token, NOTE, anchors=anchors(tsa), at=made - AHEAD)
    late = made - AHEAD - timedelta(seconds=1)
    with pytest.raises(ProofError, match="later than it is judged"):
        verify_timestamp(token, NOTE, anchors=anchors(tsa), at=late)


def test_every_altered_byte(tsa: Any, token: bytes) -> None:
    good = verify_timestamp(token, NOTE, anchors=anchors(tsa), at=now())
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] ^= 1
        try:
            found = verify_timestamp(bytes(changed), NOTE, anchors=anchors(tsa), at=now())
        except LedgerError:
            continue
        assert found == good  # what no signature covers and nothing reads


def test_a_rejection_says_why(tsa: Any) -> None:
    request = TimestampRequest(StampHash.SHA256, bytes(32), NONCE, "1.2.3.6")
    with pytest.raises(ProofError, match=r"rejection \(Requested policy is not supported"):
        token_of(ask_tsa(tsa.url, request))


def test_granted_with_modifications_is_refused(tsa: Any) -> None:
    reply = tsa.reply(bytes(TimestampRequest(StampHash.SHA256, bytes(32), NONCE)))
    assert reply.count(bytes.fromhex("3003020100")) == 1
    changed = reply.replace(bytes.fromhex("3003020100"), bytes.fromhex("3003020101"))
    with pytest.raises(ProofError, match="granted with modifications"):
        token_of(changed)


@pytest.mark.parametrize("cut", [0, 1, 9, 400, -1])
def test_a_truncated_answer(make_time_authority: Callable[..., Any], cut: int) -> None:
    tsa = make_time_authority()
    tsa.answer = lambda query: tsa.reply(query)[:cut]
    with pytest.raises(MalformedError, match="not a timestamp answer"):
        ask(tsa, NOTE)


def test_an_endless_answer_and_a_silent_server(make_time_authority: Callable[..., Any]) -> None:
    tsa = make_time_authority()
    request = TimestampRequest(StampHash.SHA256, bytes(32), NONCE)
    tsa.answer = lambda query: bytes(MAX_REPLY + 1)
    with pytest.raises(UnreachableError, match="more than 65536 bytes"):
        ask_tsa(tsa.url, request)
    waiting: list[bytes] = []

    def silent(query: bytes) -> bytes:
        from time import sleep

        waiting.append(query)
        sleep(1.0)
        return b""

    tsa.answer = silent
    with pytest.raises(UnreachableError, match="cannot be reached"):
        ask_tsa(tsa.url, request, seconds=0.2)
    assert waiting == [bytes(request)]
    for url in ("ftp://x/", "http://", "http://[", "nothing", "http://x:0/"):
        with pytest.raises(UsageError):
            ask_tsa(url, request)
    with pytest.raises(MalformedError):
        verify_timestamp(bytes(MAX_TOKEN + 1), NOTE, anchors=anchors(tsa), at=now())
    with pytest.raises(MalformedError):
        token_of(bytes(MAX_REPLY + 1))


def test_a_chain_is_judged_from_its_end(make_time_authority: Callable[..., Any]) -> None:
    first = make_time_authority(valid=timedelta(days=10))
    second = make_time_authority("rsa", valid=timedelta(days=1000))
    one = ask(first, NOTE)
    two = ask(second, stamped_message(NOTE, [one]), hash=StampHash.SHA512)
    both, chain = anchors(first, second), [one, two]
    later = now() + timedelta(days=500)  # the first TSA has ended
    with pytest.raises(ProofError, match="vouches"):
        proven_time(NOTE, [one], anchors=both, at=later)
    judged = judge_timestamps(NOTE, chain, anchors=both, at=later)
    assert [each.timestamp is not None for each in judged] == [True, True]
    assert proven_time(NOTE, chain, anchors=both, at=later) == judged[0].timestamp
    # Whoever trusts only the second learns its time, and why not the first.
    judged = judge_timestamps(NOTE, chain, anchors=anchors(second), at=later)
    assert judged[0].timestamp is None
    assert "vouches" in judged[0].words
    assert proven_time(NOTE, chain, anchors=anchors(second), at=later) == judged[1].timestamp
    # A chain that was not renewed in time proves nothing any more.
    with pytest.raises(ProofError, match="vouches"):
        proven_time(NOTE, chain, anchors=both, at=now() + timedelta(days=1001))
    # The second covers the first: neither can be exchanged, left out or moved.
    other = ask(first, NOTE)
    for wrong in ([other, two], [two], [two, one], [one, one]):
        judged = judge_timestamps(NOTE, wrong, anchors=both, at=later)
        assert all(each.timestamp is None for each in judged[len(wrong) - 1 :]), wrong
    with pytest.raises(ProofError, match="has no timestamp"):
        proven_time(NOTE, [], anchors=both, at=later)
    assert judge_timestamps(NOTE, [], anchors=both, at=later) == ()


@given(st.binary(max_size=40), st.lists(st.binary(max_size=9), max_size=4))
def test_no_two_lists_have_one_message(note: bytes, tokens: list[bytes]) -> None:
    message = stamped_message(note, tokens)
    if not tokens:
        assert message == note
        return
    prefix = b"radseal timestamp renewal 1\n"
    assert message.startswith(prefix)
    parts, at = [], len(prefix)
    while at < len(message):
        end = at + 4 + int.from_bytes(message[at : at + 4], "big")
        parts.append(message[at + 4 : end])
        at = end
    assert parts == [note, *tokens]


def test_a_chain_has_an_end() -> None:
    with pytest.raises(UsageError):
        stamped_message(NOTE, [b"t"] * MAX_TOKENS)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_our_errors(tsa: Any, token: bytes, data: bytes) -> None:
    half = len(data) % len(token)
    for candidate in (data, token[:half] + data, token[:half] + data + token[half + len(data) :]):
        for read in (token_of, parse_timestamp_request):
            try:
                read(candidate)
            except LedgerError:
                continue
        try:
            found = verify_timestamp(candidate, NOTE, anchors=anchors(tsa), at=now())
        except LedgerError:
            continue
        assert found.policy == "1.2.3.4"


@given(st.sampled_from(StampHash), st.binary(max_size=64), st.integers(0, 2**64 - 1))
def test_requests_read_back(hash: StampHash, message: bytes, nonce: int) -> None:
    request = TimestampRequest(hash, hash.digest(message), nonce)
    assert parse_timestamp_request(bytes(request)) == request


def test_requests_that_are_none(tmp_path: Path) -> None:
    for words in ({"digest": b"short"}, {"nonce": 2**64}, {"policy": "x"}):
        with pytest.raises(UsageError):
            TimestampRequest(
                **{"hash": StampHash.SHA256, "digest": bytes(32), "nonce": 1} | words  # type: ignore[arg-type]
            )
