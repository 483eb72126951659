"""Receipts: proof that a statement is in a log, checked without the log (C2SP tlog-proof)."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_base64, decode_decimal, encode_base64
from ledger.checkpoints.note import MAX_NOTE
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.cose.sign1 import MAX_SIZE
from ledger.errors import MalformedError, UsageError
from ledger.links import HASH_SIZE
from ledger.tree.merkle import hash_leaf, verify_inclusion

MAX_PATH = 63
MAX_EXTRA = 65_536
MAX_RECEIPT = MAX_NOTE + 2 * MAX_EXTRA

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The parts of a tlog-proof: index, siblings from the leaf upwards, signed checkpoint."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __bytes__(self) -> bytes:
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(encode_base64(sibling) for sibling in self.path)
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A statement's place under a trusted head; ``open_receipt`` builds it."""

    index: int
    head: TrustedHead


def parse_receipt(data: bytes) -> Receipt:
    """Take a tlog-proof apart; MalformedError unless it is exactly one."""
    if len(data) > MAX_RECEIPT:
        raise MalformedError(f"a receipt of {len(data)} bytes")
    front, empty_line, checkpoint = data.partition(b"\n\n")
    try:
        header, *lines = front.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("a receipt that is not ASCII before its checkpoint") from error
    if header != _HEADER or not empty_line or not checkpoint:
        raise MalformedError("a receipt is a tlog-proof of version 1, up to its checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if len(extra) > MAX_EXTRA:
            raise MalformedError(f"a receipt with {len(extra)} bytes of extra data")
    if not lines or not lines[0].startswith("index "):
        raise MalformedError("a receipt without an index")
    index = decode_decimal(lines.pop(0).removeprefix("index "), bits=63)
    if len(lines) > MAX_PATH:
        raise MalformedError(f"a path of {len(lines)} hashes")
    path = tuple(decode_base64(line, size=HASH_SIZE) for line in lines)
    return Receipt(index, path, checkpoint, extra)


def open_receipt(statement: bytes, receipt: bytes, *, logs: TrustedLogs) -> Inclusion:
    """Return where ``statement`` stands in a trusted log.

    MalformedError for bytes that are no receipt, UnknownLogError for a log not in ``logs``,
    ProofError if a signature or the path does not hold.
    """
    if len(statement) > MAX_SIZE:
        raise UsageError(f"{len(statement)} bytes are no statement")
    parts = parse_receipt(receipt)
    head = open_checkpoint(parts.checkpoint, logs)
    leaf_hash = hash_leaf(statement)
    verify_inclusion(leaf_hash, index=parts.index, size=head.size, path=parts.path, root=head.root)
    return Inclusion(parts.index, head)
