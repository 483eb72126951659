"""What is added to the pixels: pattern times mask, brought to the image's size strip by strip.

Every number here is a whole one, or a whole one over a power of two, and small enough to be
exact in float32, sums in any order included. So the result is the same on every machine,
which is what makes the original restorable (docs/spec/mark.md, 6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.grid import (
    CELL,
    SIDE,
    UNIT,
    Block,
    ExactColumns,
    Geometry,
    Taps,
    from_grid,
    linear_taps,
    strips,
)
from watermark.pattern import PEAK, Pattern

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

STEPS: Final = 2
"""Mask codes an octave."""
MASK: Final = np.array([0, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362], np.int16)
"""Mask by code: zero, then steps of half an octave."""
TOP_SHIFT: Final = 30
STRIP_SAMPLES: Final = 1 << 19
_STEP: Final = 64
_ROWS: Final = 24
_SAMPLES: Final = 1 << 15


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

    @property
    def most(self) -> int:
        """No change exceeds this, in grey levels."""
        return -(-PEAK * int(MASK[self.codes].max()) >> self.shift)


def imprint(pattern: Pattern, mask: Mask, geometry: Geometry) -> Iterator[tuple[slice, Floats]]:
    """Yield what a mark adds, some rows at a time, from the top.

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
        The image rows; few, so that what a caller does with them stays in the cache.
    change : float32, shape (these rows, columns)
        Whole grey levels to add.
    """
    waves = _Plane(pattern, geometry, from_grid)
    heights = _Plane(MASK[mask.codes], geometry, _from_cells)
    factor = 0.5 ** (mask.shift + UNIT.bit_length() - 1)
    step = min(max(_SAMPLES // geometry.columns, 1), _ROWS)
    for strip in strips(geometry, STRIP_SAMPLES):
        waves.reach(strip)
        heights.reach(strip)
        for start in range(strip.start, strip.stop, step):
            part = slice(start, min(start + step, strip.stop))
            height = heights.rows(part, 1 / UNIT)
            np.rint(height, out=height)
            change = waves.rows(part, factor)
            change *= height
            yield part, np.rint(change, out=change)


class _Plane:
    """A small array of whole numbers and how to stretch it over the image."""

    def __init__(
        self, source: npt.NDArray[np.int16], geometry: Geometry, taps: Callable[..., Taps]
    ) -> None:
        height, width = source.shape
        self.source = source.astype(np.float32) * np.float32(1 / UNIT)
        self.down = taps(geometry.rows, height, longer=geometry.longer)
        self.across = ExactColumns(
            taps(geometry.columns, width, longer=geometry.longer), step=_STEP
        )
        self._first = 0
        self._wide: Floats = np.empty((0, geometry.columns), np.float32)

    def reach(self, strip: slice) -> None:
        """Stretch the rows of the source that a strip of the image needs, from column to column."""
        first, last = int(self.down.first[strip.start]), int(self.down.first[strip.stop - 1])
        last = min(last + self.down.weights.shape[1], len(self.source))
        wide = self.across.of(self.source[first:last])
        self._first, self._wide = first, np.rint(wide, out=wide)

    def rows(self, part: slice, factor: float) -> Floats:
        """Return ``64 * factor`` times rows of the strip; ``factor`` is a power of two."""
        block = _block(self.down, part.start, part.stop)
        inputs = slice(block.inputs.start - self._first, block.inputs.stop - self._first)
        result: Floats = np.matmul(block.matrix * np.float32(factor), self._wide[inputs])
        return result


@lru_cache(maxsize=512)
def _block(taps: Taps, start: int, stop: int) -> Block:
    return taps.block(start, stop)


def _from_cells(pixels: int, points: int, *, longer: int) -> Taps:
    """Return the taps from a cell axis to an image axis."""
    return linear_taps(pixels, points, scale=(SIDE // CELL, longer))
