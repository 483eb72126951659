"""The bytes of a statement as one regular expression: quick, and no less strict.

A statement has one layout (docs/spec/statement.md), and deterministic CBOR gives it one spelling;
so all of it but the body can be matched at once. What does not match is left to ``parse_statement``
to refuse, with its reason.
"""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Iterable

from ledger.cose.cbor import encode_cbor
from ledger.cose.keys import Algorithm
from ledger.cose.signatures import SIGNATURE_SIZE
from ledger.links import HASH_SIZE
from ledger.roles import Event
from ledger.statements import statement_header as header

_ALGORITHMS = {before: algorithm for algorithm, before in header.BEFORE_KID.items()}
_EVENTS = {encode_cbor(event.value): event for event in Event}

# Shortest forms only, and below 2**63, as the numbers of links and heads must be.
_NUMBER = (
    rb"([\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00)....|"
    rb"\x1b(?!\x00\x00\x00\x00)[\x00-\x7f].{7})"
)
_HASH = rb"\x58\x20(.{32})"
_LINK = rb"\x82" + _NUMBER + rb"(?:\xf6|" + _HASH + rb")"


def _any(spellings: Iterable[bytes]) -> bytes:
    return b"(" + b"|".join(re.escape(each) for each in spellings) + b")"


_PATTERN = re.compile(
    rb"\xd2\x84"
    rb"(\x58." + _any(_ALGORITHMS) + rb"(.{32})" + re.escape(header.ISSUER) + rb"(.{64})"
    rb"(?:" + re.escape(header.ABOUT_THE_LOG)
    + rb"|" + re.escape(header.ABOUT_AN_OBJECT) + rb"(.{24}))" + re.escape(header.TYP) + rb")"
    rb"\xa0"
    rb"((?:\x58.|\x59..)"
    rb"\xa8\x01\x01\x02" + _any(_EVENTS)
    + rb"\x03(?:\xf6\x04\xf6|\x4c(.{12})\x04" + _LINK + rb")"
    rb"\x05" + _LINK
    + rb"\x06" + _NUMBER
    + rb"\x07(?:\xf6|\x82" + _NUMBER + _HASH + rb")"
    rb"\x08(.*))",
    re.DOTALL,
)  # fmt: skip
_SHORT = 0x58  # bytes behind a length of one byte; behind one of two, the first is 0x59
_BEFORE_SIGNATURE = b"\x58\x40"
assert (SIGNATURE_SIZE, HASH_SIZE) == (64, 32)  # as the pattern spells them


# What stands where: algorithm, kid, event, object id, object link and actor link as number and
# hash, claimed time, head seen as size and root, body still encoded, signature, what is signed.
Parts = tuple[
    Algorithm,
    bytes,
    Event,
    bytes | None,
    tuple[int, bytes | None] | None,
    tuple[int, bytes | None],
    int,
    tuple[int, bytes] | None,
    bytes,
    bytes,
    bytes,
]


def match_statement(encoded: bytes) -> Parts | None:
    """Return the parts of a statement whose body may still be anything; None for other bytes."""
    end = len(encoded) - len(_BEFORE_SIGNATURE) - SIGNATURE_SIZE
    # the end is cut off first: a pattern would look for it behind a body of any length
    match = _PATTERN.fullmatch(encoded, 0, end) if end > 0 else None
    if match is None or not encoded.startswith(_BEFORE_SIGNATURE, end):
        return None
    (
        protected, algorithm, kid, issuer, subject,
        payload, event, object_id, object_seq, object_before,
        actor_seq, actor_before, claimed, seen_size, seen_root, body,
    ) = match.groups()  # fmt: skip
    if protected[1] != len(protected) - 2 or issuer != hexlify(kid):
        return None
    if subject != (None if object_id is None else hexlify(object_id)):
        return None
    if payload[0] == _SHORT:
        if payload[1] != len(payload) - 2:
            return None
    else:
        size = len(payload) - 3
        if payload[1] << 8 | payload[2] != size or size <= 0xFF:
            return None
    # a text, the empty external data, and the two strings as they stand (RFC 9052, section 4.4)
    signed = b"\x84\x6aSignature1" + protected + b"\x40" + payload
    return (
        _ALGORITHMS[algorithm],
        kid,
        _EVENTS[event],
        object_id,
        None if object_id is None else (_number(object_seq), object_before),
        (_number(actor_seq), actor_before),
        _number(claimed),
        None if seen_size is None else (_number(seen_size), seen_root),
        body,
        encoded[-SIGNATURE_SIZE:],
        signed,
    )


def _number(spelling: bytes) -> int:
    return spelling[0] if len(spelling) == 1 else int.from_bytes(spelling[1:], "big")
