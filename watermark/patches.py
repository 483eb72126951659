"""Maps of cells: blurred, grown, shrunk, and taken apart into patches."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def blur(cells: Reals, width: float) -> Reals:
    """Return means under a Gaussian of this standard deviation, in cells; nothing lies outside."""
    down, across = (_gaussian(side, width) for side in cells.shape)
    blurred: Reals = down @ cells @ across
    return blurred


def _gaussian(side: int, width: float) -> Reals:
    place = np.arange(side)
    kernel: Reals = np.exp(-np.square(np.subtract.outer(place, place) / width) / 2)
    kernel /= width * np.sqrt(2 * np.pi)
    return kernel


def grow(cells: Flags) -> Flags:
    """Add every cell that has a side in common with a set one."""
    wide = np.pad(cells, 1)
    grown: Flags = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:] | cells
    return grown


def shrink(cells: Flags) -> Flags:
    """Take away every cell that has a side in common with one that is not set; edges stay."""
    return ~grow(~cells)


def grow_into(cells: Flags, ground: Flags, *, steps: int) -> Flags:
    """Grow a number of times, but only over ``ground``."""
    for _ in range(steps):
        cells = cells | (grow(cells) & ground)
    return cells


def smooth(cells: Flags, width: float) -> Flags:
    """Return cells around which most are set, under a Gaussian: corners and notches go."""
    share = blur(cells.astype(np.float64), width)
    most: Flags = 2 * share > blur(np.ones(cells.shape), width)
    return most


def patches(cells: Flags) -> Iterator[Places]:
    """Yield rows and columns of every patch: set cells that touch, corners included."""
    left = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    while left:
        queue = deque([left.pop()])
        patch = []
        while queue:
            row, column = place = queue.popleft()
            patch.append(place)
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= around
            queue.extend(around)
        rows, columns = np.array(patch, np.intp).T
        yield rows, columns
