"""The envelope against the published COSE_Sign1 examples."""

import base64
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from ledger import LedgerError, MalformedError, SignatureError, VerificationKey, decode_cbor
from ledger.cose.sign1 import encode_sign1, parse_sign1, to_be_signed

# The published examples use the older identifiers, which leave the curve open.
_NAMES = {"ES256": (-7, "P-256"), "EdDSA": (-8, "Ed25519")}


@dataclass(frozen=True)
class _Example:
    name: str
    jwk: dict
    algorithm: str
    encoded: bytes
    content: bytes | None
    external: bytes
    good: bool
    to_be_signed: bytes | None

    @property
    def applies(self) -> bool:
        return _NAMES.get(self.algorithm, (0, ""))[1] == self.jwk.get("crv")


def _cose_wg(folder: Path) -> list[_Example]:
    examples = []
    for path in sorted(folder.rglob("*.json")):
        case = json.loads(path.read_text())
        sign = case["input"].get("sign0")
        if sign is None:
            continue
        signed = case.get("intermediates", {}).get("ToBeSign_hex")
        examples.append(
            _Example(
                name=str(path),
                jwk=sign["key"],
                algorithm=sign.get("alg") or sign["protected"]["alg"],
                encoded=bytes.fromhex(case["output"]["cbor"]),
                content=case["input"].get("plaintext", "").encode(),
                external=bytes.fromhex(sign.get("external", "")),
                good=not case.get("fail", False),
                to_be_signed=bytes.fromhex(signed) if signed else None,
            )
        )
    return examples


def _gluecose(folder: Path) -> list[_Example]:
    examples = []
    for path in sorted(folder.rglob("*.json")):
        case = json.loads(path.read_text())
        if made := case.get("sign1::sign"):
            encoded, good = made["expectedOutput"]["cborHex"], True
            signed, content = made["tbsHex"]["cborHex"], bytes.fromhex(made["payload"])
            about = made
        elif about := case.get("sign1::verify"):
            encoded, good = about["taggedCOSESign1"]["cborHex"], about["shouldVerify"]
            signed, content = "", None
            if "payload" in about:
                content = bytes.fromhex(about["payload"])
        else:
            continue
        examples.append(
            _Example(
                name=str(path),
                jwk=case["key"],
                algorithm=case["alg"],
                encoded=bytes.fromhex(encoded),
                content=content,
                external=bytes.fromhex(about.get("external") or ""),
                good=good,
                to_be_signed=bytes.fromhex(signed) if signed else None,
            )
        )
    return examples


def _key(jwk: dict) -> VerificationKey:
    def number(name: str) -> bytes:
        if f"{name}_hex" in jwk:
            return bytes.fromhex(jwk[f"{name}_hex"])
        return base64.urlsafe_b64decode(jwk[name] + "==")

    public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    if jwk["crv"] == "P-256":
        point = b"\x04" + number("x") + number("y")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    else:
        public = ed25519.Ed25519PublicKey.from_public_bytes(number("x"))
    return VerificationKey.from_spki(
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _open(example: _Example) -> None:
    # The untagged form is COSE, too, but never ours: it is tagged here to look inside.
    encoded = example.encoded
    if encoded[0] == 0x84:
        with pytest.raises(MalformedError):
            parse_sign1(encoded)
        encoded = b"\xd2" + encoded
    envelope = parse_sign1(encoded)
    protected = decode_cbor(envelope.protected, max_size=512) if envelope.protected else {}
    assert isinstance(protected, dict)
    algorithm = protected.get(1, envelope.unprotected.get(1))
    if algorithm != _NAMES[example.algorithm][0]:
        raise SignatureError("another algorithm than the key's")
    payload = envelope.payload if envelope.payload is not None else example.content
    assert payload is not None
    signed = to_be_signed(envelope.protected, payload, external=example.external)
    if example.good and example.to_be_signed:
        assert signed == example.to_be_signed
    _key(example.jwk).verify(envelope.signature, signed)


@pytest.mark.corpus
@pytest.mark.parametrize("family", ["cose-wg", "gluecose"])
def test_published_examples(corpus_vectors: Path, family: str) -> None:
    read = {"cose-wg": _cose_wg, "gluecose": _gluecose}[family]
    examples = [e for e in read(corpus_vectors / "cose" / family) if e.applies]
    assert any(example.good for example in examples)
    for example in examples:
        if example.good:
            _open(example)
        else:
            with pytest.raises(LedgerError):
                _open(example)


def test_what_is_put_together_comes_apart() -> None:
    envelope = parse_sign1(encode_sign1(b"\xa1\x01\x26", b"payload", bytes(64)))
    assert (envelope.protected, envelope.payload) == (b"\xa1\x01\x26", b"payload")
    assert (envelope.unprotected, envelope.signature) == ({}, bytes(64))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for candidate in (data, b"\xd2" + data, b"\xd2\x84" + data):
        with contextlib.suppress(MalformedError):
            parse_sign1(candidate)
