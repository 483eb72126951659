"""What an ordinary file begins with, found in its first bytes: names, and its data set. Pure.

Whatever is not ordinary is left to pydicom (arriving.py): sequences before the names, another byte
order, deflation, values that are no UIDs.
"""

import struct
from collections.abc import Iterator

SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
_META_LENGTH, _META_CLASS, _META_INSTANCE = 0x00020000, 0x00020002, 0x00020003
_META = frozenset(
    0x00020000 + each for each in (0, 1, 2, 3, 0x10, 0x12, 0x13, 0x16, 0x17, 0x18, 0x26, 0x27, 0x28)
)  # all that PS3.10, table 7.1-1, knows, but for private information
ENOUGH = 8192  # bytes to look at

_IMPLICIT = "1.2.840.10008.1.2"
_OTHERS = ("1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")  # big endian; deflated
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"UC", b"UR", b"UT", b"UV"))
_SHORT = frozenset(
    (
        *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO"),
        *(b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
    )
)
_DIGITS = frozenset(b"0123456789.")


def names_in_meta(beginning: bytes) -> tuple[str, str] | None:
    """Return SOP Class and SOP Instance UID that the File Meta Information of a file names.

    None if these bytes, the first ones of a file, do not tell (PS3.10, 7.1).
    """
    if beginning[128:132] != b"DICM":
        return None
    found: dict[int, str] = {}
    for tag, vr, start, length in _explicit(beginning[132:]):
        value = beginning[132 + start : 132 + start + length]
        if tag in (_META_CLASS, _META_INSTANCE) and vr == b"UI" and len(value) == length <= 64:
            plain = value.rstrip(b"\0 ")
            if plain and _DIGITS.issuperset(plain):
                found[tag] = plain.decode("ascii")
        if tag >= _META_INSTANCE:
            break
    match found.get(_META_CLASS), found.get(_META_INSTANCE):
        case (str(sop_class), str(sop_instance)):
            return sop_class, sop_instance
    return None


def data_set_start(beginning: bytes) -> int | None:
    """Return where the data set begins in a file that brings nothing of its own before it.

    None if these bytes, the first ones of a file, do not tell, if there is a preamble with anything
    in it or private information, or if readers could differ about where that is: the group's length
    and its elements have to agree (PS3.10, 7.1).
    """
    if beginning[:132] != bytes(128) + b"DICM":
        return None
    stated, end = None, 132
    for tag, vr, start, length in _explicit(beginning[132:]):
        if tag >> 16 != 2:
            break
        if tag not in _META:
            return None
        if (tag, vr, length) == (_META_LENGTH, b"UL", 4) and end == 132:
            (after,) = struct.unpack_from("<L", beginning, 132 + start)
            stated = 132 + start + length + after
        end = 132 + start + length
    known = end < len(beginning) and beginning[end : end + 2] != b"\2\0"
    return end if known and end == stated else None


def names_in(beginning: bytes, transfer_syntax: str) -> tuple[str, str, str] | None:
    """Return SOP Class, SOP Instance and Study Instance UID, "" for what is not there.

    None if these bytes do not tell.
    """
    if transfer_syntax in _OTHERS:
        return None
    found = {SOP_CLASS: "", SOP_INSTANCE: "", STUDY: ""}
    elements = _implicit if transfer_syntax == _IMPLICIT else _explicit
    for tag, vr, start, length in elements(beginning):
        if tag > STUDY:
            return found[SOP_CLASS], found[SOP_INSTANCE], found[STUDY]
        if tag < 0x00080000 or start + length > len(beginning):
            return None
        if tag in found:
            value = beginning[start : start + length].rstrip(b"\0 ")
            if vr not in (b"UI", b"") or len(value) > 64 or not _DIGITS.issuperset(value):
                return None
            found[tag] = value.decode("ascii")
    return None


def _explicit(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield tag, VR, and where the value is, up to an element that is not ordinary."""
    at = 0
    while at + 12 <= len(data):
        group, element, vr, length = struct.unpack_from("<HH2sH", data, at)
        start = at + 8
        if vr in _LONG:
            (length,) = struct.unpack_from("<L", data, start)
            start += 4
        elif vr not in _SHORT:
            return
        yield group << 16 | element, vr, start, length
        at = start + length


def _implicit(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    at = 0
    while at + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHL", data, at)
        if data[at + 4 : at + 6].isalpha():  # as if it were explicit
            return
        yield group << 16 | element, b"", at + 8, length
        at += 8 + length
