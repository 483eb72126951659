"""Bring a picture onto the canonical grid through a placement."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError
from watermark.grid import CELL
from watermark.placement import Placement

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_STRIP: Final = 128
_FAR: Final = 1e6
_LEAST_SPAN: Final = 1e-15  # of floats, beyond which float32 would not hold their squares


def warp(
    image: npt.NDArray[Any], placement: Placement, canvas: tuple[int, int]
) -> tuple[Floats, Flags]:
    """Return a picture as the canonical grid sees it.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels.
    placement : Placement
        From the grid to the picture's pixels.
    canvas : tuple of int
        Rows and columns of the grid to fill.

    Returns
    -------
    grid : float32, shape ``canvas``
        Grey levels: means over whole pixels if the picture is finer than the grid, then
        bilinear; the mean of the rest where there is no picture.
    inside : bool, same shape
        Where there is a picture.
    """
    source, scale = reduced(image, placement)
    matrix, lens = (own := placement.scaled(1 / scale)).array, own.lens
    rows, columns = source.shape
    flat = source.ravel()
    grid = np.empty(canvas, np.float32)
    inside = np.empty(canvas, np.bool_)
    x_grid = np.arange(canvas[1]) + 0.5
    for start in range(0, canvas[0], _STRIP):
        y_grid = np.arange(start, min(start + _STRIP, canvas[0]))[:, np.newaxis] + 0.5
        top = [matrix[i, 0] * x_grid + matrix[i, 1] * y_grid + matrix[i, 2] for i in range(3)]
        ahead = np.abs(top[2]) > 1 / _FAR
        depth = np.where(ahead, top[2], 1)
        x = np.clip(top[0] / depth, -_FAR, _FAR)
        y = np.clip(top[1] / depth, -_FAR, _FAR)
        if lens is not None:
            x, y = lens.through(x, y)
        seen = ahead & (x >= 0) & (y >= 0) & (x <= columns) & (y <= rows)
        x = np.clip(x - 0.5, 0, columns - 1)
        y = np.clip(y - 0.5, 0, rows - 1)
        left = np.minimum(x.astype(np.intp), columns - 2)
        above = np.minimum(y.astype(np.intp), rows - 2)
        place = above * columns + left
        right, below = (x - left).astype(np.float32), (y - above).astype(np.float32)
        upper = flat[place] * (1 - right) + flat[place + 1] * right
        place += columns
        lower = flat[place] * (1 - right) + flat[place + 1] * right
        grid[start : start + _STRIP] = upper * (1 - below) + lower * below
        inside[start : start + _STRIP] = seen
    if not inside.all():
        grid[~inside] = grid[inside].mean() if inside.any() else 0
    return grid, inside


def shown_canvas(image: npt.NDArray[Any], placement: Placement) -> tuple[int, int]:
    """Return the least canvas, in whole cells, that holds all of the grid the picture shows."""
    rows, columns = image.shape
    corners = np.array([[0.0, 0], [columns, 0], [0, rows], [columns, rows]])
    with np.errstate(divide="ignore", invalid="ignore"):  # a corner may lie on the horizon
        far = np.nan_to_num(placement.to_grid(corners), nan=0.0).max(axis=0)
    width, height = (int(np.clip(np.ceil(side / CELL), 2, 64)) * CELL for side in far)
    return height, width


def reduced(image: npt.NDArray[Any], placement: Placement) -> tuple[Floats, int]:
    """Return means over blocks of pixels about as large as a grid point, and their side.

    float32; the means themselves are reduced no further.
    """
    if image.ndim != 2 or min(image.shape) < 2:
        raise ArgumentError(f"a picture is 2-D and at least 2 x 2, not {image.shape}")
    linear = placement.array[:2, :2]
    fineness = float(np.sqrt(abs(np.linalg.det(linear))))
    side = max(1, min(int(fineness + 0.25), min(image.shape) // 2))
    if image.dtype.kind == "f":
        span = float(image.max()) - float(image.min())
        if span > 0 and not _LEAST_SPAN < span < 1 / _LEAST_SPAN:
            image = image.astype(np.float64) / span
    pedestal = float(image.flat[0])
    if side == 1:
        return (image.astype(np.float64) - pedestal).astype(np.float32), 1
    rows, columns = (length // side for length in image.shape)
    blocks = np.empty((rows, columns), np.float32)
    step = max(1, _STRIP // side)
    for start in range(0, rows, step):
        part = image[start * side : min(start + step, rows) * side, : columns * side]
        levels = part.astype(np.float32) - np.float32(pedestal)
        strip = levels.reshape(-1, side, columns, side).sum(axis=(1, 3))
        blocks[start : start + step] = strip / side**2
    return blocks, side
