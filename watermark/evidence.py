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

REACH: Final = 4
"""Coefficients to either side that tell the local level of a band."""
FLOOR: Final = 0.05
"""Local level, over the band's own, below which coefficients count less and less."""
CLIP: Final = 1.8
"""Local levels at which a coefficient is cut: an edge must not drown a neighbourhood."""


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

    sums: npt.NDArray[np.float64]
    power: float

    def score(self, word: polar.Bits) -> float:
        """Return the squared correlation with a code word, in units of its variance by chance."""
        total = float(self.sums[word == 0].sum() - self.sums[word == 1].sum())
        return total * total / self.power if self.power > 0 else 0.0


def terms(canvas: Floats) -> list[Floats]:
    """Return every coefficient over its local level, cut, and weighed by the mark's height."""
    found: list[Floats] = []
    for number, band in enumerate(analyse(canvas)):
        term = np.clip(band / local_level(mean_square(band)), -CLIP, CLIP)
        term *= np.float32(HEIGHTS[LEVELS[number // ORIENTATIONS]] / RMS)
        found.append(term)
    return found


def gather(levelled: Sequence[Floats], *, key: bytes) -> Evidence:
    """Sum the terms of each code bit under a key's signs."""
    sums = np.zeros(polar.LENGTH)
    power = 0.0
    for term, whole in zip(levelled, spreads(key), strict=True):
        part = whole.cut(*term.shape)
        signed = (term * part.chips).ravel()
        sums += np.bincount(part.slots.ravel(), weights=signed, minlength=polar.LENGTH)
        power += float(np.vdot(signed, signed))
    return Evidence(sums, power)


def mean_square(band: Floats) -> Floats:
    """Return the mean square over 9 x 9 coefficients; ends are repeated."""
    mean = np.square(band)
    for _ in range(2):
        wide = np.concatenate(
            [mean[:1].repeat(REACH, axis=0), mean, mean[-1:].repeat(REACH, axis=0)]
        )
        two = wide[:-1] + wide[1:]
        four = two[:-2] + two[2:]
        mean = (four[:-5] + four[4:-1] + wide[2 * REACH :]).T
    return mean * np.float32((2 * REACH + 1) ** -2)


def local_level(square: Floats) -> Floats:
    """Return the level that a coefficient is measured by, from the local mean square."""
    floor = FLOOR**2 * float(np.mean(square, dtype=np.float64))
    level: Floats = np.sqrt(square + np.float32(floor + float(np.finfo(np.float32).tiny)))
    return level
