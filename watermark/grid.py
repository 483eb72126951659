"""The canonical grid: every image's long side is 1024 wide on it, whatever its size in pixels.

Both directions are banded matrices along one axis. Their weights are whole 64ths, made by
integer division, so that what is built from whole numbers stays exact in float32 (spec, 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from watermark.errors import CapacityError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SIDE: Final = 1024
CELL: Final = 16
UNIT: Final = 64
SHORTEST: Final = 64
LONGEST: Final = 65535
_CACHED: Final = 16


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size of an image, and of its share of the canonical grid."""

    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Self:
        """Return the geometry of an array shape; CapacityError if no mark fits in."""
        rows, columns = shape
        shorter, longer = min(shape), max(shape)
        narrow = shorter * SIDE <= longer * CELL  # a single row or column of cells
        if shorter < CELL or narrow or not SHORTEST <= longer <= LONGEST:
            raise CapacityError(f"an image of {rows} x {columns} has no room for a mark")
        return cls(rows, columns)

    @property
    def longer(self) -> int:
        """The longer side, in pixels."""
        return max(self.rows, self.columns)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of 16 x 16 cells that touch the image; the longer side has 64."""
        span = self.longer * CELL
        return -(-self.rows * SIDE // span), -(-self.columns * SIDE // span)

    @property
    def canvas(self) -> tuple[int, int]:
        """Rows and columns of the grid in use: whole cells."""
        rows, columns = self.cells
        return rows * CELL, columns * CELL


@dataclass(frozen=True, slots=True)
class Block:
    """Some neighbouring outputs of a resampling: a dense matrix over the inputs they need."""

    outputs: slice
    inputs: slice
    matrix: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """A resampling along one axis: output ``i`` is ``sum of weights[i, k] * input[first[i] + k]``.

    Weights of an output sum to 64; those of inputs that do not exist are zero.
    """

    first: Ints
    weights: Floats
    inputs: int

    def block(self, start: int, stop: int) -> Block:
        """Return outputs ``start`` to ``stop``."""
        first, weights = self.first[start:stop], self.weights[start:stop]
        reach = weights.shape[1]
        low = int(first[0])
        dense = np.zeros((len(first), int(first[-1]) + reach - low), np.float32)
        place = (first - low)[:, np.newaxis] + np.arange(reach)
        dense[np.arange(len(first))[:, np.newaxis], place] = weights
        high = min(low + dense.shape[1], self.inputs)
        return Block(slice(start, start + len(first)), slice(low, high), dense[:, : high - low])

    def blocks(self, step: int) -> tuple[Block, ...]:
        """Return all outputs, ``step`` at a time."""
        return _blocks(self, step)


@lru_cache(maxsize=_CACHED)
def _blocks(taps: Taps, step: int) -> tuple[Block, ...]:
    return tuple(taps.block(start, start + step) for start in range(0, len(taps.first), step))


@lru_cache(maxsize=_CACHED)
def _turned(taps: Taps, step: int) -> tuple[Block, ...]:
    """Return the blocks with matrices whose columns lie next to each other."""
    return tuple(
        replace(block, matrix=np.asfortranarray(block.matrix)) for block in _blocks(taps, step)
    )


class Columns:
    """A resampling along the columns, made ready for many strips of rows."""

    def __init__(self, taps: Taps, *, step: int) -> None:
        self._blocks = taps.blocks(step)
        self._width = len(taps.first)

    def of(self, rows: Floats) -> Floats:
        """Return these rows resampled, times 64."""
        result = np.empty((len(rows), self._width), np.float32)
        for block in self._blocks:
            np.matmul(rows[:, block.inputs], block.matrix.T, out=result[:, block.outputs])
        return result


class ExactColumns(Columns):
    """The same for whole numbers whose sums float32 holds in any order.

    Their matrices lie in memory as BLAS is quickest with; it then sums in another order.
    """

    def __init__(self, taps: Taps, *, step: int) -> None:
        super().__init__(taps, step=step)
        self._blocks = _turned(taps, step)


@lru_cache(maxsize=_CACHED)
def linear_taps(outputs: int, inputs: int, *, scale: tuple[int, int]) -> Taps:
    """Interpolate: output ``i`` lies at input ``(i + 1/2) * scale - 1/2``, in whole 64ths.

    ``scale`` is inputs an output, as a fraction; ends are repeated.
    """
    top, bottom = scale
    place = (2 * np.arange(outputs, dtype=np.int64) + 1) * (UNIT * top) // (2 * bottom) - UNIT // 2
    place = np.clip(place, 0, (inputs - 1) * UNIT)
    right = place % UNIT
    return Taps(place // UNIT, np.stack([UNIT - right, right], axis=1).astype(np.float32), inputs)


@lru_cache(maxsize=_CACHED)
def area_taps(outputs: int, inputs: int, *, scale: tuple[int, int]) -> Taps:
    """Average: output ``i`` covers inputs ``i * scale`` to ``(i + 1) * scale``, in whole 64ths.

    ``scale`` is inputs an output, as a fraction of at least one. Weights are 64ths of the
    output; an output that no input covers takes the last one.
    """
    top, bottom = scale
    edges = np.arange(inputs + 1, dtype=np.int64) * (UNIT * bottom) // top
    left = np.arange(outputs, dtype=np.int64) * UNIT
    first = np.clip(np.searchsorted(edges, left, side="right") - 1, 0, inputs - 1)
    reach = -(-top // bottom) + 2
    index = np.minimum(first[:, np.newaxis] + np.arange(reach), inputs)
    low = np.maximum(edges[index], left[:, np.newaxis])
    high = np.minimum(edges[np.minimum(index + 1, inputs)], left[:, np.newaxis] + UNIT)
    weights = np.maximum(high - low, 0).astype(np.float32)
    last = np.clip(inputs - 1 - first, 0, reach - 1)
    weights[np.arange(outputs), last] += UNIT - weights.sum(axis=1)
    return Taps(first, weights, inputs)


def strips(geometry: Geometry, samples: int) -> Iterator[slice]:
    """Yield row ranges of about so many samples, from the top.

    Each is a multiple of four rows, but for the last.
    """
    step = max(4, samples // geometry.columns // 4 * 4)
    for start in range(0, geometry.rows, step):
        yield slice(start, min(start + step, geometry.rows))


def block_sums(values: Floats, side: int) -> Floats:
    """Return sums over blocks of side x side values."""
    tall = values.reshape(len(values) // side, side, -1).sum(axis=1)
    sums: Floats = tall[:, ::side]
    for place in range(1, side):
        sums = sums + tall[:, place::side]
    return sums


def to_grid(pixels: int, points: int, *, longer: int) -> Taps:
    """Return the taps from an image axis to a grid axis."""
    taps = area_taps if longer >= SIDE else linear_taps
    return taps(points, pixels, scale=(longer, SIDE))


def from_grid(pixels: int, points: int, *, longer: int) -> Taps:
    """Return the taps from a grid axis to an image axis."""
    taps = linear_taps if longer >= SIDE else area_taps
    return taps(pixels, points, scale=(SIDE, longer))
