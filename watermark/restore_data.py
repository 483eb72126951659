"""The bytes that let the key's holder take a mark out again (docs/spec/mark.md, 7)."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark.errors import CapacityError, MalformedError
from watermark.grid import Geometry
from watermark.imprint import MASK, TOP_SHIFT, Mask

VERSION: Final = 2
UNMARKED: Final = b"rsm\x00"
"""Restore data of an image that was sealed without a mark."""
_MAGIC: Final = b"rsm" + bytes([VERSION])
_HEAD: Final = struct.Struct(">4sIIqqB12s32s16sI")
MAX_OPEN: Final = 1 << 24
"""Open pixels (``watermark.keep``) at most."""


@dataclass(frozen=True, slots=True)
class RestoreData:
    """Everything the change depends on but the key.

    Attributes
    ----------
    geometry : Geometry
        Size of the image.
    ends : tuple of int
        Least and greatest grey level of the original.
    payload : bytes
        The 12-byte id.
    mask : Mask
        Height of the mark.
    pattern_digest : bytes
        SHA-256 of the pattern: int16, little endian, row by row.
    original_check : bytes
        Keyed check of the original: see ``watermark.restore``.
    kept : bytes
        One bit for each pixel whose value leaves open whether it was moved, row by row, most
        significant first: 1 if it kept its value. Padded with zeros.
    """

    geometry: Geometry
    ends: tuple[int, int]
    payload: bytes
    mask: Mask
    pattern_digest: bytes
    original_check: bytes
    kept: bytes

    def encode(self) -> bytes:
        """Return the bytes."""
        geometry = self.geometry
        head = _HEAD.pack(
            _MAGIC,
            geometry.rows,
            geometry.columns,
            *self.ends,
            self.mask.shift,
            self.payload,
            self.pattern_digest,
            self.original_check,
            len(self.kept),
        )
        return head + zlib.compress(self.mask.codes.tobytes() + self.kept, 9)


def parse(data: bytes) -> RestoreData:
    """Parse restore data strictly; MalformedError for anything else."""
    if len(data) < _HEAD.size:
        raise MalformedError(f"restore data of {len(data)} bytes is cut short")
    magic, rows, columns, low, high, shift, payload, digest, check, kept = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise MalformedError("restore data of an unknown version")
    if shift > TOP_SHIFT or kept > MAX_OPEN // 8 or low > high:
        raise MalformedError("restore data with a number out of its range")
    try:
        geometry = Geometry.of((rows, columns))
    except CapacityError as error:
        raise MalformedError("restore data of an impossible image size") from error
    cells = geometry.cells
    body = _inflate(data[_HEAD.size :], cells[0] * cells[1] + kept)
    codes = np.frombuffer(body[: cells[0] * cells[1]], np.uint8).reshape(cells)
    if codes.max() >= len(MASK):
        raise MalformedError("restore data with an unknown mask code")
    return RestoreData(
        geometry, (low, high), payload, Mask(codes, shift), digest, check, body[codes.size :]
    )


def _inflate(packed: bytes, size: int) -> bytes:
    """Return exactly ``size`` bytes; never unpack more."""
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(packed, size + 1)
    except zlib.error as error:
        raise MalformedError("restore data that does not inflate") from error
    if len(body) != size or not inflater.eof or inflater.unused_data:
        raise MalformedError("restore data of another length than it says")
    return body
