"""The bytes of a statement as one regular expression: quick, and no less strict.

A statement has one layout (docs/spec/statement.md), and deterministic CBOR gives it one spelling;
so all of it but the body can be matched at once. What does not match is left to ``parse_statement``
to refuse, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ledger.cose.cbor import encode_cbor
from ledger.cose.keys import SIGNATURE_SIZE, Algorithm
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
    rb"(\x58(.)(" + _any(_ALGORITHMS) + rb"(.{32})" + re.escape(header.ISSUER) + rb"(.{64})"
    rb"(?:" + re.escape(header.ABOUT_THE_LOG)
    + rb"|" + re.escape(header.ABOUT_AN_OBJECT) + rb"(.{24}))" + re.escape(header.TYP) + rb"))"
    rb"\xa0"
    rb"((?:\x58(.)|\x59(..))("
    rb"\xa8\x01\x01\x02" + _any(_EVENTS)
    + rb"\x03(?:\xf6\x04\xf6|\x4c(.{12})\x04" + _LINK + rb")"
    rb"\x05" + _LINK
    + rb"\x06" + _NUMBER
    + rb"\x07(?:\xf6|\x82" + _NUMBER + _HASH + rb")"
    rb"\x08(.*)))"
    rb"\x58\x40(.{64})",
    re.DOTALL,
)  # fmt: skip
assert (SIGNATURE_SIZE, HASH_SIZE) == (64, 32)  # as the pattern spells them


class Parts(NamedTuple):
    """What stands where; links and head as number and hash, the body still encoded."""

    algorithm: Algorithm
    kid: bytes
    event: Event
    object_id: bytes | None
    object_link: tuple[int, bytes | None] | None
    actor_link: tuple[int, bytes | None]
    claimed: int
    head_seen: tuple[int, bytes] | None
    body: bytes
    signature: bytes
    signed: bytes


def match_statement(encoded: bytes) -> Parts | None:
    """Return the parts of a statement whose body may still be anything; None for other bytes."""
    match = _PATTERN.fullmatch(encoded)
    if match is None:
        return None
    (
        protected_item, protected_size, protected, algorithm, kid, issuer, subject,
        payload_item, short, long, payload, event, object_id, object_seq, object_before,
        actor_seq, actor_before, claimed, seen_size, seen_root, body, signature,
    ) = match.groups()  # fmt: skip
    if protected_size[0] != len(protected) or issuer != kid.hex().encode():
        return None
    if subject != (None if object_id is None else object_id.hex().encode()):
        return None
    size = len(payload)
    if size > 0xFF:
        if long is None or int.from_bytes(long, "big") != size:
            return None
    elif short is None or short[0] != size:
        return None
    # a text, the empty external data, and the two strings as they stand (RFC 9052, section 4.4)
    signed = b"\x84\x6aSignature1" + protected_item + b"\x40" + payload_item
    return Parts(
        _ALGORITHMS[algorithm],
        kid,
        _EVENTS[event],
        object_id,
        None if object_id is None else (_number(object_seq), object_before),
        (_number(actor_seq), actor_before),
        _number(claimed),
        None if seen_size is None else (_number(seen_size), seen_root),
        body,
        signature,
        signed,
    )


def _number(spelling: bytes) -> int:
    return spelling[0] if len(spelling) == 1 else int.from_bytes(spelling[1:], "big")
