"""Native pixel cells, from bytes to arrays and back (PS3.5 8.1, Annex D; PS3.3 C.7.6.3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class NativeLayout:
    """How the cells of one frame lie in the bytes.

    ``bits`` are allocated per cell; ``words`` means big-endian words that hold single bytes or
    bits; ``halved_chroma`` the order Y1 Y2 Cb Cr of the 4:2:2 interpretations.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    little: bool
    words: bool
    planar: bool
    halved_chroma: bool
    floating: bool


def native_size(layout: NativeLayout) -> int:
    """Return the bits of one frame; frames follow each other without padding."""
    samples = 2 if layout.halved_chroma else layout.samples
    return layout.rows * layout.columns * samples * layout.bits


def native_frame(value: bytes | memoryview, index: int, layout: NativeLayout) -> Samples:
    """Return the cells of frame ``index``.

    Parameters
    ----------
    value : bytes-like
        Pixel Data, long enough for the frame.
    index : int
        The frame, from zero.
    layout : NativeLayout
        How it lies there.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, samples), little endian
        A view of ``value`` where the cells are stored that way already.
    """
    size = native_size(layout)
    count = size // layout.bits
    if layout.bits in (8, 16, 32, 64):
        cells = _whole_cells(value, index * size // 8, count, layout)
    else:
        cells = _packed_cells(value, index * size, count, layout)
    if layout.halved_chroma:
        return _spread_chroma(cells, layout)
    if layout.samples == 1:
        return cells.reshape(layout.rows, layout.columns)
    if layout.planar:
        planes = cells.reshape(layout.samples, layout.rows, layout.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return cells.reshape(layout.rows, layout.columns, layout.samples)


def _whole_cells(
    value: bytes | memoryview, offset: int, count: int, layout: NativeLayout
) -> Samples:
    if layout.words:
        first = offset - offset % 2
        swapped = _swapped(value, first, offset + count)
        return swapped[offset - first : offset - first + count]
    kind = "f" if layout.floating else "u"
    itemsize = layout.bits // 8
    cells = np.frombuffer(value, f"u{itemsize}", count, offset)
    if not layout.little:
        cells = cells.byteswap()
    return cells.view(f"<{kind}{itemsize}")


def _packed_cells(
    value: bytes | memoryview, first: int, count: int, layout: NativeLayout
) -> Samples:
    """Unpack cells of 1 to 31 bits that follow each other without gaps, lowest bit first."""
    start = first // 8
    stop = -(-(first + count * layout.bits) // 8)
    if layout.words:
        even = start - start % 2
        packed = _swapped(value, even, stop)[start - even :]
    else:
        packed = np.frombuffer(value, np.uint8, stop - start, start)
    bits = np.unpackbits(packed, bitorder="little")[first % 8 :][: count * layout.bits]
    if layout.bits == 1:
        return bits
    cells = np.zeros(count, "<u4")
    for place, plane in enumerate(bits.reshape(count, layout.bits).T):
        cells |= plane.astype("<u4") << np.uint32(place)
    return cells


def _swapped(value: bytes | memoryview, first: int, stop: int) -> npt.NDArray[np.uint8]:
    """Undo big-endian words around single bytes, from an even offset on."""
    words = -(-(stop - first) // 2)
    part = bytes(value[first : first + 2 * words]).ljust(2 * words, b"\0")
    return np.frombuffer(part, "u2").byteswap().view(np.uint8)


def _spread_chroma(cells: Samples, layout: NativeLayout) -> Samples:
    """Give both pixels of a pair the chroma they share (PS3.3 C.7.6.3.1.2)."""
    pairs = cells.reshape(layout.rows, layout.columns // 2, 4)
    spread = np.empty((layout.rows, layout.columns // 2, 2, 3), cells.dtype)
    spread[..., 0] = pairs[..., :2]
    spread[..., 1] = pairs[..., 2:3]
    spread[..., 2] = pairs[..., 3:4]
    return spread.reshape(layout.rows, layout.columns, 3)


def pack_frames(frames: Sequence[Samples], layout: NativeLayout) -> bytes:
    """Return Pixel Data for frames of unsigned cells: the inverse of `native_frame`.

    Frames follow each other without padding; the last byte is filled with zero bits. Halved
    chroma takes the first of each pair: the caller decodes again and compares.
    """
    ordered = [_ordered(frame, layout) for frame in frames]
    if layout.bits in (8, 16, 32, 64):
        cells = ordered if layout.little or layout.words else [c.byteswap() for c in ordered]
        packed = b"".join(np.ascontiguousarray(part).tobytes() for part in cells)
    else:
        packed = np.packbits(
            np.concatenate([_cell_bits(part, layout.bits) for part in ordered]), bitorder="little"
        ).tobytes()
    return _swapped(packed, 0, len(packed)).tobytes() if layout.words else packed


def _ordered(frame: Samples, layout: NativeLayout) -> Samples:
    if layout.halved_chroma:
        pairs = frame.reshape(layout.rows, layout.columns // 2, 2, 3)
        parts = (pairs[..., 0], pairs[..., 0, 1:2], pairs[..., 0, 2:3])
        return np.concatenate(parts, axis=-1).reshape(-1)
    if layout.planar:
        return frame.transpose(2, 0, 1).reshape(-1)
    return frame.reshape(-1)


def _cell_bits(cells: Samples, bits: int) -> npt.NDArray[np.uint8]:
    """Return each cell's bits, lowest first."""
    octets = np.ascontiguousarray(cells).view(np.uint8).reshape(cells.size, -1)
    return np.unpackbits(octets, axis=1, count=bits, bitorder="little").reshape(-1)
