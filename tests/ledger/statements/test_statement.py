"""Statements: the frozen vectors, every bit covered, hostile bytes."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    FIRST,
    Event,
    Head,
    LedgerError,
    Link,
    MalformedError,
    PrivateKeySigner,
    SignatureError,
    Statement,
    UnverifiedStatement,
    UsageError,
    VerificationKey,
    hash_leaf,
    parse_statement,
    sign_statement,
    verify_statement,
)
from ledger.statements.statement import parse_step_by_step
from ledger.statements.statement_pattern import match_statement

SIGNER = PrivateKeySigner.from_private_key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "statement"
CASES = [
    case
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
BY_NAME = {case["name"]: case for case in CASES}


def test_there_are_vectors() -> None:
    assert {case["expect"] for case in CASES} == {"verified", "malformed", "signature"}
    assert all((c["expect"] == "verified") is not c["name"].endswith("_fail") for c in CASES)


@pytest.mark.parametrize("case", CASES, ids=BY_NAME.keys())
def test_vector(case: dict) -> None:
    encoded = bytes.fromhex(case["statement"])
    if case["expect"] == "malformed":
        with pytest.raises(MalformedError):
            parse_statement(encoded)
        return
    read = parse_statement(encoded)
    key = VerificationKey.from_spki(bytes.fromhex(case["spki"]))
    if case["expect"] == "signature":
        with pytest.raises(SignatureError):
            verify_statement(read, key)
        return
    verified = verify_statement(read, key)
    assert isinstance(verified, Statement)
    assert not isinstance(read, Statement)
    assert verified.event == case["event"]
    assert verified.leaf_hash == hash_leaf(encoded) == bytes.fromhex(case["leaf_hash"])
    assert verified.claimed_at.isoformat() == case["claimed_at"]


@pytest.fixture
def sealed(spare_signer: PrivateKeySigner) -> bytes:
    return _sign(spare_signer)


def _sign(signer: PrivateKeySigner, **changes: object) -> bytes:
    arguments: dict = {
        "event": Event.SEALED,
        "object_id": bytes(range(12)),
        "object_link": FIRST,
        "actor_link": Link(4, bytes(32)),
        "claimed_at": datetime(2026, 3, 1, tzinfo=UTC),
        "head_seen": Head(7, bytes(32)),
        "body": {1: b"root", 2: "Lünge"},
        "signer": signer,
    }
    return sign_statement(**(arguments | changes))


def test_what_is_signed_is_what_is_read(sealed: bytes, spare_signer: PrivateKeySigner) -> None:
    key = VerificationKey.from_spki(spare_signer.spki)
    read = verify_statement(parse_statement(sealed), key)
    assert read.event is Event.SEALED
    assert (read.object_id, read.object_link) == (bytes(range(12)), FIRST)
    assert (read.actor_link, read.head_seen) == (Link(4, bytes(32)), Head(7, bytes(32)))
    assert dict(read.body) == {1: b"root", 2: "Lünge"}
    with pytest.raises(TypeError):
        read.body[1] = b"other"  # type: ignore[index]


def test_no_bit_can_be_flipped(sealed: bytes, spare_signer: PrivateKeySigner) -> None:
    key = VerificationKey.from_spki(spare_signer.spki)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedError, SignatureError)):
            verify_statement(parse_statement(bytes(changed)), key)


def test_the_claimed_time_is_kept_to_the_millisecond_in_utc(
    spare_signer: PrivateKeySigner,
) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    claimed = datetime(2026, 3, 1, 17, 30, 0, 123_999, tzinfo=zone)
    read = parse_statement(_sign(spare_signer, claimed_at=claimed))
    assert read.claimed_at == datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"claimed_at": datetime(2026, 3, 1)},
        {"claimed_at": datetime(1969, 12, 31, tzinfo=UTC)},
        {"object_id": bytes(11)},
        {"object_id": None},
        {"object_link": None},
        {"body": {"a": 1}},
        {"body": {1: {1, 2}}},
        {"body": {1: bytes(65_535)}},
    ],
)
def test_values_that_make_no_statement(
    spare_signer: PrivateKeySigner, changes: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        _sign(spare_signer, **changes)


def test_the_largest_statement(spare_signer: PrivateKeySigner) -> None:
    base = len(_sign(spare_signer, body={1: bytes(40_000)}))
    largest = _sign(spare_signer, body={1: bytes(40_000 + 65_535 - base)})
    assert len(largest) == 65_535
    parse_statement(largest)
    with pytest.raises(UsageError):
        _sign(spare_signer, body={1: bytes(40_001 + 65_535 - base)})


@pytest.mark.parametrize(("seq", "previous"), [(0, bytes(32)), (1, None), (-1, None), (1, b"")])
def test_links_that_are_none(seq: int, previous: bytes | None) -> None:
    with pytest.raises(UsageError):
        Link(seq, previous)


@given(st.binary(max_size=600))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(LedgerError):
        parse_statement(data)


VALID = [bytes.fromhex(case["statement"]) for case in CASES if case["expect"] == "verified"]


@given(st.sampled_from(VALID), st.data())
def test_mutated_statements_are_refused_or_read_whole(encoded: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(encoded) - 1))
    length = data.draw(st.integers(0, 9))
    filling = data.draw(st.binary(max_size=9))
    changed = encoded[:place] + filling + encoded[place + length :]
    try:
        read = parse_statement(changed)
    except MalformedError:
        return
    assert isinstance(read, UnverifiedStatement)
    assert read.encoded == changed
    assert read == parse_step_by_step(changed)


NUMBERS = st.one_of(*(st.integers(0, 1 << bits) for bits in (5, 9, 17, 33, 62)))


@given(NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.integers(0, 300))
def test_the_pattern_reads_what_the_decoder_reads(
    object_seq: int, actor_seq: int, size: int, about_an_object: bool, length: int
) -> None:
    encoded = sign_statement(
        event=Event.VIEWED,
        object_id=bytes(range(12)) if about_an_object else None,
        object_link=Link(object_seq + 1, bytes(32)) if about_an_object else None,
        actor_link=Link(actor_seq + 1, bytes(range(32))),
        claimed_at=datetime.fromtimestamp(object_seq % 10**10, tz=UTC),
        head_seen=Head(size, bytes(32)) if size % 2 else None,
        body={1: bytes(length), 2: ["x", 1.5, {"a": None}]},
        signer=SIGNER,
    )
    assert match_statement(encoded) is not None
    assert parse_statement(encoded) == parse_step_by_step(encoded)


def test_an_event_is_found_in_a_mapping_by_its_text() -> None:
    for event in Event:
        assert {event: 1}[event.value] == 1
        assert {event.value: 1}[event] == 1
