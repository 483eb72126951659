"""The frozen bytes of corrections, and a second reading of docs/spec/correction.md."""

import contextlib
import hashlib
import hmac
import json
import re
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance import MalformedError
from provenance.claims.kept_annex import KeptAnnex
from provenance.correcting.correction import CorrectionBody

ROOT = Path(__file__).parents[3]
CASES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (ROOT / "tests" / "vectors" / "correction").glob("*.json")
}
assert CASES


def read(what: str, encoded: bytes) -> bytes:
    """Parse one of the two formats, and return its encoding again."""
    if what == "kept":
        return KeptAnnex.decode(encoded).encode()
    body = decode_cbor(encoded, max_size=65_535)
    if not isinstance(body, dict):
        raise MalformedError("no map")  # statements refuse it
    return encode_cbor(CorrectionBody.from_cbor(body).to_cbor())


@pytest.mark.parametrize("name", sorted(CASES))
def test_vector(name: str) -> None:
    case = CASES[name]
    encoded = bytes.fromhex(case["encoded"])
    if name.endswith("_fail"):
        with pytest.raises(MalformedError):
            read(case["what"], encoded)
    else:
        assert read(case["what"], encoded) == encoded


def test_the_leaves_by_the_book() -> None:
    case = {key: bytes.fromhex(value) for key, value in CASES["body-name"].items() if key != "what"}
    salt = hmac.digest(case["seed"], bytes.fromhex("00100010"), "sha256")[:16]
    leaves = [
        hashlib.sha256(b"\0radseal-attribute-1" + part + content).digest()
        for part, content in ((salt, case["was"]), (case["salt"], case["now"]))
    ]
    assert cbor2.loads(case["encoded"]) == {1: "CORRECT", 2: [[0x00100010, *leaves]]}
    kept = KeptAnnex.decode(bytes.fromhex(CASES["kept-two"]["encoded"]))
    assert kept.seal.hex() == CASES["kept-two"]["annex"]
    assert [opened.leaf for opened in kept.leaves] == leaves


def test_the_worked_example_is_the_vector() -> None:
    page = (ROOT / "docs" / "spec" / "correction.md").read_text(encoding="utf-8")
    digits = re.sub(r"\s", "", page)
    assert CASES["body-name"]["encoded"] in digits
    assert CASES["body-name"]["now"] in digits


def test_an_annex_of_before_is_kept_as_it_is() -> None:
    seal = json.loads((ROOT / "tests/vectors/seal/vectors.json").read_text(encoding="utf-8"))
    for case in seal.values():
        annex = bytes.fromhex(case["annex"])
        assert KeptAnnex.decode(annex) == KeptAnnex(annex)
        assert KeptAnnex(annex).encode() == annex


SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 33) | st.text(max_size=8)
    | st.binary(max_size=40) | st.binary(min_size=32, max_size=32),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.integers(0, 4), SMALL | st.just("CORRECT"), max_size=4))
def test_the_parser_of_the_body_refuses_or_returns_the_same(body: dict[int, object]) -> None:
    try:
        parsed = CorrectionBody.from_cbor(body)
    except MalformedError:
        return
    assert parsed.to_cbor() == body


@given(
    st.lists(
        st.tuples(
            st.integers(0, (1 << 32) - 1),
            st.binary(min_size=32, max_size=32),
            st.binary(min_size=32, max_size=32),
        ).filter(lambda change: change[1] != change[2]),
        min_size=1,
        max_size=128,
        unique_by=lambda change: change[0],
    ),
    st.data(),
)
def test_a_flipped_bit_is_refused_or_says_something_else(
    changes: list[tuple[int, bytes, bytes]], data: st.DataObject
) -> None:
    body = {1: "CORRECT", 2: [list(change) for change in sorted(changes)]}
    assert CorrectionBody.from_cbor(body).to_cbor() == body
    encoded = bytearray(encode_cbor(body))
    at = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[at // 8] ^= 1 << at % 8
    with contextlib.suppress(MalformedError, LedgerMalformedError):
        assert read("body", bytes(encoded)) == encoded != encode_cbor(body)


@given(st.binary(max_size=200))
def test_the_parser_of_the_kept_annex_never_crashes(tail: bytes) -> None:
    for encoded in (tail, b"\xa3\x01\x02" + tail):
        try:
            kept = KeptAnnex.decode(encoded)
        except MalformedError:
            continue
        assert kept.encode() == encoded
