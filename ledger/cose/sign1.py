"""COSE_Sign1, the envelope (RFC 9052, section 4.2): taken apart and put together, not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.cose.cbor import decode_cbor, encode_cbor
from ledger.errors import MalformedError

MAX_SIZE = 65_535  # tlog-tiles stores an entry behind a 16-bit length

_TAG_18 = b"\xd2"
_EMPTY_MAP = b"\xa0"


@dataclass(frozen=True, slots=True)
class Sign1:
    """The four parts; headers still encoded where they are signed."""

    protected: bytes
    unprotected: Mapping[object, object]
    payload: bytes | None
    signature: bytes


def encode_sign1(protected: bytes, payload: bytes | None, signature: bytes) -> bytes:
    """Return a tagged COSE_Sign1 with an empty unprotected header (RFC 9943, section 6).

    Without a payload it is detached: what is signed stands elsewhere.
    """
    return _TAG_18 + encode_cbor([protected, {}, payload, signature])


def parse_sign1(data: bytes) -> Sign1:
    """Take a tagged COSE_Sign1 apart; MalformedError for anything else."""
    if len(data) > MAX_SIZE:
        raise MalformedError(f"{len(data)} bytes, where a statement has at most {MAX_SIZE}")
    if not data.startswith(_TAG_18):
        raise MalformedError("not tagged as COSE_Sign1")
    match decode_cbor(data[1:], max_size=MAX_SIZE):
        case [bytes(protected), dict(unprotected), (bytes() | None) as payload, bytes(signature)]:
            return Sign1(protected, unprotected, payload, signature)
        case _:
            raise MalformedError("not the four parts of a COSE_Sign1")


def to_be_signed(protected: bytes, payload: bytes, *, external: bytes = b"") -> bytes:
    """Return the Sig_structure; an empty header counts as no bytes (RFC 9052, section 4.4)."""
    body = b"" if protected == _EMPTY_MAP else protected
    return encode_cbor(["Signature1", body, external, payload])
