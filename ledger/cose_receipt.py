"""COSE receipts, the proof in the form SCITT verifiers read (RFC 9942, docs/spec/receipt.md).

The log signs the root, which is not in the receipt: a verifier computes it from statement and
path. There is one signature, by the log's Ed25519 key; so this proves less than a tlog-proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ledger.cbor import decode_cose_cbor, encode_cbor
from ledger.cose import MAX_SIZE, to_be_signed
from ledger.errors import MalformedError, ProofError, UnknownLogError, UsageError
from ledger.keys import SIGNATURE_SIZE, Algorithm, PrivateKeySigner, VerificationKey
from ledger.links import HASH_SIZE
from ledger.log_keys import LogKeys
from ledger.merkle import hash_leaf, inclusion_root
from ledger.note_keys import KeyType, NoteKey
from ledger.receipt import MAX_PATH
from ledger.trusted_logs import TrustedLogs

MAX_COSE_RECEIPT = 8_192
SUBJECT = "urn:radseal:log"

_TAG_18 = b"\xd2"
_ALG, _CRIT, _KID, _CLAIMS, _VDS, _VDP = 1, 2, 4, 15, 395, 396
_ISS, _SUB = 1, 2
_RFC9162_SHA256 = 1
_INCLUSION = -1
_EDDSA = -8
# The key fixes the curve; the number a receipt gives for it may be the older, open one.
_SPELT = {Algorithm.ED25519: (-19, _EDDSA), Algorithm.ESP256: (-9, -7)}


@dataclass(frozen=True, slots=True)
class CoseReceipt:
    """What a receipt of inclusion says; nobody has checked any of it."""

    algorithm: int
    kid: bytes | None
    issuer: str | None
    size: int
    index: int
    path: tuple[bytes, ...]
    protected: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CoseInclusion:
    """A place under a root that one key of a log signed; less than a ``TrustedHead``."""

    index: int
    size: int
    root: bytes


def sign_cose_receipt(
    keys: LogKeys, *, index: int, size: int, path: tuple[bytes, ...], root: bytes
) -> bytes:
    """Return the receipt of entry ``index`` under the ``root`` of ``size`` entries."""
    if not 0 <= index < size < 2**63 or len(root) != HASH_SIZE or len(path) > MAX_PATH:
        raise UsageError(f"no receipt of entry {index} in a tree of {size}")
    signer = PrivateKeySigner.from_private_key(keys.ed25519)
    claims = {_ISS: keys.origin, _SUB: SUBJECT}
    protected = encode_cbor(
        {_ALG: _EDDSA, _KID: signer.kid, _CLAIMS: claims, _VDS: _RFC9162_SHA256}
    )
    proof = encode_cbor([size, index, list(path)])
    # {396: {-1: [proof]}}, by hand: our CBOR knows no negative key
    unprotected = b"\xa1" + encode_cbor(_VDP) + b"\xa1" + encode_cbor(_INCLUSION)
    unprotected += encode_cbor([proof])
    signature = signer.sign(to_be_signed(protected, root))
    parts = (encode_cbor(protected), unprotected, encode_cbor(None), encode_cbor(signature))
    return _TAG_18 + b"\x84" + b"".join(parts)


def parse_cose_receipt(data: bytes) -> CoseReceipt:
    """Take a receipt of inclusion apart; MalformedError for anything else, or another profile."""
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
    size, index, path = _read_proof(unprotected)
    return CoseReceipt(algorithm, kid, issuer, size, index, path, protected, signature)


def verify_cose_receipt(
    statement: bytes, receipt: CoseReceipt, key: VerificationKey
) -> CoseInclusion:
    """Return where ``statement`` stands under a root that ``key`` signed; else ProofError."""
    if receipt.algorithm not in _SPELT[key.algorithm]:
        raise ProofError(f"algorithm {receipt.algorithm} is not that of the log's key")
    root = inclusion_root(
        hash_leaf(statement), index=receipt.index, size=receipt.size, path=receipt.path
    )
    key.verify(receipt.signature, to_be_signed(receipt.protected, root))
    return CoseInclusion(receipt.index, receipt.size, root)


def open_cose_receipt(statement: bytes, receipt: bytes, *, logs: TrustedLogs) -> CoseInclusion:
    """Return where ``statement`` stands in a trusted log, by the Ed25519 key of that log alone.

    MalformedError for bytes that are no receipt we know, UnknownLogError for a log not in
    ``logs``, ProofError if the signature or the path does not hold.
    """
    if len(statement) > MAX_SIZE:
        raise UsageError(f"{len(statement)} bytes are no statement")
    parts = parse_cose_receipt(receipt)
    if parts.issuer is None:
        raise UnknownLogError("the receipt does not say which log issued it")
    log = logs.find(parts.issuer)
    usable = [key for each in log.sets if each.reaches(parts.size) for key in each.keys]
    keys = [_verification_key(key) for key in usable if key.type is KeyType.ED25519]
    if not keys:
        words = f"no Ed25519 key of {parts.issuer[:200]!r} is configured"
        raise UnknownLogError(f"{words} for {parts.size} entries")
    for key in keys[:-1]:
        with suppress(ProofError):
            return verify_cose_receipt(statement, parts, key)
    return verify_cose_receipt(statement, parts, keys[-1])


def _verification_key(key: NoteKey) -> VerificationKey:
    return VerificationKey.from_spki(_SPKI_ED25519 + key.public)


_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before the 32 bytes


def _read_proof(unprotected: Mapping[object, object]) -> tuple[int, int, tuple[bytes, ...]]:
    match _map(unprotected.get(_VDP), "proofs").get(_INCLUSION):
        case [bytes(proof)]:
            pass
        case _:
            raise MalformedError("a receipt has exactly one proof of inclusion")
    match decode_cose_cbor(proof, max_size=MAX_COSE_RECEIPT):
        case [int(size), int(index), [*path]] if type(size) is int and type(index) is int:
            pass
        case _:
            raise MalformedError("a proof of inclusion is a size, an index and a path")
    if not 0 <= index < size < 2**63 or len(path) > MAX_PATH:
        raise MalformedError(f"no proof of entry {index} in a tree of {size}")
    hashes = tuple(each for each in path if isinstance(each, bytes) and len(each) == HASH_SIZE)
    if len(hashes) != len(path):
        raise MalformedError("a path is made of hashes of 32 bytes")
    return size, index, hashes


def _map(value: object, what: str) -> Mapping[object, object]:
    if not isinstance(value, dict):
        raise MalformedError(f"a receipt whose {what} is no map")
    return value
