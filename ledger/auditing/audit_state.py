"""What an auditor remembers between two audits: a text of its own (docs/spec/log.md)."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.note import MAX_NOTE
from ledger.errors import MalformedError

MAX_STATE = MAX_NOTE + 256

_HEADER = "radseal audit state 1"
_KEYS = "key-events "


@dataclass(frozen=True, slots=True)
class AuditState:
    """The checkpoint an audit verified, and how many statements below it change keys."""

    key_events: int
    checkpoint: bytes

    def __bytes__(self) -> bytes:
        return f"{_HEADER}\n{_KEYS}{self.key_events}\n\n".encode() + self.checkpoint


def parse_audit_state(data: bytes) -> AuditState:
    """Read what an audit left; MalformedError for anything else."""
    if len(data) > MAX_STATE:
        raise MalformedError(f"{len(data)} bytes are no state of an audit")
    front, _, checkpoint = data.partition(b"\n\n")
    match front.split(b"\n"):
        case [header, keys] if header == _HEADER.encode() and keys.startswith(_KEYS.encode()):
            pass
        case _:
            raise MalformedError("not the state of an audit, version 1")
    try:
        count = keys.decode("ascii").removeprefix(_KEYS)
    except UnicodeDecodeError as error:
        raise MalformedError("the state of an audit is ASCII before its checkpoint") from error
    if not checkpoint:
        raise MalformedError("the state of an audit ends with a checkpoint")
    return AuditState(decode_decimal(count, bits=63), checkpoint)
