"""The way back from values that pydicom has converted, or a caller has set, to what a file holds.

Follows pydicom's writer where that decides how a value will be spelled.
"""

import struct
from collections.abc import Iterable
from io import BufferedIOBase
from operator import index

from pydicom.dataelem import DataElement
from pydicom.valuerep import PersonName

from provenance.dicom.charsets import Charsets
from provenance.dicom.numbers import little_endian
from provenance.dicom.text import TEXTS

_CODES = {"UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
_SHORTS = ("US", "SS", "US or SS", "US or OW", "US or SS or OW")


def spelling(element: DataElement) -> str | None:
    """Return the characters of a value that is written in characters; None for any other."""
    values = _values(element.value)
    if element.VR not in TEXTS and not any(isinstance(each, str) for each in values):
        return None
    if any(isinstance(each, bytes) for each in values):
        return None
    return "\\".join(map(_spelled, values))


def stored_bytes(element: DataElement, charsets: Charsets, *, little: bool) -> bytes:
    """Return the bytes a file would hold, in little endian order.

    ``little`` is the byte order of the dataset: pydicom leaves bulk data as they were read.
    """
    value = element.value
    if isinstance(value, BufferedIOBase):
        value = _buffered(value)
    if isinstance(value, bytes):
        return little_endian(value, _ordering(element.VR), little=little)
    text = spelling(element)
    if text is not None:
        return _encoded(text, charsets)
    values = _values(value)
    try:
        return b"".join([_number(each, element.VR) for each in values])
    except (struct.error, KeyError, OverflowError, TypeError, ValueError):
        return _encoded("\\".join(map(str, values)), charsets)


def _values(value: object) -> list[object]:
    if value is None:
        return []
    if isinstance(value, str | bytes | PersonName) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def _number(value: object, vr: str) -> bytes:
    if vr == "AT":
        tag = index(value)  # type: ignore[arg-type]
        return struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if vr in _SHORTS:
        number = index(value)  # type: ignore[arg-type]
        # pydicom turns the first value of a signed LUT descriptor into an unsigned one
        return struct.pack("<H", number & 0xFFFF if -0x8000 <= number < 0 else number)
    return struct.pack("<" + _CODES[vr], value)


def _spelled(value: object) -> str:
    """Return the characters pydicom would write."""
    if value is None:
        return ""
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)


def _encoded(text: str, charsets: Charsets) -> bytes:
    if text.isascii():
        return text.encode("ascii")
    try:
        return text.encode(charsets.whole or "latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _ordering(vr: str) -> str:
    """Return the VR that governs byte order when pydicom has not decided between two."""
    return "OB" if vr == "OB or OW" else vr.replace(" or ", "/")


def _buffered(stream: BufferedIOBase) -> bytes:
    position = stream.tell()
    stream.seek(0)
    value = stream.read()
    stream.seek(position)
    return value
