"""The second signature: frozen vectors, a second reading of its bytes, and hostile ones."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from hypothesis import given
from hypothesis import strategies as st

from ledger import LedgerError, MalformedError, SecondKey, SecondSigner, SignatureError, UsageError

CASES: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "second-signature" / "vectors.json").read_text("utf-8")
)
ERRORS = {"malformed": MalformedError, "signature": SignatureError}
GOOD = bytes.fromhex(CASES["plain"]["second"])
STATEMENT = bytes.fromhex(CASES["plain"]["statement"])
KEY = SecondKey.from_spki(bytes.fromhex(CASES["plain"]["spki"]))


def test_there_are_cases() -> None:
    assert {each["expect"] for each in CASES.values()} == {"verified", *ERRORS}
    assert all(
        name.endswith("_fail") is (each["expect"] != "verified") for name, each in CASES.items()
    )


@pytest.mark.parametrize("name", sorted(CASES))
def test_vector(name: str) -> None:
    case = {key: bytes.fromhex(CASES[name][key]) for key in ("statement", "spki", "second")}
    key = SecondKey.from_spki(case["spki"])
    expect = CASES[name]["expect"]
    if expect == "verified":
        key.verify(case["second"], case["statement"])
        return
    with pytest.raises(ERRORS[expect]):
        key.verify(case["second"], case["statement"])


def test_by_the_book() -> None:
    """The bytes as the page has them, taken apart without our code."""
    envelope: Any = cbor2.loads(GOOD)
    protected, unprotected, payload, signature = envelope.value
    assert (envelope.tag, unprotected, payload) == (18, {}, None)
    assert cbor2.loads(protected) == {
        1: -49,
        3: "application/radseal-statement+cose",
        4: KEY.kid,
        16: "application/radseal-second-signature+cose",
    }
    public = serialization.load_der_public_key(bytes.fromhex(CASES["plain"]["spki"]))
    assert isinstance(public, mldsa.MLDSA65PublicKey)
    public.verify(signature, cbor2.dumps(["Signature1", protected, b"", STATEMENT]))


def test_signed_anew_it_verifies() -> None:
    signer = SecondSigner.from_private_key(mldsa.MLDSA65PrivateKey.generate())
    first, second = signer.sign(STATEMENT), signer.sign(STATEMENT)
    assert first != second
    assert len(first) == len(GOOD)
    for each in (first, second):
        SecondKey.from_spki(signer.spki).verify(each, STATEMENT)
        with pytest.raises(SignatureError):
            KEY.verify(each, STATEMENT)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        mldsa.MLDSA44PrivateKey.generate(),
        mldsa.MLDSA87PrivateKey.generate(),
    ],
    ids=["ed25519", "p256", "ml-dsa-44", "ml-dsa-87"],
)
def test_no_other_kind_of_key(key: Any) -> None:
    with pytest.raises(UsageError):
        SecondSigner.from_private_key(key)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(MalformedError):
        SecondKey.from_spki(spki)


@given(place=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_no_byte_of_it_can_change(place: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[place] ^= flip
    with pytest.raises((MalformedError, SignatureError)):
        KEY.verify(bytes(changed), STATEMENT)


@given(data=st.binary(max_size=300) | st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n]))
def test_garbage(data: bytes) -> None:
    with pytest.raises(LedgerError):
        KEY.verify(data, STATEMENT)


@given(place=st.integers(0, len(KEY.spki) - 1), flip=st.integers(1, 255))
def test_a_changed_key_is_another_key_or_none(place: int, flip: int) -> None:
    changed = bytearray(KEY.spki)
    changed[place] ^= flip
    try:
        other = SecondKey.from_spki(bytes(changed))
    except MalformedError:
        return
    assert other.kid != KEY.kid
    with pytest.raises(SignatureError):
        other.verify(GOOD, STATEMENT)


def test_too_long_is_not_parsed() -> None:
    with pytest.raises(MalformedError, match="of 5000 bytes"):
        KEY.verify(bytes(5000), STATEMENT)
