"""The frozen bytes of seal bodies and annexes, checked by a second reading of docs/spec/seal.md."""

import hashlib
import json
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Event, decode_cbor
from ledger import MalformedError as LedgerMalformedError
from provenance import MalformedError
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody

CASES = json.loads(
    (Path(__file__).parents[2] / "vectors" / "seal" / "vectors.json").read_text(encoding="utf-8")
)
assert Event.SEALED == "sealed"


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def case_bytes(name: str, field: str) -> bytes:
    return bytes.fromhex(CASES[name][field])


@pytest.mark.parametrize("name", sorted(CASES))
def test_by_the_book(name: str) -> None:
    annex = cbor2.loads(case_bytes(name, "annex"))
    body = cbor2.loads(case_bytes(name, "body"))
    image_root = bytes(32) if annex[3] is None else case_bytes(name, "image_root")
    root = sha(b"\0radseal-object-1", image_root, case_bytes(name, "header_root"))
    assert root == case_bytes(name, "object_root")
    assert body[1] == sha(annex[5][0])
    assert body[2] == sha(b"\0radseal-commitment-1", annex[2], root)
    if annex[6] is None:
        assert body[3] is None
    else:
        assert body[3] == sha(b"\0radseal-original-1", *annex[6])
    if annex[7] is None:
        assert body[5] is None
    else:
        assert body[5] == sha(b"\0radseal-descriptor-1", annex[2], annex[7])
    assert (6 in body) is (9 in annex) is (name == "signed-twice")
    assert set(annex) - {9} == set(range(1, 8))
    assert set(body) - {6} == set(range(1, 6))


@pytest.mark.parametrize("name", sorted(CASES))
def test_read_and_written_again(name: str) -> None:
    encoded = case_bytes(name, "annex")
    annex = Annex.decode(encoded)
    assert annex.encode() == encoded
    assert annex.root == case_bytes(name, "object_root")
    body = decode_cbor(case_bytes(name, "body"), max_size=1000)
    assert isinstance(body, dict)
    assert BirthBody.from_cbor(body).to_cbor() == body


@given(name=st.sampled_from(sorted(CASES)), place=st.integers(0, 1 << 16), flip=st.integers(1, 255))
def test_damaged_annex(name: str, place: int, flip: int) -> None:
    encoded = bytearray(case_bytes(name, "annex"))
    encoded[place % len(encoded)] ^= flip
    try:
        annex = Annex.decode(bytes(encoded))
    except MalformedError:
        return
    assert annex.encode() == bytes(encoded)


@given(data=st.binary(max_size=200))
def test_garbage(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Annex.decode(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 32) | st.binary(max_size=40) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 8), inner, max_size=8)
    ),
    max_leaves=12,
)


@given(body=st.dictionaries(st.integers(0, 7), VALUES, max_size=7))
def test_any_body(body: dict[int, object]) -> None:
    try:
        parsed = BirthBody.from_cbor(body)
    except MalformedError:
        return
    assert parsed.to_cbor() == body


@pytest.mark.parametrize("field", range(1, 11))
@pytest.mark.parametrize("value", [None, True, 2, b"", b"x" * 33, "t", [], {}, [b"", b""]])
def test_any_field_of_the_annex(field: int, value: object) -> None:
    fields = cbor2.loads(case_bytes("marked", "annex"))
    if field in fields and fields[field] == value:
        return
    fields[field] = value
    nullable = value is None and field in (3, 6, 7)
    changed = cbor2.dumps(fields, canonical=True)
    if nullable:
        assert Annex.decode(changed).encode() == changed
    else:
        with pytest.raises(MalformedError):
            Annex.decode(changed)


@pytest.mark.parametrize("value", [None, True, 2, b"", b"x" * 31, b"x" * 33, "t" * 32, [], {}])
def test_the_second_key_is_a_hash_or_is_not_named(value: object) -> None:
    body = cbor2.loads(case_bytes("signed-twice", "body"))
    assert BirthBody.from_cbor(body).second == body[6]
    with pytest.raises(MalformedError):
        BirthBody.from_cbor(body | {6: value})
    with pytest.raises(MalformedError):
        BirthBody.from_cbor(body | {9: bytes(32)})


def test_one_encoding_only() -> None:
    fields = cbor2.loads(case_bytes("marked", "annex"))
    backwards = cbor2.dumps(dict(reversed(fields.items())), canonical=False)
    with pytest.raises(MalformedError):
        Annex.decode(backwards)
    with pytest.raises(LedgerMalformedError):
        decode_cbor(backwards, max_size=1 << 20)
