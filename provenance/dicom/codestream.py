"""What a codestream says of itself, read from its first markers before a decoder sees it.

So a picture of 65535 by 65535 inside a file that declares 64 by 64 is refused unread, and whether
a JPEG 2000 stream is reversible is known without decoding (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2,
15444-1 A.5.1 and A.6.1).
"""

import struct
from dataclasses import dataclass

from provenance.errors import Unreadable, UnreadableError

_MAX_MARKERS = 4096
_SOF = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
_BARE = {0x01, *range(0xD0, 0xD9)}
_END = b"\xff\xd9"
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Size, samples per pixel and bits of a codestream; ``process`` is a JPEG SOF marker."""

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False
    reversible: bool = True
    process: int = 0


def probe_jpeg(stream: bytes) -> StreamInfo:
    """Read the frame header of JPEG or JPEG-LS; UnreadableError if there is none."""
    if stream[:2] != b"\xff\xd8":
        raise _damaged("it does not begin as JPEG does")
    position = 2
    for _ in range(_MAX_MARKERS):
        while stream[position : position + 2] == b"\xff\xff":
            position += 1  # fill bytes
        if position + 4 > len(stream) or stream[position] != 0xFF:
            break
        marker = stream[position + 1]
        if marker in _BARE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", stream, position + 2)
        if marker in _SOF and length >= 8 and position + 10 <= len(stream):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, position + 4)
            lossless = marker in (0xC3, 0xF7)
            # CharLS spends ten seconds behind the end of a scan that no marker ends
            if lossless and _END not in stream[-64:]:
                raise _damaged("its end marker is missing")
            return StreamInfo(rows, columns, samples, bits, False, lossless, marker)
        if marker in (0xD9, 0xDA) or length < 2:
            break
        position += 2 + length
    raise _damaged("it has no JPEG frame header")


def probe_jpeg_2000(stream: bytes) -> StreamInfo:
    """Read SIZ and COD of a JPEG 2000 codestream; UnreadableError if they are not there."""
    if stream[:4] != b"\xff\x4f\xff\x51" or len(stream) < 44:
        raise _damaged("it does not begin as JPEG 2000 does")
    size, _, x1, y1, x0, y0, *_, samples = struct.unpack_from(">HH8LH", stream, 4)
    if size != 38 + 3 * samples or not samples or len(stream) < 4 + size:
        raise _damaged("its SIZ marker is not that of JPEG 2000")
    components = [stream[42 + 3 * i : 45 + 3 * i] for i in range(samples)]
    if any(part != components[0] or part[1:] != b"\1\1" for part in components):
        raise _damaged("its components differ in depth or are subsampled")
    return StreamInfo(
        rows=y1 - y0,
        columns=x1 - x0,
        samples=samples,
        bits=(components[0][0] & 0x7F) + 1,
        signed=bool(components[0][0] & 0x80),
        reversible=_reversible(stream, 4 + size),
    )


def _reversible(stream: bytes, position: int) -> bool:
    """Whether main and tile-part headers ask for the 5-3 transform alone, without quantisation."""
    found, tile_end = False, 0
    for _ in range(_MAX_MARKERS):
        if position + 4 > len(stream):
            return found
        marker, length = struct.unpack_from(">HH", stream, position)
        body = stream[position + 4 : position + 2 + length]
        if marker == 0xFF90 and len(body) == 8:  # SOT: a tile-part header begins
            (size,) = struct.unpack_from(">L", body, 2)
            tile_end = position + size if size else len(stream)
        elif marker == 0xFF52:  # COD
            found = len(body) >= 10 and body[9] == 1
            if not found:
                return False
        elif marker in (0xFF53, 0xFF5D) or (marker == 0xFF5C and (not body or body[0] & 0x1F)):
            return False  # COC and QCC: a component of its own way; QCD that quantises
        if marker == 0xFF93:  # SOD: on to the next tile-part
            if tile_end <= position:
                return False
            position = tile_end
        elif marker == 0xFFD9:
            return found
        else:
            if length < 2:
                return False
            position += 2 + length
    return False


def probe_jpeg_xl(stream: bytes) -> tuple[int, int]:
    """Return rows and columns of a JPEG XL codestream (ISO/IEC 18181-1, SizeHeader)."""
    head = _jpeg_xl_codestream(stream)
    if head[:2] != b"\xff\x0a" or len(head) < 12:
        raise _damaged("it does not begin as JPEG XL does")
    bits = _Bits(int.from_bytes(head[2:12], "little"))
    small = bits.take(1) == 1
    rows = _jpeg_xl_extent(bits, small=small)
    ratio = bits.take(3)
    if ratio == 0:
        return rows, _jpeg_xl_extent(bits, small=small)
    over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return rows, rows * over // under


def _jpeg_xl_extent(bits: "_Bits", *, small: bool) -> int:
    if small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _jpeg_xl_codestream(stream: bytes) -> bytes:
    """Return the first bytes of the codestream, from within its boxes if it has any."""
    if stream[:12] != b"\0\0\0\x0cJXL \r\n\x87\n":
        return stream[:12]
    position = 12
    for _ in range(_MAX_MARKERS):
        if position + 8 > len(stream):
            break
        length, name = struct.unpack_from(">L4s", stream, position)
        if name in (b"jxlc", b"jxlp"):
            start = position + (12 if name == b"jxlp" else 8)
            return stream[start : start + 12]
        if length < 8:
            break
        position += length
    raise _damaged("its JPEG XL boxes hold no codestream")


class _Bits:
    """Bits of a little-endian number, least significant first."""

    def __init__(self, value: int) -> None:
        self._value = value

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def bare_codestream(stored: bytes) -> bytes:
    """Return the codestream within JP2 boxes, which DICOM forbids and some writers add."""
    if not stored.startswith(_JP2):
        return stored
    position = 0
    for _ in range(_MAX_MARKERS):
        if position + 8 > len(stored):
            break
        length, name = struct.unpack_from(">L4s", stored, position)
        header = 8
        if length == 1 and position + 16 <= len(stored):
            (length,) = struct.unpack_from(">Q", stored, position + 8)
            header = 16
        end = len(stored) if length == 0 else position + length
        if name == b"jp2c":
            return stored[position + header : end]
        if end <= position:
            break
        position = end
    raise _damaged("its JP2 boxes hold no codestream")


def _damaged(reason: str) -> UnreadableError:
    return UnreadableError(
        f"the codestream cannot be decoded: {reason}", code=Unreadable.CODESTREAM
    )
