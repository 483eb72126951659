"""Signature checks against Wycheproof, and keys that must not get in."""

import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Algorithm,
    LedgerError,
    MalformedError,
    NoteKey,
    PrivateKeySigner,
    SignatureError,
    UsageError,
    VerificationKey,
)
from ledger.checkpoints.checkpoint import Checkpoint
from ledger.checkpoints.note_keys import KeyType

_DER = serialization.Encoding.DER
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def _groups(folder: Path, kind: str) -> list[dict]:
    found = []
    for path in sorted(folder.glob("*.json")):
        for group in json.loads(path.read_text())["testGroups"]:
            if group["type"] == kind:
                found.append(group)
    assert found, f"no {kind} vectors in {folder}"
    return found


def _accepts(key: VerificationKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except SignatureError:
        return False
    return True


@pytest.mark.corpus
def test_wycheproof_ed25519(corpus_vectors: Path) -> None:
    count = 0
    for group in _groups(corpus_vectors / "crypto/wycheproof", "EddsaVerify"):
        if group["publicKey"]["curve"] != "edwards25519":
            continue
        key = VerificationKey.from_spki(bytes.fromhex(group["publicKeyDer"]))
        assert key.algorithm is Algorithm.ED25519
        for test in group["tests"]:
            accepted = _accepts(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert accepted == (test["result"] == "valid"), test
            count += 1
    assert count > 100


def _raw(der: bytes) -> bytes | None:
    """r and s of a strict DER signature; our format has no room for anything else."""
    try:
        r, s = decode_dss_signature(der)
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        return None
    return raw if encode_dss_signature(r, s) == der else None


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["EcdsaVerify", "EcdsaP1363Verify"])
def test_wycheproof_p256(corpus_vectors: Path, kind: str) -> None:
    folder = corpus_vectors / "crypto/wycheproof"
    if kind == "EcdsaP1363Verify" and not list(folder.glob("*p1363*")):
        pytest.skip("the corpus has no vectors with r and s side by side")
    count = 0
    for group in _groups(folder, kind):
        if (group["publicKey"]["curve"], group["sha"]) != ("secp256r1", "SHA-256"):
            continue
        key = VerificationKey.from_spki(bytes.fromhex(group["publicKeyDer"]))
        assert key.algorithm is Algorithm.ESP256
        for test in group["tests"]:
            signature: bytes | None = bytes.fromhex(test["sig"])
            if kind == "EcdsaVerify":
                signature = _raw(bytes.fromhex(test["sig"]))
            accepted = signature is not None and _accepts(
                key, signature, bytes.fromhex(test["msg"])
            )
            assert accepted == (test["result"] == "valid"), test
            count += 1
    assert count > 100


@pytest.mark.corpus
def test_wycheproof_mldsa44(corpus_vectors: Path) -> None:
    count = refused = 0
    for group in _groups(corpus_vectors / "crypto/wycheproof", "MlDsaVerify"):
        public = bytes.fromhex(group["publicKey"])
        try:
            key = NoteKey.from_public_bytes("w", KeyType.MLDSA44_COSIGNATURE, public)
        except MalformedError:
            assert all(test["result"] == "invalid" for test in group["tests"])
            refused += len(group["tests"])
            continue
        for test in group["tests"]:
            try:
                key._key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
                accepted = True
            except InvalidSignature:
                accepted = False
            # a cosignature is made without context: one made with it must not pass for one
            expected = test["result"] == "valid" and not test.get("ctx")
            assert accepted == expected, test
            count += 1
    assert count > 100
    assert refused


def test_a_cosignature_has_its_exact_length() -> None:
    public = bytes(1_312)
    key = NoteKey.from_public_bytes("w", KeyType.MLDSA44_COSIGNATURE, public)
    text = Checkpoint("o", 1, bytes(32)).text
    for length in (0, 2_427, 2_429):
        with pytest.raises(SignatureError):
            key.verify(bytes(length), text)
    with pytest.raises(SignatureError):
        key.verify(b"\xff" * 2_428, text)


@pytest.mark.parametrize(
    "key",
    [
        ed448.Ed448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65_537, 2_048),
    ],
    ids=["Ed448", "P-384", "secp256k1", "RSA"],
)
def test_other_keys_are_refused(key: ed448.Ed448PrivateKey) -> None:
    with pytest.raises(MalformedError):
        VerificationKey.from_spki(key.public_key().public_bytes(_DER, _SPKI))
    with pytest.raises(UsageError):
        PrivateKeySigner.from_private_key(key)


def test_a_compressed_point_is_not_the_one_encoding() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(_DER, _SPKI)
    point = key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    assert VerificationKey.from_spki(der)
    with pytest.raises(MalformedError):
        VerificationKey.from_spki(head + point)
    with pytest.raises(MalformedError):
        VerificationKey.from_spki(der + b"\x00")


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65), bytes(64), b"\xff" * 64])
def test_signatures_that_are_none(signature: bytes) -> None:
    for private in (
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
    ):
        signer = PrivateKeySigner.from_private_key(private)
        with pytest.raises(SignatureError):
            VerificationKey.from_spki(signer.spki).verify(signature, b"message")


def test_a_high_s_is_accepted_as_the_spec_says() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signer = PrivateKeySigner.from_private_key(ec.generate_private_key(ec.SECP256R1()))
    signature = signer.sign(b"message")
    mirrored = order - int.from_bytes(signature[32:], "big")
    key = VerificationKey.from_spki(signer.spki)
    key.verify(signature, b"message")
    key.verify(signature[:32] + mirrored.to_bytes(32, "big"), b"message")


def test_secrets_are_not_shown() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    assert private.private_bytes_raw().hex() not in repr(PrivateKeySigner.from_private_key(private))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_key(data: bytes) -> None:
    with pytest.raises(LedgerError):
        VerificationKey.from_spki(data)
