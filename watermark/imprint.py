"""What is added to the pixels: pattern times mask, brought to the image's size strip by strip.

Every number here is a whole one, or a whole one over a power of two, and small enough to be
exact in float32, sums in any order included. So the result is the same on every machine,
which is what makes the original restorable (docs/spec/mark.md, 6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.grid import CELL, SIDE, UNIT, Columns, Geometry, Taps, from_grid, linear_taps
from watermark.pattern import Pattern

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

STEPS: Final = 2
"""Mask codes an octave."""
MASK: Final = np.array([0, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362], np.int16)
"""Mask by code: zero, then steps of half an octave."""
TOP_SHIFT: Final = 30
STRIP_SAMPLES: Final = 1 << 18
_STEP: Final = 96


@dataclass(frozen=True, slots=True)
class Mask:
    """Height of the mark by cell.

    Attributes
    ----------
    codes : uint8, shape of ``Geometry.cells``
        Indices into ``MASK``.
    shift : int
        Pattern times mask over ``2 ** shift`` is in grey levels.
    """

    codes: Codes
    shift: int


def imprint(pattern: Pattern, mask: Mask, geometry: Geometry) -> Iterator[tuple[slice, Floats]]:
    """Yield what a mark adds, strip by strip from the top.

    Parameters
    ----------
    pattern : int16, shape of ``Geometry.canvas``
        From ``watermark.pattern``.
    mask : Mask
        Height of the mark by cell.
    geometry : Geometry
        The size of the image.

    Yields
    ------
    rows : slice
        The image rows of this strip.
    change : float32, shape (strip rows, columns)
        Whole grey levels to add.
    """
    waves = _Plane(pattern, geometry, from_grid)
    heights = _Plane(MASK[mask.codes], geometry, _from_cells)
    factor = 0.5 ** (mask.shift + UNIT.bit_length() - 1)
    for strip in strips(geometry):
        height = np.rint(heights.rows(strip, 1 / UNIT))
        change = waves.rows(strip, factor)
        change *= height
        yield strip, np.rint(change, out=change)


def strips(geometry: Geometry) -> Iterator[slice]:
    """Yield row ranges from the top, a multiple of four rows each but for the last."""
    step = max(4, STRIP_SAMPLES // geometry.columns // 4 * 4)
    for start in range(0, geometry.rows, step):
        yield slice(start, min(start + step, geometry.rows))


class _Plane:
    """A small array of whole numbers and how to stretch it over the image."""

    def __init__(
        self, source: npt.NDArray[np.int16], geometry: Geometry, taps: Callable[..., Taps]
    ) -> None:
        height, width = source.shape
        self.source = source.astype(np.float32)
        self.down = taps(geometry.rows, height, longer=geometry.longer)
        self.across = Columns(taps(geometry.columns, width, longer=geometry.longer), step=_STEP)

    def rows(self, strip: slice, factor: float) -> Floats:
        """Return ``64 * factor`` times these image rows; ``factor`` is a power of two."""
        block = self.down.block(strip.start, strip.stop)
        wide = self.across.of(self.source[block.inputs])
        wide *= np.float32(1 / UNIT)
        return (block.matrix * np.float32(factor)) @ np.rint(wide, out=wide)


def _from_cells(pixels: int, points: int, *, longer: int) -> Taps:
    """Return the taps from a cell axis to an image axis."""
    return linear_taps(pixels, points, scale=(SIDE // CELL, longer))
