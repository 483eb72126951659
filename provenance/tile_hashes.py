"""The hashes of the tiles of one frame: the leaves of the image tree (docs/spec/image-tree.md).

Pure functions of arrays. A tile's samples do not lie side by side in a frame, so a band of tiles
is copied to where they do; the bytes that are hashed before them stand there already.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

TILE: Final = 64
_LARGE: Final = 2 << 20  # bytes of a frame from which on a second thread pays
_LABEL: Final = b"\x00radseal-tile-1"


def tile_hashes(samples: Samples, frame: int) -> list[bytes]:
    """Hash one frame tile by tile, row by row.

    The two halves of a large frame are hashed side by side: hashing lets threads run.

    Parameters
    ----------
    samples : shape (rows, columns) or (rows, columns, samples)
        Canonical samples, little endian.
    frame : int
        The number of the frame, from zero.
    """
    rows, columns = samples.shape[:2]
    contiguous = np.ascontiguousarray(samples)
    lines = contiguous.reshape(rows, -1).view(np.uint8).reshape(rows, columns, -1)
    if lines.nbytes < _LARGE:
        return _hash_bands(lines, frame, range(0, rows, TILE))
    middle = rows // 2 // TILE * TILE
    with ThreadPoolExecutor(max_workers=1) as pool:
        below = pool.submit(_hash_bands, lines, frame, range(middle, rows, TILE))
        above = _hash_bands(lines, frame, range(0, middle, TILE))
        return above + below.result()


def _hash_bands(lines: npt.NDArray[np.uint8], frame: int, starts: range) -> list[bytes]:
    """Hash bands of tiles of a frame (rows, columns, bytes of a pixel).

    The copies always go to the same place: fresh memory would cost more than the copying.
    """
    rows, columns, cell = lines.shape
    whole = columns // TILE * TILE
    # All tiles of full width, then what is left of the columns.
    parts = [part for part in (lines[:, :whole], lines[:, whole:]) if part.shape[1]]
    first_columns = (0, whole) if whole else (0,)
    widths = [min(TILE, part.shape[1]) for part in parts]
    strips = [
        part.reshape(rows, -1).view(f"V{width * cell}")
        for part, width in zip(parts, widths, strict=True)
    ]
    rooms: dict[tuple[int, int], npt.NDArray[np.void]] = {}
    hashes: list[bytes] = []
    for row in starts:
        height = min(TILE, rows - row)
        for strip, width, first in zip(strips, widths, first_columns, strict=False):
            if (height, width) not in rooms:
                rooms[height, width] = _room(frame, height, width, cell, first, strip.shape[1])
            room = rooms[height, width]
            room["row"] = row
            room["lines"] = strip[row : row + height].T
            tiles, size = room.view(np.uint8).data, room.itemsize
            hashes += [
                hashlib.sha256(tiles[at : at + size]).digest() for at in range(0, len(tiles), size)
            ]
    return hashes


def _room(
    frame: int, height: int, width: int, cell: int, first: int, count: int
) -> npt.NDArray[np.void]:
    """Return where ``count`` tiles beside each other are laid out as they are hashed."""
    room = np.empty(count, _tile_layout(height, width * cell))
    room["label"], room["frame"] = _LABEL, frame
    room["height"], room["width"] = height, width
    room["column"] = np.arange(first, first + count * width, width)
    return room


@lru_cache(64)
def _tile_layout(height: int, line: int) -> np.dtype[np.void]:
    """Return what is hashed of a tile of so many lines of so many bytes."""
    return np.dtype(
        [
            ("label", f"S{len(_LABEL)}"),
            ("frame", ">u4"),
            ("row", ">u4"),
            ("column", ">u4"),
            ("height", ">u2"),
            ("width", ">u2"),
            ("lines", f"V{line}", (height,)),
        ]
    )
