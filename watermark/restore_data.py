"""The bytes that let the key's holder take a mark out again (docs/spec/mark.md, 7)."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark.errors import CapacityError, MalformedError
from watermark.grid import Geometry
from watermark.imprint import MASK, TOP_SHIFT, Mask
from watermark.mask_coding import Codes, pack, unpack
from watermark.pattern import DIGEST_BYTES

UNMARKED: Final = b"rsm\x00"
"""Restore data of an image that was sealed without a mark."""
_MAGIC: Final = b"rsm\x03"
_HEAD: Final = struct.Struct(">4sIIqqB12s16s16sIH")
_FORMER_MAGIC: Final = b"rsm\x02"
_FORMER_HEAD: Final = struct.Struct(">4sIIqqB12s32s16sI")
_RAW_DEFLATE: Final = -15
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
        First 16 bytes of the pattern's SHA-256: int16, little endian, row by row.
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
        mask = pack(self.mask.codes)
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
            len(mask),
        )
        return head + mask + _deflate(self.kept)


def parse(data: bytes) -> RestoreData:
    """Parse restore data of version 3 or 2 strictly; MalformedError for anything else."""
    former = data[: len(_FORMER_MAGIC)] == _FORMER_MAGIC
    head = _FORMER_HEAD if former else _HEAD
    if len(data) < head.size:
        raise MalformedError(f"restore data of {len(data)} bytes is cut short")
    fields = head.unpack_from(data)
    magic, rows, columns, low, high, shift, payload, digest, check, kept = fields[:10]
    if magic not in (_MAGIC, _FORMER_MAGIC):
        raise MalformedError("restore data of an unknown version")
    if shift > TOP_SHIFT or kept > MAX_OPEN // 8 or low > high:
        raise MalformedError("restore data with a number out of its range")
    try:
        geometry = Geometry.of((rows, columns))
    except CapacityError as error:
        raise MalformedError("restore data of an impossible image size") from error
    body = data[head.size :]
    if former:
        codes, flags = _former_body(body, geometry.cells, kept)
    else:
        codes, flags = _body(body, geometry.cells, kept, mask_bytes=fields[10])
    mask = Mask(codes, shift)
    return RestoreData(geometry, (low, high), payload, mask, digest[:DIGEST_BYTES], check, flags)


def _body(
    body: bytes, cells: tuple[int, int], kept: int, *, mask_bytes: int
) -> tuple[Codes, bytes]:
    if mask_bytes > len(body):
        raise MalformedError("restore data with a mask that is cut short")
    packed = body[mask_bytes:]
    if not kept and packed:
        raise MalformedError("restore data that are followed by something")
    flags = _inflate(packed, kept, form=_RAW_DEFLATE) if kept else b""
    return unpack(body[:mask_bytes], cells), flags


def _former_body(body: bytes, cells: tuple[int, int], kept: int) -> tuple[Codes, bytes]:
    """Version 2: the codes, a byte each, and the flags in one zlib stream."""
    count = cells[0] * cells[1]
    both = _inflate(body, count + kept, form=zlib.MAX_WBITS)
    codes = np.frombuffer(both[:count], np.uint8).reshape(cells)
    if codes.max() >= len(MASK):
        raise MalformedError("restore data with an unknown mask code")
    return codes, both[count:]


def _deflate(flags: bytes) -> bytes:
    """Return the flags as a raw deflate stream; of no flags, nothing."""
    if not flags:
        return b""
    deflater = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE)
    return deflater.compress(flags) + deflater.flush()


def _inflate(packed: bytes, size: int, *, form: int) -> bytes:
    """Return exactly ``size`` bytes; never unpack more."""
    inflater = zlib.decompressobj(form)
    try:
        body = inflater.decompress(packed, size + 1)
    except zlib.error as error:
        raise MalformedError("restore data that does not inflate") from error
    if len(body) != size or not inflater.eof or inflater.unused_data:
        raise MalformedError("restore data of another length than it says")
    return body
