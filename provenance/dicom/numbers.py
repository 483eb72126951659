"""Binary numbers: PS3.5 6.2, VRs AT, FD, FL, SL, SS, SV, UL, US, UV."""

import struct
from typing import TypeAlias

Numbers: TypeAlias = tuple[int, ...] | tuple[bytes, ...]

# "US/SS" is read as its 16 bits: sign and VR follow (0028,0103), which the image tree binds.
_INTEGERS = {
    "US": "H",
    "US/SS": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "UV": "Q",
    "SV": "q",
}
_REALS = {"FL": ("<f", 4), "FD": ("<d", 8)}
_NAN = {"FL": b"\x00\x00\xc0\x7f", "FD": b"\x00\x00\x00\x00\x00\x00\xf8\x7f"}
NUMBERS = frozenset({*_INTEGERS, *_REALS, "AT"})
# Bytes that change places between big and little endian (PS3.5 7.3); VRs not named: one by one.
_WIDTHS = {
    **dict.fromkeys(("US", "SS", "US/SS", "US/OW", "US/SS/OW", "OW", "AT"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "OD", "SV", "UV", "OV"), 8),
}


def little_endian(value: bytes, vr: str | None, *, little: bool) -> bytes:
    """Return the bytes of a value of ``vr`` in little endian order; a torn end stays as it is."""
    width = _WIDTHS.get(vr or "UN", 1)
    if little or width == 1:
        return value
    whole = len(value) - len(value) % width
    swapped = bytearray(value)
    for offset in range(width):
        swapped[offset:whole:width] = value[width - 1 - offset : whole : width]
    return bytes(swapped)


def read_numbers(value: bytes, vr: str) -> Numbers | None:
    """Read little endian numbers; None when the bytes are no whole number of them.

    Integers and tags (AT) become integers. FL and FD stay the IEEE 754 bytes they are, so that
    nothing is rounded and -0.0 is not 0.0; all NaNs are one.
    """
    if vr in _INTEGERS:
        code = _INTEGERS[vr]
        count, torn = divmod(len(value), struct.calcsize("<" + code))
        return None if torn else struct.unpack(f"<{count}{code}", value)
    if vr == "AT":
        if len(value) % 4:
            return None
        halves = struct.unpack(f"<{len(value) // 2}H", value)
        return tuple(
            group << 16 | number for group, number in zip(halves[::2], halves[1::2], strict=True)
        )
    code, size = _REALS[vr]
    if len(value) % size:
        return None
    parts = (value[start : start + size] for start in range(0, len(value), size))
    return tuple(_NAN[vr] if _is_nan(part, code) else part for part in parts)


def _is_nan(part: bytes, code: str) -> bool:
    (number,) = struct.unpack(code, part)
    return bool(number != number)
