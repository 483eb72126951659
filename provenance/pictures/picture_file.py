"""Read PNG, JPEG and TIFF pictures. Bounded by their own headers first.

A picture is what is left of an image when DICOM is gone: a screenshot, a figure, a phone's photo.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from provenance.errors import Unreadable, UnreadableError
from provenance.marks.marking import read_plane

MAX_FILE = 1 << 28
MAX_SAMPLES = 1 << 28
_PNG, _JPEG, _TIFFS = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"II*\0", b"MM\0*")
# Frame headers: SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"
_WIDTH, _LENGTH, _SAMPLES = 256, 257, 277  # TIFF 6.0, section 8
_HEAD = 132
_MAX_TIFF_ENTRIES = 4096
_MAX_JPEG_SEGMENTS = 1 << 16
_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError)

Samples = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Size:
    """What a picture's header claims."""

    kind: str
    columns: int
    rows: int
    samples: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A decoded picture: its kind, its levels, and what was odd about the file.

    ``samples`` are grey levels or RGB as stored, 8 or 16 bits, shape (rows, columns) or
    (rows, columns, 3); an alpha channel is left out.
    """

    kind: str
    samples: Samples
    notes: tuple[str, ...]

    @property
    def plane(self) -> Samples:
        """The grey plane in which a mark is sought: shape (rows, columns)."""
        return read_plane(self.samples, "rgb")


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this (`read_head`) is a picture of a kind that is read.

    A DICOM object whose preamble is a TIFF header (PS3.10 section 7.1) is a DICOM object.
    """
    return head.startswith((_PNG, _JPEG, *_TIFFS)) and head[128:132] != b"DICM"


def read_head(source: bytes | Path) -> bytes:
    """Return what `is_picture` needs of a file; OSError when it cannot be read."""
    if isinstance(source, bytes):
        return source[:_HEAD]
    with source.open("rb") as file:
        return file.read(_HEAD)


def read_picture_file(source: bytes | Path) -> PictureFile:
    """Decode a file's picture; of several pages the first.

    Raises
    ------
    UnreadableError
        Not a picture, damaged, too large, or imagecodecs is not installed.
    OSError
        The file cannot be read.
    """
    if isinstance(source, bytes):
        data = source
    else:
        with source.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise UnreadableError(f"the picture exceeds {MAX_FILE} bytes", code=Unreadable.TOO_LARGE)
    size = probe_picture(data)
    if not 0 < size.rows * size.columns * max(size.samples, 1) <= MAX_SAMPLES:
        raise UnreadableError(
            f"a picture of {size.columns}x{size.rows} is empty or too large",
            code=Unreadable.TOO_LARGE,
        )
    notes = ("the file holds more than one picture; the first was judged",) if size.more else ()
    return PictureFile(size.kind.upper(), _levels(_decode(data, size.kind), size), notes)


def read_picture(path: Path) -> Samples:
    """Return the levels of the (first) picture in a file; raises as `read_picture_file` does."""
    return read_picture_file(path).samples


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
    """Walk the segments to the first scan; what ends without the end marker was cut short.

    Decoders fill what is missing with grey, and would call that a picture.
    """
    position = 2
    size: Size | None = None
    for _ in range(_MAX_JPEG_SEGMENTS):
        fill, marker, length = struct.unpack_from(">BBH", data, position)
        if fill != 0xFF:
            raise UnreadableError("a JPEG segment is out of place", code=Unreadable.CODESTREAM)
        if marker == 0xFF:
            position += 1
            continue
        if marker in _FRAME_HEADERS:
            if size is not None:
                raise UnreadableError("a JPEG states a size twice", code=Unreadable.CODESTREAM)
            _bits, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 4)
            size = Size("jpeg", columns, rows, samples)
        elif marker == _SCAN:
            if data.find(_JPEG_END, position) < 0:
                raise UnreadableError("the JPEG ends too early", code=Unreadable.TRUNCATED)
            break
        position += 2 + max(length, 2)
    if size is None:
        raise UnreadableError("a JPEG without a frame header", code=Unreadable.CODESTREAM)
    return size


def _probe_tiff(data: bytes) -> Size:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    if count > _MAX_TIFF_ENTRIES:
        raise UnreadableError(f"a TIFF directory of {count} entries", code=Unreadable.CODESTREAM)
    values: dict[int, int] = {}
    for number in range(count):
        tag, kind = struct.unpack_from(order + "HH", data, start + 2 + 12 * number)
        if tag in (_WIDTH, _LENGTH, _SAMPLES):
            if tag in values:
                raise UnreadableError("a TIFF states a size twice", code=Unreadable.CODESTREAM)
            form = "H" if kind == 3 else "I"
            (values[tag],) = struct.unpack_from(order + form, data, start + 10 + 12 * number)
    if not {_WIDTH, _LENGTH} <= values.keys():
        raise UnreadableError("the TIFF states no size", code=Unreadable.CODESTREAM)
    (next_page,) = struct.unpack_from(order + "I", data, start + 2 + 12 * count)
    return Size("tiff", values[_WIDTH], values[_LENGTH], values.get(_SAMPLES, 1), next_page != 0)


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
