"""COSE receipts of consistency: a log only grew (RFC 9942, section 5.3; docs/spec/receipt.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.trusted_logs import TrustedLogs
from ledger.cose.keys import VerificationKey
from ledger.errors import MalformedError, ProofError, UsageError
from ledger.links import HASH_SIZE, Head
from ledger.receipts.cose_proof import ProofKind, SignedProof, by_any, parse_proof, sign_proof
from ledger.receipts.receipt import MAX_PATH
from ledger.tree.merkle import consistency_root


@dataclass(frozen=True, slots=True)
class CoseConsistency:
    """What a receipt of consistency says; nobody has checked any of it."""

    old_size: int
    new_size: int
    path: tuple[bytes, ...]
    signed: SignedProof = field(repr=False)


def sign_cose_consistency(
    keys: LogKeys, *, old_size: int, new_size: int, path: tuple[bytes, ...], root: bytes
) -> bytes:
    """Return the receipt that ``old_size`` entries grew to the ``root`` of ``new_size``."""
    if not 0 < old_size < new_size < 2**63 or len(root) != HASH_SIZE:
        raise UsageError(f"no receipt of consistency from {old_size} to {new_size} entries")
    if not 0 < len(path) <= MAX_PATH:
        raise UsageError(f"no receipt of consistency has a path of {len(path)} hashes")
    return sign_proof(keys, ProofKind.CONSISTENCY, (old_size, new_size), path, root)


def parse_cose_consistency(data: bytes) -> CoseConsistency:
    """Take a receipt of consistency apart; MalformedError for anything else."""
    signed = parse_proof(data, ProofKind.CONSISTENCY)
    old_size, new_size = signed.numbers
    if not 0 < old_size < new_size:
        raise MalformedError(f"no proof of consistency from {old_size} to {new_size} entries")
    if not signed.path:
        raise MalformedError("a proof of consistency has at least one hash")
    return CoseConsistency(old_size, new_size, signed.path, signed)


def verify_cose_consistency(old: Head, receipt: CoseConsistency, key: VerificationKey) -> Head:
    """Return the newer head whose root ``key`` signed and ``old`` grew to; else ProofError."""
    if receipt.old_size != old.size:
        raise ProofError(f"the receipt goes on from {receipt.old_size} entries, not {old.size}")
    root = consistency_root(
        old_size=old.size, old_root=old.root, new_size=receipt.new_size, path=receipt.path
    )
    receipt.signed.verify(root, key)
    return Head(receipt.new_size, root)


def open_cose_consistency(old: Head, receipt: bytes, *, logs: TrustedLogs) -> Head:
    """Return the head of a trusted log that ``old``, of the same log, grew to.

    Its root is signed, by the Ed25519 key of that log alone; its size is the receipt's word, since
    no root binds a size. That ``old`` is a head of that log is the caller's to know.
    MalformedError for bytes that are no receipt of consistency, UnknownLogError for a log not in
    ``logs``, ProofError if signature or path does not hold.
    """
    parts = parse_cose_consistency(receipt)
    keys = parts.signed.keys(logs, size=parts.new_size)
    return by_any(keys, lambda key: verify_cose_consistency(old, parts, key))
