"""What all COSE receipts share: one proof, under a root that the log signed (RFC 9942).

The log signs the root, which is not in the receipt: a verifier computes it from the proof. There
is one signature, by the log's Ed25519 key; so this proves less than a tlog-proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.note_keys import KeyType
from ledger.checkpoints.trusted_logs import TrustedLogs
from ledger.cose.cbor import decode_cose_cbor, encode_cbor
from ledger.cose.keys import SIGNATURE_SIZE, Algorithm, VerificationKey
from ledger.cose.sign1 import to_be_signed
from ledger.errors import MalformedError, ProofError, UnknownLogError
from ledger.links import HASH_SIZE
from ledger.receipts.receipt import MAX_PATH

MAX_COSE_RECEIPT = 8_192
SUBJECT = "urn:radseal:log"

_T = TypeVar("_T")

_TAG_18 = b"\xd2"
_ALG, _CRIT, _KID, _CLAIMS, _VDS, _VDP = 1, 2, 4, 15, 395, 396
_ISS, _SUB = 1, 2
_RFC9162_SHA256 = 1
_EDDSA = -8
# The key fixes the curve; the number a receipt gives for it may be the older, open one.
_SPELT = {Algorithm.ED25519: (-19, _EDDSA), Algorithm.ESP256: (-9, -7)}
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before the 32 bytes


class ProofKind(IntEnum):
    """Labels of the proofs of RFC9162_SHA256."""

    INCLUSION = -1
    CONSISTENCY = -2


@dataclass(frozen=True, slots=True)
class SignedProof:
    """A receipt with its one proof, two numbers and a path; nobody has checked any of it."""

    algorithm: int
    kid: bytes | None
    issuer: str | None
    numbers: tuple[int, int]
    path: tuple[bytes, ...]
    protected: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def verify(self, root: bytes, key: VerificationKey) -> None:
        """Return only if ``key`` signed ``root``; else ProofError."""
        if self.algorithm not in _SPELT[key.algorithm]:
            raise ProofError(f"algorithm {self.algorithm} is not that of the log's key")
        key.verify(self.signature, to_be_signed(self.protected, root))

    def keys(self, logs: TrustedLogs, *, size: int) -> tuple[VerificationKey, ...]:
        """Return the Ed25519 keys that the log which issued it signs ``size`` entries with.

        UnknownLogError if there is none.
        """
        if self.issuer is None:
            raise UnknownLogError("the receipt does not say which log issued it")
        usable = [each for each in logs.find(self.issuer).sets if each.reaches(size)]
        found = tuple(
            VerificationKey.from_spki(_SPKI_ED25519 + key.public)
            for each in usable
            for key in each.keys
            if key.type is KeyType.ED25519
        )
        if not found:
            words = f"no Ed25519 key of {self.issuer[:200]!r} is configured"
            raise UnknownLogError(f"{words} for {size} entries")
        return found


def by_any(keys: Sequence[VerificationKey], verify: Callable[[VerificationKey], _T]) -> _T:
    """Return what one of the keys verifies; else the ProofError of the last."""
    for key in keys[:-1]:
        with suppress(ProofError):
            return verify(key)
    return verify(keys[-1])


def sign_proof(
    keys: LogKeys, kind: ProofKind, numbers: tuple[int, int], path: tuple[bytes, ...], root: bytes
) -> bytes:
    """Return the receipt with that proof, whose root the Ed25519 key of the log signs."""
    signer = keys.ed25519_signer
    claims = {_ISS: keys.origin, _SUB: SUBJECT}
    protected = encode_cbor(
        {_ALG: _EDDSA, _KID: signer.kid, _CLAIMS: claims, _VDS: _RFC9162_SHA256}
    )
    proof = encode_cbor([*numbers, list(path)])
    # {396: {kind: [proof]}}, by hand: our CBOR knows no negative key
    unprotected = b"\xa1" + encode_cbor(_VDP) + b"\xa1" + encode_cbor(int(kind))
    unprotected += encode_cbor([proof])
    signature = signer.sign(to_be_signed(protected, root))
    parts = (encode_cbor(protected), unprotected, encode_cbor(None), encode_cbor(signature))
    return _TAG_18 + b"\x84" + b"".join(parts)


def parse_proof(data: bytes, kind: ProofKind) -> SignedProof:
    """Take a receipt with one proof of that kind apart; MalformedError for anything else."""
    if len(data) > MAX_COSE_RECEIPT:
        raise MalformedError(f"a COSE receipt of {len(data)} bytes")
    if not data.startswith(_TAG_18):
        raise MalformedError("not tagged as COSE_Sign1")
    match decode_cose_cbor(data[1:], max_size=MAX_COSE_RECEIPT):
        case [bytes(protected), dict(unprotected), None, bytes(signature)]:
            pass
        case [bytes(), dict(), bytes(), bytes()]:
            raise MalformedError("a receipt that carries its root: it must be computed")
        case _:
            raise MalformedError("not the four parts of a COSE_Sign1")
    if len(signature) != SIGNATURE_SIZE:
        raise MalformedError(f"a signature of {len(signature)} bytes")
    header = _map(decode_cose_cbor(protected, max_size=MAX_COSE_RECEIPT), "protected header")
    if _CRIT in header:
        raise MalformedError("a receipt with critical header parameters")
    structure = header.get(_VDS)
    if type(structure) is not int or structure != _RFC9162_SHA256:
        raise MalformedError(
            "a receipt of a verifiable data structure other than RFC9162_SHA256 (1)"
        )
    algorithm, kid = header.get(_ALG), header.get(_KID)
    if type(algorithm) is not int or not isinstance(kid, bytes | None):
        raise MalformedError("a receipt whose algorithm is no number, or its key id no bytes")
    issuer = _map(header.get(_CLAIMS, {}), "claims").get(_ISS)
    if not isinstance(issuer, str | None):
        raise MalformedError("a receipt whose issuer is no text")
    numbers, path = _read_proof(unprotected, kind)
    return SignedProof(algorithm, kid, issuer, numbers, path, protected, signature)


def _read_proof(
    unprotected: Mapping[object, object], kind: ProofKind
) -> tuple[tuple[int, int], tuple[bytes, ...]]:
    what = f"proof of {kind.name.lower()}"
    match _map(unprotected.get(_VDP), "proofs").get(int(kind)):
        case [bytes(proof)]:
            pass
        case _:
            raise MalformedError(f"a receipt has exactly one {what}")
    match decode_cose_cbor(proof, max_size=MAX_COSE_RECEIPT):
        case [int(first), int(second), [*path]] if type(first) is int and type(second) is int:
            pass
        case _:
            raise MalformedError(f"a {what} is two numbers and a path")
    if not (0 <= first < 2**63 and 0 <= second < 2**63) or len(path) > MAX_PATH:
        raise MalformedError(f"a {what} with numbers or a path out of range")
    hashes = tuple(each for each in path if isinstance(each, bytes) and len(each) == HASH_SIZE)
    if len(hashes) != len(path):
        raise MalformedError("a path is made of hashes of 32 bytes")
    return (first, second), hashes


def _map(value: object, what: str) -> Mapping[object, object]:
    if not isinstance(value, dict):
        raise MalformedError(f"a receipt whose {what} is no map")
    return value
