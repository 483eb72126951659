"""Deterministic CBOR (RFC 8949, section 4.2.1): one encoding per value, or an error.

The profile is small: integers of 64 bits, byte and text strings, arrays, maps, booleans, null and
floats. No tags, no indefinite lengths. The keys of one map are all unsigned integers or all text,
so that the two orders in use for deterministic maps (by length first, by bytes) are the same.
"""

from __future__ import annotations

import re

import cbor2

from ledger.errors import MalformedError, UsageError

MAX_DEPTH = 8

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _TAG, _SIMPLE = 0, 1, 2, 3, 4, 6, 7
_OUR_KEYS = (_UNSIGNED, _TEXT)  # of one kind in one map
_COSE_KEYS = (_UNSIGNED, _NEGATIVE, _TEXT)


def _steps() -> bytes:
    """For each first byte of an item: its whole length, where that byte alone tells it, else 0."""
    steps = bytearray(256)
    for major in (0x00, 0x20):
        steps[major : major + 28] = bytes([1] * 24 + [2, 3, 5, 9])
    for major in (0x40, 0x60):
        steps[major : major + 24] = bytes(range(1, 25))
    for simple, length in ((0xF4, 1), (0xF5, 1), (0xF6, 1), (0xF9, 3), (0xFA, 5), (0xFB, 9)):
        steps[simple] = length
    return bytes(steps)


_STEPS = _steps()
_FLAT_TYPES = frozenset((int, bytes, str, bool, type(None)))

# A map without depth, of the items that most events are made of, each in its shortest form and as
# many as it says: its encoding is the one it has if only its keys are in their order.
_PAIR = (
    rb"(?:[\x00-\x17](?:\x58\x20.{32}|[\x00-\x17\xf4-\xf6]|\x18[\x18-\xff]|\x19(?!\x00).."
    rb"|\x1a(?!\x00\x00).{4}|\x1b(?!\x00\x00\x00\x00).{8}|\x4c.{12}|\x50.{16}|\x58\x41.{65}"
    rb"|\x58\x42.{66}))"
)
_FLAT = re.compile(
    b"|".join(b"%c%b{%d}" % (0xA0 + count, _PAIR, count) for count in range(24)), re.DOTALL
)


def encode_cbor(value: object) -> bytes:
    """Return the one encoding of ``value``; UsageError for what the profile does not hold."""
    try:
        encoded = cbor2.dumps(value, canonical=True)
        _check_shape(encoded, MAX_DEPTH)
    except (cbor2.CBOREncodeError, UnicodeEncodeError, RecursionError, MalformedError) as error:
        raise UsageError(f"not a value of our CBOR profile: {error}") from error
    return encoded


def decode_cbor(data: bytes, *, max_size: int, max_depth: int = MAX_DEPTH) -> object:
    """Return the value of ``data``; MalformedError unless it is exactly its one encoding.

    Size, depth, lengths and item types are checked before the general decoder sees the bytes.
    """
    if len(data) > max_size:
        raise MalformedError(f"{len(data)} bytes of CBOR where {max_size} are allowed")
    if max_depth and (flat := decode_flat_map(data)) is not None:
        return flat
    _check_shape(data, max_depth)
    try:
        value: object = cbor2.loads(data, max_depth=max_depth + 1, allow_duplicate_keys=False)
        again = cbor2.dumps(value, canonical=not _is_plain(value))
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, UnicodeError) as error:
        raise MalformedError(f"not CBOR: {error}") from error
    if again != data:
        raise MalformedError("CBOR that is not in its deterministic encoding")
    return value


def decode_flat_map(data: bytes) -> dict[int, object] | None:
    """Return a map without depth, of the kind that most events are; None for any other bytes.

    Its keys are unsigned integers. The caller has bounded its size.
    """
    if not _FLAT.fullmatch(data):
        return None
    flat: dict[int, object] = cbor2.loads(data)
    keys = list(flat)
    return flat if len(keys) == data[0] - 0xA0 and keys == sorted(keys) else None


def decode_cose_cbor(data: bytes, *, max_size: int, max_depth: int = MAX_DEPTH) -> object:
    """Return the value of ``data`` as others write it: the keys of a map come in any order.

    They may also be negative. Everything else is as in ``decode_cbor``: no tags, definite lengths,
    shortest forms, no key twice; floats are of 64 bits.
    """
    if len(data) > max_size:
        raise MalformedError(f"{len(data)} bytes of CBOR where {max_size} are allowed")
    _check_shape(data, max_depth, _COSE_KEYS)
    try:
        value: object = cbor2.loads(data, max_depth=max_depth + 1, allow_duplicate_keys=False)
        again = cbor2.dumps(value)
    except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, UnicodeError) as error:
        raise MalformedError(f"not CBOR: {error}") from error
    if again != data:
        raise MalformedError("CBOR that is not in its shortest encoding")
    return value


def _is_plain(value: object) -> bool:
    """Whether the encoding of ``value`` as it stands is the deterministic one: a quicker answer.

    So it is without floats, if the keys of each map are integers in their order.
    """
    kind = type(value)
    if kind is dict:
        assert isinstance(value, dict)
        last = -1
        for key, each in value.items():
            if type(key) is not int or key <= last:
                return False
            last = key
            if type(each) is not bytes and not _is_plain(each):
                return False
        return True
    if kind is list:
        assert isinstance(value, list)
        return _FLAT_TYPES.issuperset(map(type, value)) or all(map(_is_plain, value))
    return kind is not float


def _check_shape(data: bytes, max_depth: int, keys: tuple[int, ...] = _OUR_KEYS) -> None:
    try:
        end = _skip(data, 0, max_depth, keys)
    except IndexError as error:
        raise MalformedError("CBOR that ends too early") from error
    if end != len(data):
        raise MalformedError("CBOR that is cut short or followed by more bytes")


def _skip(data: bytes, at: int, depth: int, keys: tuple[int, ...]) -> int:
    """Return where the item at ``at`` ends (RFC 8949, appendix C, less what we refuse)."""
    if step := _STEPS[data[at]]:
        return at + step
    major, value = data[at] >> 5, data[at] & 31
    at += 1
    if major == _SIMPLE:
        raise MalformedError(f"CBOR simple value {value} is not allowed")
    if value >= 24:
        if value > 27:
            raise MalformedError("CBOR of indefinite length is not allowed")
        width = 1 << (value - 24)
        value = int.from_bytes(data[at : at + width], "big")
        at += width
    if major in (_BYTES, _TEXT):
        return at + value
    if major == _TAG:
        raise MalformedError(f"CBOR tag {value} is not allowed here")
    if depth == 0:
        raise MalformedError("CBOR nested too deeply")
    if major == _ARRAY:
        for _ in range(value):
            step = _STEPS[data[at]]
            at = at + step if step else _skip(data, at, depth - 1, keys)
        return at
    allowed = keys
    if value and data[at] >> 5 not in keys:
        raise MalformedError("a CBOR map with keys that are neither integers nor text")
    if value and keys is _OUR_KEYS:
        allowed = (data[at] >> 5,)
    for _ in range(value):
        if data[at] >> 5 not in allowed:
            raise MalformedError("a CBOR map with keys of two kinds")
        for _ in range(2):
            first = data[at]
            if step := _STEPS[first]:
                at += step
            elif first == 0x58:  # bytes behind a length of one byte, such as a hash
                at += 2 + data[at + 1]
            else:
                at = _skip(data, at, depth - 1, keys)
    return at
