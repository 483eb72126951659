"""Read PNG, JPEG and TIFF pictures, to look for a mark in them. Bounded by their own headers first.

A picture is what is left of an image when DICOM is gone: a screenshot, a figure, a phone's photo.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import watermark
from provenance.errors import Unreadable, UnreadableError
from provenance.evidence import MarkReading
from provenance.marking import read_plane

MAX_FILE = 1 << 28
MAX_SAMPLES = 1 << 28
_PNG, _JPEG, _TIFFS = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"II*\0", b"MM\0*")
# Frame headers: SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WIDTH, _LENGTH, _SAMPLES = 256, 257, 277  # TIFF 6.0, section 8
_MAX_TIFF_ENTRIES = 4096
_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError)

Samples = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Size:
    """What a picture's header claims."""

    kind: str
    columns: int
    rows: int
    samples: int


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this is one of the pictures that are read."""
    return head.startswith((_PNG, _JPEG, *_TIFFS))


def read_picture(path: Path) -> Samples:
    """Decode the (first) picture in a file.

    Returns
    -------
    integer ndarray, shape (rows, columns) or (rows, columns, 3)
        Grey levels or RGB as stored, 8 or 16 bits; an alpha channel is left out.

    Raises
    ------
    UnreadableError
        Not a picture, damaged, too large, or imagecodecs is not installed.
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise UnreadableError(f"the picture exceeds {MAX_FILE} bytes", code=Unreadable.TOO_LARGE)
    size = probe_picture(data)
    if not 0 < size.rows * size.columns * max(size.samples, 1) <= MAX_SAMPLES:
        raise UnreadableError(
            f"a picture of {size.columns}x{size.rows} is empty or too large",
            code=Unreadable.TOO_LARGE,
        )
    return _levels(_decode(data, size.kind), size)


def read_picture_mark(path: Path, key: bytes) -> MarkReading:
    """Look for a mark in the picture in a file; raises as `read_picture` does."""
    reading = watermark.detect(read_plane(read_picture(path), "rgb"), key=key)
    if reading is None:
        return MarkReading()
    return MarkReading(reading.payload, reading.false_alarm_log10)


def probe_picture(data: bytes) -> Size:
    """Return what the header claims; UnreadableError when there is none."""
    try:
        if data.startswith(_PNG):
            return _probe_png(data)
        if data.startswith(_JPEG):
            return _probe_jpeg(data)
        if data.startswith(_TIFFS):
            return _probe_tiff(data)
    except struct.error as error:
        raise UnreadableError("the picture ends too early", code=Unreadable.TRUNCATED) from error
    raise UnreadableError("neither a PNG, a JPEG nor a TIFF", code=Unreadable.CODESTREAM)


def _probe_png(data: bytes) -> Size:
    columns, rows, _bits, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR":
        raise UnreadableError("the PNG begins without IHDR", code=Unreadable.CODESTREAM)
    return Size("png", columns, rows, {0: 1, 2: 3, 3: 4, 4: 2}.get(colour, 4))


def _probe_jpeg(data: bytes) -> Size:
    position = 2
    while True:
        fill, marker, length = struct.unpack_from(">BBH", data, position)
        if fill != 0xFF:
            raise UnreadableError("a JPEG segment is out of place", code=Unreadable.CODESTREAM)
        if marker == 0xFF:
            position += 1
        elif marker in _FRAME_HEADERS:
            _bits, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 4)
            return Size("jpeg", columns, rows, samples)
        else:
            position += 2 + max(length, 2)


def _probe_tiff(data: bytes) -> Size:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    if count > _MAX_TIFF_ENTRIES:
        raise UnreadableError(f"a TIFF directory of {count} entries", code=Unreadable.CODESTREAM)
    values = {_SAMPLES: 1}
    for number in range(count):
        tag, kind = struct.unpack_from(order + "HH", data, start + 2 + 12 * number)
        if tag in (_WIDTH, _LENGTH, _SAMPLES):
            form = "H" if kind == 3 else "I"
            (values[tag],) = struct.unpack_from(order + form, data, start + 10 + 12 * number)
    if not {_WIDTH, _LENGTH} <= values.keys():
        raise UnreadableError("the TIFF states no size", code=Unreadable.CODESTREAM)
    return Size("tiff", values[_WIDTH], values[_LENGTH], values[_SAMPLES])


def _decode(data: bytes, kind: str) -> npt.NDArray[np.generic]:
    try:
        import imagecodecs
    except ImportError as error:
        raise UnreadableError(
            "pictures need imagecodecs: pip install 'radseal[codecs]'",
            code=Unreadable.CODEC_MISSING,
        ) from error
    decoders = {
        "png": imagecodecs.png_decode,
        "jpeg": imagecodecs.jpeg_decode,
        "tiff": imagecodecs.tiff_decode,
    }
    try:
        return np.asarray(decoders[kind](data))
    except _FAILURES as error:
        raise UnreadableError(
            f"the {kind.upper()} cannot be decoded: {str(error)[:200]}", code=Unreadable.CODESTREAM
        ) from error


def _levels(decoded: npt.NDArray[np.generic], size: Size) -> Samples:
    """Drop alpha; refuse what is not a picture of the size that was claimed."""
    if decoded.dtype.kind not in "iu" or decoded.shape[:2] != (size.rows, size.columns):
        raise UnreadableError(
            f"the picture decodes to {decoded.dtype} {decoded.shape}", code=Unreadable.GEOMETRY
        )
    levels = np.asarray(decoded)
    if levels.ndim == 3:
        channels = levels.shape[2]
        levels = levels[..., 0] if channels <= 2 else levels[..., :3]
    if levels.ndim not in (2, 3):
        raise UnreadableError(f"a picture of {decoded.ndim} axes", code=Unreadable.GEOMETRY)
    return np.ascontiguousarray(levels)
