"""Write PNG (ISO/IEC 15948) with nothing but zlib: 8-bit grey or RGB, filtered row by row."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from provenance.errors import UsageError

Picture = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2


def png_bytes(picture: Picture) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    picture : uint8, shape (rows, columns) or (rows, columns, 3)
        Grey levels, or red, green and blue.

    Returns
    -------
    bytes
        A whole PNG file; the same bytes for the same picture and zlib.
    """
    grey = picture.ndim == 2
    if picture.dtype != np.uint8 or not (grey or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise UsageError("a picture is 8-bit grey or 8-bit RGB")
    if not picture.size:
        raise UsageError("a picture without pixels cannot be written")
    rows, columns = picture.shape[:2]
    header = struct.pack(">IIBBBBB", columns, rows, 8, _GREY if grey else _RGB, 0, 0, 0)
    lines = _filtered(picture.reshape(rows, -1), 1 if grey else 3)
    data = zlib.compress(lines.tobytes(), 9)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _filtered(lines: Picture, step: int) -> Picture:
    """Return each line under the filter (section 9.2) whose residuals are smallest, its type first.

    ``step`` is the number of bytes of one pixel. Filters look at unfiltered bytes, so all lines
    are filtered at once.
    """
    left = np.zeros_like(lines)
    left[:, step:] = lines[:, :-step]
    above = np.zeros_like(lines)
    above[1:] = lines[:-1]
    corner = np.zeros_like(lines)
    corner[1:, step:] = lines[:-1, :-step]
    mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    candidates = (
        lines,
        lines - left,
        lines - above,
        lines - mean,
        lines - _paeth(left, above, corner),
    )
    best = lines.copy()
    types = np.zeros((lines.shape[0], 1), np.uint8)
    least = _cost(lines)
    for number, candidate in enumerate(candidates[1:], start=1):
        cost = _cost(candidate)
        better = cost < least
        best[better], types[better] = candidate[better], number
        least = np.minimum(cost, least)
    return np.concatenate([types, best], axis=1)


def _cost(lines: Picture) -> npt.NDArray[np.int64]:
    """Sum of the residuals taken as signed bytes: the heuristic of section 12.7."""
    residuals = np.abs(lines.view(np.int8).astype(np.int16))
    return np.asarray(residuals.sum(axis=1), dtype=np.int64)


def _paeth(left: Picture, above: Picture, corner: Picture) -> Picture:
    """Return whichever neighbour is nearest to left + above - corner (section 9.4)."""
    a, b, c = left.astype(np.int16), above.astype(np.int16), corner.astype(np.int16)
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))
    return np.asarray(nearest, dtype=np.uint8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
