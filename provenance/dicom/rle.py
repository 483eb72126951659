"""DICOM RLE (PS3.5 Annex G): PackBits per byte plane, most significant byte first."""

import struct
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.errors import Unreadable, UnreadableError

_HEADER = 64
_MAX_SEGMENTS = 15


def decode_rle(stored: bytes, *, pixels: int, samples: int, sample_bytes: int) -> npt.NDArray[Any]:
    """Decode one frame.

    Parameters
    ----------
    stored : bytes
        Header of 64 bytes and the segments.
    pixels, samples, sample_bytes : int
        Rows times columns; channels; bytes of one stored sample (1, 2 or 4).

    Returns
    -------
    uint8, uint16 or uint32, shape (pixels, samples)

    Raises
    ------
    UnreadableError
        The segments are not those of such a frame; output never grows beyond it.
    """
    if len(stored) < _HEADER:
        raise _damaged("the frame is shorter than its header")
    count, *offsets = struct.unpack_from("<16L", stored)
    if count != samples * sample_bytes or count > _MAX_SEGMENTS:
        raise _damaged(f"{count} segments where {samples * sample_bytes} must be")
    bounds = [*offsets[:count], len(stored)]
    if bounds[0] != _HEADER or any(a > b for a, b in pairwise(bounds)):
        raise _damaged("the segment offsets do not rise from byte 64")
    planes = np.empty((samples, sample_bytes, pixels), np.uint8)
    for index, (start, stop) in enumerate(pairwise(bounds)):
        sample, byte = divmod(index, sample_bytes)
        plane = unpack_bits(stored[start:stop], pixels)
        planes[sample, sample_bytes - 1 - byte] = np.frombuffer(plane, np.uint8)
    ordered = np.ascontiguousarray(planes.transpose(2, 0, 1))
    return ordered.view(np.dtype(f"<u{sample_bytes}")).reshape(pixels, samples)


def unpack_bits(segment: bytes, size: int) -> bytes:
    """Return exactly ``size`` bytes from one PackBits segment (PS3.5 G.3.2)."""
    plane = bytearray()
    position, end = 0, len(segment)
    while len(plane) < size and position < end:
        control = segment[position]
        position += 1
        if control < 128:
            plane += segment[position : position + control + 1]
            position += control + 1
        elif control > 128:
            plane += segment[position : position + 1] * (257 - control)
            position += 1
    # a last run may pass the end of the image where an encoder padded to an even length
    if len(plane) < size:
        raise _damaged(f"a segment gives {len(plane)} of {size} bytes")
    return bytes(plane[:size])


def encode_rle(frame: npt.NDArray[Any]) -> bytes:
    """Encode one frame of unsigned or signed samples, shape (rows, columns[, samples])."""
    rows, columns = frame.shape[:2]
    little = np.ascontiguousarray(frame.astype(frame.dtype.newbyteorder("<"), copy=False))
    cells = little.view(np.uint8).reshape(rows, columns, -1, frame.dtype.itemsize)
    segments = [
        _even(b"".join(pack_bits(row) for row in np.ascontiguousarray(cells[:, :, sample, byte])))
        for sample in range(cells.shape[2])
        for byte in reversed(range(cells.shape[3]))
    ]
    offsets, position = [], _HEADER
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    padding = [0] * (_MAX_SEGMENTS - len(offsets))
    return struct.pack("<16L", len(segments), *offsets, *padding) + b"".join(segments)


def pack_bits(row: npt.NDArray[np.uint8]) -> bytes:
    """Return one row as PackBits; runs never cross rows (PS3.5 G.3.1)."""
    values = row.tobytes()
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]).tolist()
    packed, literal = bytearray(), 0
    for start, stop in pairwise([*starts, len(values)]):
        if stop - start < 3:
            continue
        packed += _literals(values[literal:start])
        while stop - start > 1:
            run = min(stop - start, 128)
            packed += bytes((257 - run, values[start]))
            start += run
        literal = start
    return bytes(packed + _literals(values[literal:]))


def _literals(values: bytes) -> bytes:
    parts = (values[at : at + 128] for at in range(0, len(values), 128))
    return b"".join(bytes((len(part) - 1,)) + part for part in parts)


def _even(segment: bytes) -> bytes:
    return segment + b"\0" * (len(segment) % 2)


def _damaged(reason: str) -> UnreadableError:
    return UnreadableError(f"RLE: {reason}", code=Unreadable.CODESTREAM)
