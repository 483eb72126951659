"""What a leaf of the header tree says, as its bytes (docs/spec/header-tree.md). Pure."""

from functools import cache

import cbor2

from provenance.dicom.attribute_table import PRIVATE_TAG, Group, attribute_table
from provenance.dicom.canonical import CanonicalValue

_NULL = cbor2.dumps(None)
_HASH_SIZE = 32
_WIDTHS = ((1, 0x98), (2, 0x99), (4, 0x9A))
# An array of a length and a hash, up to the hash.
_SHORT = {size: b"\x82" + cbor2.dumps(size) + b"\x58\x20" for size in range(2, 258, 2)}


def leaf_content(tag: int, group: Group, value: CanonicalValue | None) -> bytes:
    """Return what a leaf says: CBOR of group, tag and value."""
    known = _beginnings().get(tag)
    beginning = known[1] if known and known[0] is group else _beginning(tag, group)
    if value is None:
        return beginning + _NULL
    if tag == PRIVATE_TAG and isinstance(value, tuple):
        return beginning + _array_head(len(value)) + b"".join(map(_encode_entry, value))
    return beginning + cbor2.dumps(value)


def _encode_entry(entry: CanonicalValue) -> bytes:
    """Return the CBOR of one private element.

    There may be hundreds, most of them an empty path, a tag, and length and hash of a short value:
    these are put together here, in a third of the time.
    """
    if isinstance(entry, tuple) and len(entry) == 3 and entry[0] == ():
        _, tag, value = entry
        if isinstance(tag, int) and tag >> 16 and isinstance(value, tuple) and len(value) == 2:
            size, hashed = value
            start = _SHORT.get(size) if isinstance(size, int) else None
            if start and isinstance(hashed, bytes) and len(hashed) == _HASH_SIZE:
                return b"\x83\x80\x1a" + tag.to_bytes(4, "big") + start + hashed
    return cbor2.dumps(entry)


def _array_head(length: int) -> bytes:
    """Return what the CBOR of an array of so many values begins with (RFC 8949, section 3)."""
    if length < 24:
        return bytes([0x80 + length])
    width, first = next(each for each in _WIDTHS if length < 256 ** each[0])
    return bytes([first]) + length.to_bytes(width, "big")


@cache
def _beginnings() -> dict[int, tuple[Group, bytes]]:
    table = attribute_table()
    rows = [table.describe(tag) for tag in (*table.signed, PRIVATE_TAG)]
    return {row.tag: (row.group, _beginning(row.tag, row.group)) for row in rows}


def _beginning(tag: int, group: Group) -> bytes:
    """Return the CBOR of an array of three up to its last value, which is encoded by itself.

    Integers, text, bytes and arrays only: cbor2 writes these in one way (RFC 8949, 4.2.1).
    """
    return cbor2.dumps((group.value, tag, None))[: -len(_NULL)]
