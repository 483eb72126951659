"""Bring what a picture shows back into the frame of the sealed image, as a thumbnail of it.

The thumbnail is compared, never stored, so it need not be the same to the bit everywhere.
"""

import numpy as np
import numpy.typing as npt

from provenance.claims.descriptor import SIDE, Samples, Thumbnail, cell_edges
from watermark import Placement

GRID = 1024  # points of the longer side of the canonical grid (docs/spec/mark.md, section 3)
_SAMPLES = 8  # a cell's mean is taken over so many places along either side
_AHEAD = 1e-6  # what a homography divides by; at or below zero lies behind the viewer

Reals = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def register(plane: Samples, placement: Placement, *, rows: int, columns: int) -> Thumbnail:
    """Shrink what a picture shows of the sealed image to the cells of its thumbnail.

    Parameters
    ----------
    plane : integer, shape (picture rows, picture columns)
        Grey levels of the picture.
    placement : Placement
        From the canonical grid to the picture.
    rows, columns : int
        Size of the sealed image, in pixels.

    Returns
    -------
    Thumbnail
        Cells that do not lie wholly within the picture are not known.
    """
    y, height = _places(rows, rows, columns)
    x, width = _places(columns, rows, columns)
    matrix = placement.array
    factor = _shrinking(matrix, centre=(x.mean(), y.mean()), cell=min(width, height))
    factor = min(factor, *plane.shape)
    across, down, ahead = _project(matrix, x, y)
    if placement.lens is not None:
        across, down = placement.lens.through(across, down)
    inside = ahead & (across >= 0) & (across <= plane.shape[1])
    inside &= (down >= 0) & (down <= plane.shape[0])
    small = _shrunk(plane, factor)
    levels = _interpolated(small, across / factor - 0.5, down / factor - 0.5, inside)
    known: Mask = inside.reshape(SIDE, _SAMPLES, SIDE, _SAMPLES).all(axis=(1, 3))
    means = levels.reshape(SIDE, _SAMPLES, SIDE, _SAMPLES).mean(axis=(1, 3))
    return Thumbnail(np.where(known, means, 0.0), known)


def _places(length: int, rows: int, columns: int) -> tuple[Reals, float]:
    """Return where samples are taken along one axis, in grid points, and the size of a cell."""
    starts, counts = cell_edges(length)
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    scale = GRID / max(rows, columns)
    places = (starts[:, None] + steps * counts[:, None]).ravel() * scale
    return places, float(counts.mean()) * scale


def _project(matrix: Reals, x: Reals, y: Reals) -> tuple[Reals, Reals, Mask]:
    """Map a lattice of grid points; what lies behind the viewer is nowhere."""
    across = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1) @ matrix.T
    depth = across[..., 2]
    ahead: Mask = depth > _AHEAD
    safe = np.where(ahead, depth, 1.0)
    return across[..., 0] / safe, across[..., 1] / safe, ahead


def _shrinking(matrix: Reals, *, centre: tuple[float, float], cell: float) -> int:
    """How many pixels of the picture, along either side, make one place of a cell's mean."""
    point = matrix @ np.array([*centre, 1.0])
    depth = max(float(point[2]), _AHEAD)
    slopes = (matrix[:2, :2] - np.outer(point[:2] / depth, matrix[2, :2])) / depth
    scale = float(np.sqrt(abs(np.linalg.det(slopes))))
    return max(int(scale * cell / _SAMPLES), 1)


def _shrunk(plane: Samples, factor: int) -> Reals:
    rows, columns = plane.shape[0] // factor, plane.shape[1] // factor
    whole = plane[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(whole.sum(axis=(1, 3), dtype=np.int64) / factor**2, dtype=np.float64)


def _interpolated(small: Reals, x: Reals, y: Reals, inside: Mask) -> Reals:
    x = np.clip(np.where(inside, x, 0.0), 0, small.shape[1] - 1)
    y = np.clip(np.where(inside, y, 0.0), 0, small.shape[0] - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, below = np.minimum(left + 1, small.shape[1] - 1), np.minimum(top + 1, small.shape[0] - 1)
    u, v = x - left, y - top
    upper = small[top, left] * (1 - u) + small[top, right] * u
    lower = small[below, left] * (1 - u) + small[below, right] * u
    return np.asarray(upper * (1 - v) + lower * v, dtype=np.float64)
