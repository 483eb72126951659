"""The part of a picture that shows anything: an X-ray on a slide, or within a frame."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_CELLS: Final = 64
_LARGEST: Final = 0.75
"""Share of the picture above which a region is no part of it but the picture itself."""
_SMALLEST: Final = 0.02


def busy_region(image: Image) -> tuple[slice, slice] | None:
    """Return the bounding box of the largest connected region that is not one flat grey.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels.

    Returns
    -------
    tuple of slice or None
        Rows and columns; None if it is nearly all of the picture, or next to nothing.
    """
    side = max(2, -(-max(image.shape) // _CELLS))
    rows, columns = (length // side for length in image.shape)
    if min(rows, columns) < 4:
        return None
    cells = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    busy = cells.max(axis=(1, 3)) != cells.min(axis=(1, 3))
    largest = _largest(busy)
    if largest is None:
        return None
    down, across = np.flatnonzero(largest.any(axis=1)), np.flatnonzero(largest.any(axis=0))
    box = (
        slice(down[0] * side, (down[-1] + 1) * side),
        slice(across[0] * side, (across[-1] + 1) * side),
    )
    share = (down[-1] + 1 - down[0]) * (across[-1] + 1 - across[0]) / busy.size
    return box if _SMALLEST <= share <= _LARGEST else None


def _largest(busy: Flags) -> Flags | None:
    """Return the largest 4-connected region of a small map."""
    labels = np.where(busy, np.arange(1, busy.size + 1).reshape(busy.shape), 0)
    while True:  # every cell takes the greatest label around it, until nothing changes
        wide = np.pad(labels, 1)
        around = np.maximum.reduce(
            [wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]]
        )
        grown = np.where(busy, np.maximum(labels, around), 0)
        if (grown == labels).all():
            break
        labels = grown
    names, counts = np.unique(labels[busy], return_counts=True)
    return labels == names[counts.argmax()] if names.size else None
