"""From cells of the sealed image's grid to rectangles of the picture that shows them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from provenance.image_tree import Region, Witness
from watermark import Placement

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


def regions_of(
    cells: Mask,
    *,
    size: tuple[float, float],
    placement: Placement,
    picture: tuple[int, int],
    witness: Witness,
) -> tuple[Region, ...]:
    """Return the rectangle around each group of touching cells, in pixels of a picture.

    Parameters
    ----------
    cells : bool, shape (cell rows, cell columns)
        What to name.
    size : tuple of float
        Width and height of a cell, in points of the canonical grid.
    placement : Placement
        From the grid to the picture.
    picture : tuple of int
        Rows and columns of the picture; what lies outside is left out.
    witness : Witness
        What tells that they differ.
    """
    found = (
        _around(corners(group, size=size, placement=placement), picture, witness)
        for group in groups(cells)
    )
    regions = (region for region in found if region is not None)
    return tuple(sorted(regions, key=lambda r: (r.y, r.x)))


def groups(cells: Mask) -> Iterator[list[tuple[int, int]]]:
    """Part a mask into groups of cells that touch by a side or a corner."""
    left = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    while left:
        group, edge = [], [left.pop()]
        while edge:
            row, column = edge.pop()
            group.append((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge.extend(near)
        yield group


def corners(
    group: list[tuple[int, int]], *, size: tuple[float, float], placement: Placement
) -> Points:
    """Return the four corners of each cell in the picture: shape (cells, 4, 2), x and y."""
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    at = np.array(group)[:, None, ::-1] + steps
    points = (at * np.array(size)).reshape(-1, 2)
    return placement.to_picture(points).reshape(-1, 4, 2)


def _around(points: Points, picture: tuple[int, int], witness: Witness) -> Region | None:
    rows, columns = picture
    bounds = np.array([columns, rows])
    low = np.clip(np.floor(points.min(axis=(0, 1))), 0, bounds)
    high = np.clip(np.ceil(points.max(axis=(0, 1))), 0, bounds)
    (x, y), (right, bottom) = low.astype(int).tolist(), high.astype(int).tolist()
    if right <= x or bottom <= y:
        return None
    return Region(0, x, y, right - x, bottom - y, witness)
