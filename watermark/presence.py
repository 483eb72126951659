"""Where in a picture the mark is missing though it should show: there it was altered."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.absence import judge, levelled, likelihood, likely
from watermark.canvas import to_canvas
from watermark.detect import Reading
from watermark.errors import ArgumentError
from watermark.grid import CELL, Geometry
from watermark.patches import Flags, Places, Reals, patches, shrink
from watermark.placement import Placement
from watermark.testimony import Testimony, testify
from watermark.warp import shown_canvas, warp

Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

_STRIP: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Presence:
    """Where the mark is, by cell of 16 x 16 grid points.

    Attributes
    ----------
    altered : bool, shape (cell rows, cell columns)
        The mark is absent, though it should show.
    certain : bool, same shape
        The part of ``altered`` whose patches are so far below expectation that honest copies do not
        show any. The rest is where to look closer.
    known : bool, same shape
        The mark's absence would be noticed here. Cells that are flat, saturated, outside the
        picture, or too weakly marked are not known, and nothing is said of them.
    score : float64, same shape
        How likely it is that the mark is present, by the neighbourhood: near 1 where it is
        present, near 0 where it is absent, 0.5 where nothing can be told.
    placement : Placement
        Where the grid lies in the picture.
    """

    altered: Flags
    certain: Flags
    known: Flags
    score: Reals
    placement: Placement

    @property
    def share(self) -> float:
        """Altered share of the known cells; 0 if none is known."""
        return float(self.altered.sum()) / max(1, int(self.known.sum()))

    def regions(self, shape: tuple[int, int]) -> list[Box]:
        """Return boxes (x, y, width, height) around altered patches, the largest patch first.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the picture.
        """
        found = sorted(patches(self.altered), key=lambda patch: (-len(patch[0]), patch[0].min()))
        boxes = (self._box(patch, shape) for patch in found)
        return [box for box in boxes if box[2] > 0 and box[3] > 0]

    def _box(self, patch: Places, shape: tuple[int, int]) -> Box:
        low = np.array([patch[1], patch[0]], np.float64).T * CELL
        corners = [low + np.array(corner) * CELL for corner in ((0, 0), (0, 1), (1, 0), (1, 1))]
        points = self.placement.to_picture(np.concatenate(corners))
        size = np.array(shape[::-1], np.float64)
        left, top = np.clip(np.floor(points.min(axis=0) + 1e-6), 0, size)
        right, bottom = np.clip(np.ceil(points.max(axis=0) - 1e-6), 0, size)
        return int(left), int(top), int(right - left), int(bottom - top)

    def mask(self, rows: int, columns: int) -> Flags:
        """Return the altered pixels of a picture of this size: bool, shape (rows, columns)."""
        result = np.zeros((rows, columns), np.bool_)
        across = np.arange(columns) + 0.5
        step = max(1, _STRIP // max(1, columns))
        for start in range(0, rows, step):
            down = np.arange(start, min(start + step, rows)) + 0.5
            points = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
            with np.errstate(divide="ignore", invalid="ignore"):  # points at the horizon
                cell = np.floor(self.placement.to_grid(points) / CELL)
            column, row = cell.T
            height, width = self.altered.shape
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = row[inside].astype(np.intp), column[inside].astype(np.intp)
            result[start : start + len(down)].reshape(-1)[inside] = self.altered[place]
        return result


def presence(
    image: npt.NDArray[Any], reading: Reading, *, key: bytes, shape: tuple[int, int] | None = None
) -> Presence:
    """Say where in a picture the mark that was read from it is absent.

    What cells show of the mark is held against what they should (``testimony``), and tested
    against both answers (``absence``, where the levels are).

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        The picture that was read.
    reading : Reading
        What was read, and where it lies.
    key : bytes
        The 32-byte mark key.
    shape : tuple of int, optional
        Rows and columns of the marked image, if they are known.

    Raises
    ------
    ArgumentError
        The picture is not 2-D and real.
    CapacityError
        It has no room for a mark, so nothing can have been read from it.
    """
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise ArgumentError(f"an image is 2-D and real, not {image.ndim}-D {image.dtype}")
    canvas, clear = _laid(image, reading.placement, shape)
    sign = -1 if reading.inverted else 1
    testimony = testify(canvas, clear, payload=reading.payload, key=key, sign=sign)
    correlation, information, present = _weighed(testimony, clear, score=reading.score)
    altered, certain, known = judge(correlation, information, present)
    score = likelihood(*levelled(correlation, information, present), present)
    return Presence(altered, certain, known, score, reading.placement)


def _weighed(testimony: Testimony, clear: Flags, *, score: float) -> tuple[Reals, Reals, Flags]:
    """Return both parts of the likelihood ratio, and the cells to learn from.

    They are weighed again by how likely each cell has the mark: only so may the mark's worth
    change with the grain, which an altered area brings along.
    """

    def weigh(trust: npt.NDArray[Any], *by: Reals) -> tuple[Reals, Reals]:
        return testimony.weigh(trust.astype(np.float64), score=score, by=by)

    present = likely(*weigh(clear, testimony.grey))
    trust = present * likelihood(*weigh(present, testimony.grey), present)
    return *weigh(trust, testimony.grey, testimony.grain), present


def _laid(
    image: npt.NDArray[Any], placement: Placement, shape: tuple[int, int] | None
) -> tuple[Floats, Flags]:
    """Return the picture on the grid, and the cells that lie inside it, off its edges."""
    geometry = Geometry.of(image.shape)
    wanted = Geometry.of(shape) if shape else None
    if placement == Placement.upright(geometry):
        return _fitted(to_canvas(image, geometry), wanted or geometry)
    canvas = wanted.canvas if wanted else shown_canvas(image, placement)
    grid, inside = warp(image, placement, canvas)
    apart = inside.reshape(canvas[0] // CELL, CELL, canvas[1] // CELL, CELL)
    return grid, shrink(np.asarray(apart.all(axis=(1, 3))))


def _fitted(canvas: Floats, wanted: Geometry) -> tuple[Floats, Flags]:
    """Cut a canvas, or repeat its last row and column: sizes of a copy round to other cells."""
    (rows, columns), (height, width) = wanted.canvas, canvas.shape
    clear = np.zeros(wanted.cells, np.bool_)
    clear[: height // CELL, : width // CELL] = True
    canvas = canvas[:rows, :columns]
    missing = [(0, rows - canvas.shape[0]), (0, columns - canvas.shape[1])]
    return np.pad(canvas, missing, mode="edge"), clear
