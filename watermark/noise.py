"""How noisy an image is, place by place."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.grid import CELL, SIDE, UNIT, Columns, Geometry, Taps, area_taps, linear_taps, strips

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint16]
Image = npt.NDArray[np.integer[Any]]

BLOCKS: Final = 2
"""Blocks along a side of a cell. The quieter half speaks for it: an edge is not noise."""
SPARSE: Final = 0.2
"""Live share of a cell below which its noise is not known."""
STRIP_SAMPLES: Final = 1 << 18
_TO_DEVIATION: Final = 1.2533  # sqrt(pi / 2): mean magnitude to standard deviation, if normal
_STEP: Final = 16
_EXACT: Final = 1 << 23
_WORDS: Final = 1 << 16
_EMPTY: Final = 0.05  # a block with a smaller live share says nothing about noise


@dataclass(frozen=True, slots=True)
class Noise:
    """What the cells of an image are like.

    Attributes
    ----------
    deviation : float32, shape of ``Geometry.cells``
        Standard deviation of the local noise, in grey levels.
    alive : float32, same shape
        Share of the cell's pixels that are neither the darkest nor the brightest of the image.
    mean : float32, same shape
        Mean grey level.
    """

    deviation: Floats
    alive: Floats
    mean: Floats


def estimate_noise(image: Image, geometry: Geometry, *, ends: tuple[int, int]) -> Noise:
    """Estimate the noise of an image by cell.

    The measure is the mean power of the two finest diagonal Haar bands (of pixels, and of
    2 x 2 means). For white noise it is the power of that noise. Anatomy is nearly absent
    there, and noise that a detector or a codec has smoothed still shows in the second band.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        Grey levels.
    geometry : Geometry
        Its size.
    ends : tuple of int
        Least and greatest grey level of the image.

    Returns
    -------
    Noise
        Deviations and live shares by cell.
    """
    alive, fine, coarse, grey = (Blocks(geometry, step) for step in (2, 2, 4, 4))
    span = ends[1] - ends[0]
    for strip in strips(geometry, STRIP_SAMPLES):
        part = _above(image[strip], ends)
        corner = part[: len(part) // 2 * 2 : 2, : part.shape[1] // 2 * 2 : 2].copy()
        alive.add(((corner > 0) & (corner < span)).astype(np.float32))
        mean, diagonal = _haar(part)
        fine.add(diagonal)
        mean, diagonal = _haar(mean)
        coarse.add(diagonal)
        grey.add(mean)
    live = alive.blocks()
    power: Floats = (_power(fine.blocks(), live) + _power(coarse.blocks(), live)) * np.float32(0.5)
    quiet = np.sort(_by_cell(power), axis=-1)[..., : BLOCKS * BLOCKS // 2].mean(axis=-1)
    grey_level = _by_cell(grey.blocks()).mean(axis=-1) * np.float32(0.25) + np.float32(ends[0])
    return Noise(np.sqrt(_smooth(quiet)), _by_cell(live).mean(axis=-1), grey_level)


def _above(part: Image, ends: tuple[int, int]) -> Floats | Words:
    """Return grey levels above the least one: as uint16 if it holds their sums, or rounded once."""
    if ends[1] - ends[0] < _WORDS // 2:
        words = part.astype(np.uint16, copy=False)
        return words - np.uint16(ends[0] % _WORDS) if ends[0] else words
    if ends[0] <= -_EXACT or ends[1] >= _EXACT:
        return (part - np.int64(ends[0])).astype(np.float32)
    above = part.astype(np.float32)
    above -= np.float32(ends[0])
    return above


def _smooth(power: Floats) -> Floats:
    """Return means over 3 x 3 cells, those without noise left out and left as they are."""
    total, count = (np.pad(cells, 1) for cells in (power, (power > 0).astype(np.float32)))
    for _ in range(2):
        total, count = ((x[:-2] + x[1:-1] + x[2:]).T for x in (total, count))
    return np.where(power > 0, total / np.maximum(count, 1), 0).astype(np.float32)


def _haar(part: Floats | Words) -> tuple[Floats, Floats]:
    """Return the orthonormal Haar mean of 2 x 2 pixels and the size of its diagonal detail."""
    height, width = len(part) // 2 * 2, part.shape[1] // 2 * 2
    top, bottom = part[0:height:2, :width], part[1:height:2, :width]
    both, across = top + bottom, top - bottom
    if part.dtype == np.uint16:
        both, across = both.astype(np.float32), across.view(np.int16).astype(np.float32)
    mean: Floats = both[:, 0::2] + both[:, 1::2]
    mean *= np.float32(0.5)
    diagonal: Floats = across[:, 0::2] - across[:, 1::2]
    np.abs(diagonal, out=diagonal)
    diagonal *= np.float32(0.5)
    return mean, diagonal


def _power(size: Floats, live: Floats) -> Floats:
    """Return the variance of mean magnitudes; blocks of dead ground have none."""
    deviation = np.where(live > _EMPTY, size / np.maximum(live, _EMPTY), 0) * _TO_DEVIATION
    return np.square(deviation, dtype=np.float32)


def _by_cell(blocks: Floats) -> Floats:
    """Return an array (cell rows, cell columns, blocks of the cell)."""
    rows, columns = (side // BLOCKS for side in blocks.shape)
    apart = blocks.reshape(rows, BLOCKS, columns, BLOCKS).swapaxes(1, 2)
    return apart.reshape(rows, columns, BLOCKS * BLOCKS)


class Blocks:
    """Means over blocks, gathered from strips of an image that has one sample every ``step``."""

    def __init__(self, geometry: Geometry, step: int, *, blocks: int = BLOCKS) -> None:
        rows, columns = (side * blocks for side in geometry.cells)
        scale = (geometry.longer, step * SIDE // CELL * blocks)
        taps = area_taps if scale[0] >= scale[1] else linear_taps
        self.down: Taps = taps(rows, geometry.rows // step, scale=scale)
        self.across = Columns(taps(columns, geometry.columns // step, scale=scale), step=_STEP)
        self.strips: list[Floats] = []

    def add(self, samples: Floats) -> None:
        """Take the samples of the next strip."""
        self.strips.append(self.across.of(samples))

    def blocks(self) -> Floats:
        """Return the mean by block."""
        everything = np.concatenate(self.strips)
        parts = [block.matrix @ everything[block.inputs] for block in self.down.blocks(_STEP)]
        return np.concatenate(parts) * np.float32(UNIT**-2)
