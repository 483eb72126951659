"""Where a marked image lies in a picture of it."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError
from watermark.grid import SIDE, Geometry
from watermark.lens import Lens

Points = npt.NDArray[np.float64]

_FLATTEST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Placement:
    """A homography from the canonical grid to the pixels of a picture, and perhaps a lens.

    Both have their origin at the outer corner of the first sample, x along the columns and y
    along the rows: pixel (row, column) covers ``column <= x < column + 1``, and its centre has
    ``x = column + 0.5``. The longer side of the marked image is 1024 on the grid.

    Attributes
    ----------
    matrix : tuple of float
        The nine numbers of the matrix, row by row; the last one is 1.
    lens : Lens, optional
        Of the camera, in pixels of the picture: what the homography leads to is seen through it.
    """

    matrix: tuple[float, float, float, float, float, float, float, float, float]
    lens: Lens | None = None

    @classmethod
    def upright(cls, geometry: Geometry) -> Self:
        """Return the placement of an image that is whole and as it was marked."""
        scale = geometry.longer / SIDE
        return cls((scale, 0.0, 0.0, 0.0, scale, 0.0, 0.0, 0.0, 1.0))

    @classmethod
    def of(cls, matrix: npt.NDArray[np.floating[Any]], lens: Lens | None = None) -> Self:
        """Return the placement of a 3 x 3 matrix; ArgumentError if it cannot be undone."""
        m = np.asarray(matrix, np.float64)
        if m.shape != (3, 3) or not np.isfinite(m).all() or abs(m[2, 2]) < _FLATTEST:
            raise ArgumentError("a placement is a finite 3 x 3 matrix")
        if abs(np.linalg.det(m / m[2, 2])) < _FLATTEST:
            raise ArgumentError("a placement can be undone")
        a, b, c, d, e, f, g, h, _ = (float(x) for x in (m / m[2, 2]).ravel())
        return cls((a, b, c, d, e, f, g, h, 1.0), lens)

    @property
    def array(self) -> Points:
        """The matrix, float64, 3 x 3."""
        return np.array(self.matrix, np.float64).reshape(3, 3)

    def scaled(self, scale: float) -> Self:
        """Return the same in a picture whose lengths are so many times as great."""
        matrix = np.diag([scale, scale, 1.0]) @ self.array
        return self.of(matrix, self.lens.scaled(scale) if self.lens else None)

    def to_picture(self, points: Points) -> Points:
        """Map grid points (n, 2), x and y, to the picture."""
        found = _map(self.array, points)
        if self.lens is None:
            return found
        return np.stack(self.lens.through(*found.T), axis=1)

    def to_grid(self, points: Points) -> Points:
        """Map points of the picture (n, 2), x and y, to the grid."""
        if self.lens is not None:
            points = np.stack(self.lens.without(*points.T), axis=1)
        return _map(np.linalg.inv(self.array).astype(np.float64), points)


def _map(matrix: Points, points: Points) -> Points:
    wide = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    mapped: Points = wide[:, :2] / wide[:, 2:]
    return mapped
