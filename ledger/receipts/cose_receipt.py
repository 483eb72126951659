"""COSE receipts of inclusion, the form SCITT verifiers read (RFC 9942, docs/spec/receipt.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.trusted_logs import TrustedLogs
from ledger.cose.keys import VerificationKey
from ledger.cose.sign1 import MAX_SIZE
from ledger.errors import MalformedError, UsageError
from ledger.links import HASH_SIZE
from ledger.receipts.cose_proof import ProofKind, SignedProof, by_any, parse_proof, sign_proof
from ledger.receipts.receipt import MAX_PATH
from ledger.tree.merkle import hash_leaf, inclusion_root


@dataclass(frozen=True, slots=True)
class CoseReceipt:
    """What a receipt of inclusion says; nobody has checked any of it."""

    size: int
    index: int
    path: tuple[bytes, ...]
    signed: SignedProof = field(repr=False)

    @property
    def algorithm(self) -> int:
        """The COSE algorithm it names."""
        return self.signed.algorithm

    @property
    def kid(self) -> bytes | None:
        """The key id it names; no verifier needs it."""
        return self.signed.kid

    @property
    def issuer(self) -> str | None:
        """The origin of the log that issued it."""
        return self.signed.issuer


@dataclass(frozen=True, slots=True)
class CoseInclusion:
    """A place under a root that one key of a log signed; less than a ``TrustedHead``.

    ``size`` is the receipt's word, as far as a path of that shape fits it: no root binds a size.
    """

    index: int
    size: int
    root: bytes


def sign_cose_receipt(
    keys: LogKeys, *, index: int, size: int, path: tuple[bytes, ...], root: bytes
) -> bytes:
    """Return the receipt of entry ``index`` under the ``root`` of ``size`` entries."""
    if not 0 <= index < size < 2**63 or len(root) != HASH_SIZE or len(path) > MAX_PATH:
        raise UsageError(f"no receipt of entry {index} in a tree of {size}")
    return sign_proof(keys, ProofKind.INCLUSION, (size, index), path, root)


def parse_cose_receipt(data: bytes) -> CoseReceipt:
    """Take a receipt of inclusion apart; MalformedError for anything else, or another profile."""
    signed = parse_proof(data, ProofKind.INCLUSION)
    size, index = signed.numbers
    if index >= size:
        raise MalformedError(f"no proof of entry {index} in a tree of {size}")
    return CoseReceipt(size, index, signed.path, signed)


def verify_cose_receipt(
    statement: bytes, receipt: CoseReceipt, key: VerificationKey
) -> CoseInclusion:
    """Return where ``statement`` stands under a root that ``key`` signed; else ProofError."""
    leaf_hash = hash_leaf(statement)
    root = inclusion_root(leaf_hash, index=receipt.index, size=receipt.size, path=receipt.path)
    receipt.signed.verify(root, key)
    return CoseInclusion(receipt.index, receipt.size, root)


def open_cose_receipt(statement: bytes, receipt: bytes, *, logs: TrustedLogs) -> CoseInclusion:
    """Return where ``statement`` stands in a trusted log, by the Ed25519 key of that log alone.

    MalformedError for bytes that are no receipt we know, UnknownLogError for a log not in
    ``logs``, ProofError if the signature or the path does not hold.
    """
    if len(statement) > MAX_SIZE:
        raise UsageError(f"{len(statement)} bytes are no statement")
    parts = parse_cose_receipt(receipt)
    keys = parts.signed.keys(logs, size=parts.size)
    return by_any(keys, lambda key: verify_cose_receipt(statement, parts, key))
