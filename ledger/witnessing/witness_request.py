"""What a log asks a witness: the body of ``add-checkpoint`` (C2SP tlog-witness)."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_base64, decode_decimal, encode_base64
from ledger.errors import MalformedError
from ledger.links import HASH_SIZE

MAX_REQUEST = 1 << 16
MAX_PROOF = 63


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The size the log takes the witness to know, the proof from there, the signed checkpoint."""

    old_size: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def __bytes__(self) -> bytes:
        lines = (f"old {self.old_size}", *map(encode_base64, self.path), "")
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Take a request apart, the checkpoint unread; MalformedError unless it is exactly one."""
    if len(body) > MAX_REQUEST:
        raise MalformedError(f"a request of {len(body)} bytes, where {MAX_REQUEST} are allowed")
    front, empty_line, checkpoint = body.partition(b"\n\n")
    if not empty_line or not checkpoint:
        raise MalformedError("a request is a size, a proof, an empty line and a checkpoint")
    try:
        first, *proof = front.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("a request that is not ASCII before its checkpoint") from error
    if not first.startswith("old "):
        raise MalformedError("a request begins with the old size")
    if len(proof) > MAX_PROOF:
        raise MalformedError(f"a proof of {len(proof)} hashes")
    return AddCheckpoint(
        decode_decimal(first.removeprefix("old "), bits=64),
        tuple(decode_base64(line, size=HASH_SIZE) for line in proof),
        checkpoint,
    )
