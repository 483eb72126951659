"""What every cell of the grid says of a mark that is known to be in the picture.

Under the key's signs the coefficients of a cell add up to what the mark is worth there. Where
the mark is absent the signs are coins, whatever the pixels are, and the sum has mean zero and a
known variance. Where it is present the mean is foretold from the picture itself: the mark's
height follows the local noise, and what a copy lost of it in each band shows in the whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.bands import LEVELS, ORIENTATIONS, analyse
from watermark.evidence import CLIP, WEIGHTS, local_level, mean_square
from watermark.grid import CELL
from watermark.pattern import HEIGHTS, RMS
from watermark.spreading import spreads

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SQUEEZE: Final = 10.0
"""How soon a coefficient is as high as it can be over its own level, however high the mark."""
COARSE: Final = 0.1
"""Share of the power of the diagonal level-2 band in a cell's noise: codecs kill finer detail."""
QUIET: Final = 0.6
"""Least mean square of a cell's coefficients: what is flat for lack of detail must not weigh."""
FAINT: Final = 0.14
"""A cell's own noise, over the median, near which rounding takes the mark away with the noise."""
ENDS: Final = 0.005
"""Share of the grey range at either end that may be saturated, where no mark can show."""
AROUND: Final = 4
"""Cells on either side that a cell's noise is the mean of: an altered area brings its own noise."""
_DEAD: Final = 1000.0  # cells with less than this part of the greatest noise have none
_SPENT: Final = 4  # power of a cell's live share
_QUARTER: Final = 0.25  # of the reading's score; a payload that has less is not the picture's
_OUTER: Final = 2.0  # deviations of brightness or grain beyond which they count no further
_STIFF: Final = 10.0  # information that speaks for a level line
_FACTORS: Final = (0.4, 2.0)
_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Testimony:
    """Sums over the coefficients of each cell and band, bands first.

    Attributes
    ----------
    found : float64, shape (9, cell rows, cell columns)
        Coefficients over their local level, under the signs of the mark: positive if present.
    power : float64, same shape
        Sums of the coefficients' squares: the variance of ``found`` if the mark is absent.
    shape : float64, same shape
        What to expect of ``found``, but for a factor by band.
    counts : float64, shape (9, 1, 1)
        Coefficients of a cell in each band.
    grey : float64, shape (cell rows, cell columns)
        Mean grey level.
    grain : float64, same shape
        Logarithm of the noise of the cells around.
    """

    found: Reals
    power: Reals
    shape: Reals
    counts: Reals
    grey: Reals
    grain: Reals

    def weigh(self, trust: Reals, *, score: float, by: Sequence[Reals]) -> tuple[Reals, Reals]:
        """Return the log likelihood ratio's two parts by cell, with gains from the cells trusted.

        Parameters
        ----------
        trust : float64, shape (cell rows, cell columns)
            From 0 to 1: how far a cell tells how much of the mark is left in each band.
        score : float
            Score of the reading. If these signs are worth far less, they are another mark's,
            and what to expect is derived from the score alone.
        by : sequence of float64, same shape
            What the mark's worth may change with: ``grey``, ``grain``. The more, the more an
            altered area can pass for what a copy lost, if its cells are trusted.

        Returns
        -------
        correlation, information : float64, shape (cell rows, cell columns)
            If the mark is present, the correlation has the information as its mean and
            its variance; if it is absent, mean zero and at most the same variance.
        """
        spread = np.maximum(self.power, QUIET * self.counts)
        foreign = self.score() < _QUARTER * score
        gains = self._gains_of(score) if foreign else self._gains(trust, spread)
        weight = gains * self.shape / spread
        correlation = (weight * self.found).sum(axis=0)
        information = (weight * gains * self.shape).sum(axis=0)
        if foreign:
            return correlation, information
        factor = _line(trust, correlation, information, by)
        return factor * correlation, np.square(factor) * information

    def score(self) -> float:
        """Return the score of the mark over all cells, as a reader defines it (spec, 5)."""
        heights = np.array([HEIGHTS[level] for level in LEVELS])
        total, power = (x.sum(axis=(1, 2)) for x in (self.found, self.power))
        by_level = [x.reshape(len(LEVELS), ORIENTATIONS).sum(axis=1) for x in (total, power)]
        weights = np.array(WEIGHTS) * heights
        spread = np.sqrt(np.maximum(np.square(weights) @ by_level[1], _TINY))
        return max(0.0, float((weights @ by_level[0] / spread).max())) ** 2

    def _gains(self, trust: Reals, spread: Reals) -> Reals:
        """Return the factor by band, least squares; float64, shape (9, 1, 1)."""
        weight = trust * self.shape / spread
        power = (weight * self.shape).sum(axis=(1, 2), keepdims=True)
        shown = np.maximum((weight * self.found).sum(axis=(1, 2), keepdims=True), 0)
        gains: Reals = shown / np.maximum(power, _TINY)
        return gains

    def _gains_of(self, score: float) -> Reals:
        """Return the factor that a mark of this score has, if it is the same in all bands."""
        whole = max(float(self.shape.sum()), _TINY)
        return np.full_like(self.counts, math.sqrt(score * float(self.power.sum())) / whole)


def _line(trust: Reals, correlation: Reals, information: Reals, by: Sequence[Reals]) -> Reals:
    """Return what the mark is worth in each cell, over what it is in the mean.

    A straight line in each of ``by``, least squares, drawn towards a level one: coding, rounding
    and grey curves treat bright and dark places differently, and the embedder's limits fine and
    coarse grain.
    """
    if not information.any():
        return np.ones_like(information)
    terms = np.array([np.ones_like(information), *(_standing(x, information) for x in by)])
    flat = terms.reshape(len(terms), -1)
    normal = (flat * (trust * information).ravel()) @ flat.T + _STIFF * np.eye(len(flat))
    level = np.zeros(len(flat))
    level[0] = _STIFF
    slopes = np.linalg.solve(normal, flat @ (trust * correlation).ravel() + level)
    factor: Reals = np.clip(np.tensordot(slopes, terms, 1), *_FACTORS)
    return factor


def _standing(values: Reals, information: Reals) -> Reals:
    """Return by how many deviations values are above their mean, by information; cut."""
    middle = float(np.average(values, weights=information))
    spread = math.sqrt(float(np.average(np.square(values - middle), weights=information)))
    standing: Reals = np.clip((values - middle) / max(spread, _TINY), -_OUTER, _OUTER)
    return standing


def testify(canvas: Floats, clear: Flags, *, payload: bytes, key: bytes, sign: int) -> Testimony:
    """Correlate a picture on the grid with a mark, cell by cell.

    Parameters
    ----------
    canvas : float32, shape (16 m, 16 n)
        Grey levels on the canonical grid.
    clear : bool, shape (m, n)
        Cells that lie inside the picture.
    payload : bytes
        The 12-byte id.
    key : bytes
        The 32-byte mark key.
    sign : int
        1, or -1 if the grey scale is turned.
    """
    word = sign * (1 - 2 * polar.encode(framing.frame(payload, key=key)).astype(np.int8))
    found, power, level = [], [], []
    bands = analyse(canvas)
    for band, whole in zip(bands, spreads(key), strict=True):
        part = whole.cut(*band.shape)
        local = local_level(mean_square(band))
        term = np.clip(band / local, -CLIP, CLIP)
        found.append(_sums(term * (part.chips * word[part.slots]), clear.shape))
        power.append(_sums(np.square(term), clear.shape))
        level.append(_sums(local, clear.shape))
    counts = _counts(bands, clear)
    levels = np.array(level) / counts
    noise = np.sqrt(_finest(canvas, clear.shape) + COARSE * np.square(levels[ORIENTATIONS - 1]))
    around = smoothed(noise)
    noise = around * _firm(noise)
    heights = np.array([HEIGHTS[LEVELS[n // ORIENTATIONS]] / RMS for n in range(len(bands))])
    ratio = heights[:, np.newaxis, np.newaxis] * noise / levels
    shape = counts * ratio / np.sqrt(1 + SQUEEZE * np.square(ratio))
    shape *= np.where(clear, _alive(canvas, clear.shape) ** _SPENT, 0)
    grey = _sums(canvas, clear.shape) / CELL**2
    grain = np.log(np.maximum(around, max(around.max() / _DEAD, _TINY)))
    told, spent = (np.where(clear, sums, 0) for sums in (found, power))
    return Testimony(told, spent, shape, counts, grey, grain)


def _sums(samples: Floats, cells: tuple[int, ...]) -> Reals:
    """Return sums by cell."""
    rows, columns = cells
    apart = samples.reshape(rows, samples.shape[0] // rows, columns, samples.shape[1] // columns)
    total: Reals = apart.sum(axis=(1, 3), dtype=np.float64)
    return total


def _counts(bands: Sequence[Floats], clear: Flags) -> Reals:
    """Return the coefficients of a cell by band, (9, 1, 1)."""
    return np.array([band.size / clear.size for band in bands])[:, np.newaxis, np.newaxis]


def _finest(canvas: Floats, cells: tuple[int, ...]) -> Reals:
    """Return the power by cell of the finest diagonal detail: noise, hardly anatomy or mark."""
    across = _cubic(canvas)
    both = _cubic(np.ascontiguousarray(across.T))
    return _sums(np.square(both.T), cells) / (CELL // 2) ** 2


def _cubic(image: Floats) -> Floats:
    """Return odd rows less the cubic through the even ones."""
    even = image[0::2]
    wide = np.concatenate([even[1:2], even, even[:-3:-1]])
    between = (wide[1:-2] + wide[2:-1]) * np.float32(9 / 16)
    detail: Floats = image[1::2] - between + (wide[:-3] + wide[3:]) * np.float32(1 / 16)
    return detail


def smoothed(noise: Reals) -> Reals:
    """Return the geometric mean of the noise of the cells around, of such as have any.

    A forger's grain, or a lack of it, is not what the mark's height was chosen by.

    Parameters
    ----------
    noise : float64, shape (cell rows, cell columns)
        Noise by cell, in grey levels. What is below a thousandth of the greatest is none.

    Returns
    -------
    float64, same shape
        Zero where the cell itself has no noise.
    """
    some = noise > noise.max() / _DEAD
    logs = np.log(noise, where=some, out=np.zeros_like(noise))
    mean = _around(logs) / np.maximum(_around(some.astype(np.float64)), 1)
    smooth: Reals = np.where(some, np.exp(mean), 0)
    return smooth


def _around(cells: Reals) -> Reals:
    """Return sums over squares of cells; nothing lies outside."""
    side = 2 * AROUND + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(cells, AROUND), (side, side))
    total: Reals = windows.sum(axis=(2, 3))
    return total


def _firm(noise: Reals) -> Reals:
    """Return the share of the mark that rounding leaves in a cell of this noise of its own."""
    some = noise[noise > noise.max() / _DEAD]
    bound = FAINT * float(np.median(some)) if some.size else 1.0
    power = np.square(noise)
    firm: Reals = power / (power + bound * bound)
    return firm


def _alive(canvas: Floats, cells: tuple[int, ...]) -> Reals:
    """Return the share of a cell's points that are far from both ends of the grey range."""
    low, high = float(canvas.min()), float(canvas.max())
    margin = ENDS * (high - low)
    inside = (canvas > low + margin) & (canvas < high - margin)
    return _sums(inside.astype(np.float32), cells) / CELL**2
