"""What an image's wavelet details say about each code bit, whatever its grey scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark import polar
from watermark.bands import LEVELS, ORIENTATIONS, analyse
from watermark.pattern import HEIGHTS, RMS
from watermark.spreading import spreads

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

REACH: Final = 1
"""Coefficients to either side that tell the local level of a band."""
FLOOR: Final = 0.05
"""Local level, over the band's own, below which coefficients count less and less."""
CLIP: Final = 1.8
"""Local levels at which a coefficient is cut: an edge must not drown a neighbourhood."""
_TINY: Final = float(np.finfo(np.float32).tiny)

WEIGHTS: Final = ((1.0, 1.0, 1.0), (0.4, 1.0, 1.0), (0.1, 0.7, 1.3), (1.0, 0.7, 0.4))
"""How much the levels count, by reading: coding and shrinking take the fine ones away."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sums over the coefficients of each code bit.

    Attributes
    ----------
    sums : float64, shape (1024,)
        Positive where zero is likelier.
    power : float
        Sum of all squared terms: what the sums would vary by if the signs were a coin's.
    """

    sums: Doubles
    power: float

    @property
    def excess(self) -> float:
        """What the sums hold beyond chance, in units of a score.

        The score of the word that is there, in the mean; zero without one. The deviation is 45,
        that of chi-squared with 1024 degrees of freedom.
        """
        if self.power <= 0:
            return 0.0
        return polar.LENGTH * (float(np.square(self.sums).sum()) / self.power - 1)

    def scores(self, words: polar.Bits) -> Doubles:
        """Return the squared correlation with code words, in units of its variance by chance.

        ``words`` is uint8, shape (n, 1024); the scores are float64, shape (n,).
        """
        if self.power <= 0:
            return np.zeros(len(words))
        total = (1.0 - 2.0 * words) @ self.sums
        scores: Doubles = total * total / self.power
        return scores


@dataclass(frozen=True, slots=True)
class Gathered:
    """Evidence level by level.

    Attributes
    ----------
    sums : float64, shape (levels, 1024)
    power : float64, shape (levels,)
        As in ``Evidence``.
    """

    sums: Doubles
    power: Doubles

    @property
    def excess(self) -> float:
        """The greatest under any weighing of the levels."""
        return max(self.weighed(weights).excess for weights in WEIGHTS)

    def weighed(self, weights: Sequence[float]) -> Evidence:
        """Return the evidence with each level counting so much."""
        by_level = np.array(weights)
        return Evidence(by_level @ self.sums, float(np.square(by_level) @ self.power))


def terms(canvas: Floats, inside: Flags | None = None) -> list[Floats]:
    """Return every coefficient over its local level, cut, and weighed by the mark's height.

    Parameters
    ----------
    canvas : float32, shape (16 m, 16 n)
        Grey levels on the canonical grid.
    inside : bool, same shape, optional
        Where the picture is; elsewhere the terms are zero.

    Returns
    -------
    list of float32
        In the order of ``bands.analyse``.
    """
    found: list[Floats] = []
    for number, band in enumerate(analyse(canvas)):
        level = LEVELS[number // ORIENTATIONS]
        if inside is not None:
            middle = 1 << level - 1
            band = band * inside[middle :: 1 << level, middle :: 1 << level]
        term = band / local_level(mean_square(band))
        np.clip(term, -CLIP, CLIP, out=term)
        term *= np.float32(HEIGHTS[level] / RMS)
        found.append(term)
    return found


def gather(levelled: Sequence[Floats], *, key: bytes) -> Gathered:
    """Sum the terms of each code bit under a key's signs."""
    sums = np.zeros((len(LEVELS), polar.LENGTH))
    power = np.zeros(len(LEVELS))
    for number, (term, whole) in enumerate(zip(levelled, spreads(key), strict=True)):
        part = whole.cut(*term.shape)
        signed = (term * part.chips).ravel()
        level = number // ORIENTATIONS
        sums[level] += np.bincount(part.slots.ravel(), weights=signed, minlength=polar.LENGTH)
        power[level] += float(np.vdot(signed, signed))
    return Gathered(sums, power)


def mean_square(band: Floats) -> Floats:
    """Return the mean square over 3 x 3 coefficients; ends are repeated."""
    rows, columns = band.shape
    wide = np.empty((rows + 2, columns + 2), np.float32)
    np.square(band, out=wide[1:-1, 1:-1])
    wide[:, 0], wide[:, -1] = wide[:, 1], wide[:, -2]
    wide[0], wide[-1] = wide[1], wide[-2]
    tall = wide[:-2] + wide[1:-1]
    tall += wide[2:]
    line = tall.ravel()  # what is summed across the ends of two rows is cut off
    sums = np.empty_like(line)
    np.add(line[:-2], line[1:-1], out=sums[:-2])
    sums[:-2] += line[2:]
    mean: Floats = sums.reshape(tall.shape)[:, :-2] * np.float32((2 * REACH + 1) ** -2)
    return mean


def local_level(square: Floats) -> Floats:
    """Return the level that a coefficient is measured by, from the local mean square."""
    floor = FLOOR**2 * float(square.sum(dtype=np.float64) / square.size)
    level: Floats = square + np.float32(floor + _TINY)
    return np.sqrt(level, out=level)
