"""The hashes of the tiles of one frame: the leaves of the image tree (docs/spec/image-tree.md).

Pure functions of arrays. A tile's samples do not lie side by side in a frame, so a band of tiles
is copied to where they do; the bytes that are hashed before them stand there already.
"""

import hashlib
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

TILE: Final = 64
_LABEL: Final = b"\x00radseal-tile-1"


def tile_hashes(samples: Samples, frame: int) -> list[bytes]:
    """Hash one frame tile by tile, row by row.

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
    return _hash_bands(lines, frame)


def _hash_bands(lines: npt.NDArray[np.uint8], frame: int) -> list[bytes]:
    """Hash a frame (rows, columns, bytes of a pixel), one band of tiles after the other.

    The copies always go to the same place: fresh memory would cost more than the copying.
    """
    rows, columns, cell = lines.shape
    whole = columns // TILE * TILE
    strips = []  # the tiles of full width, and what is left of the columns
    for first, end in ((0, whole), (whole, columns)):
        if first < end:
            width = min(TILE, end - first)
            lines_of = lines[:, first:end].reshape(rows, -1).view(f"V{width * cell}")
            strips.append((first, width, lines_of))
    rooms: dict[tuple[int, int], tuple[npt.NDArray[np.void], list[memoryview]]] = {}
    hashes: list[bytes] = []
    for row in range(0, rows, TILE):
        height = min(TILE, rows - row)
        for first, width, lines_of in strips:
            if (height, width) not in rooms:
                rooms[height, width] = _room(frame, height, width, cell, first, lines_of.shape[1])
            room, tiles = rooms[height, width]
            room["row"] = row
            room["lines"] = lines_of[row : row + height].T
            hashes += [digest.digest() for digest in map(hashlib.sha256, tiles)]
    return hashes


def _room(
    frame: int, height: int, width: int, cell: int, first: int, count: int
) -> tuple[npt.NDArray[np.void], list[memoryview]]:
    """Return where ``count`` tiles beside each other are laid out as they are hashed, and each."""
    room = np.empty(count, _tile_layout(height, width * cell))
    room["label"], room["frame"] = _LABEL, frame
    room["height"], room["width"] = height, width
    room["column"] = np.arange(first, first + count * width, width)
    whole, size = room.view(np.uint8).data, room.itemsize
    return room, [whole[at : at + size] for at in range(0, len(whole), size)]


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
