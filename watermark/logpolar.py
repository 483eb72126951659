"""Turn and scale of a constellation, by correlation on a log-polar map of a picture's power.

Turning an image moves its spectrum along the angles of the map, scaling it along the logarithms
of the frequency (Reddy and Chatterji 1996). A constellation is few points, so the correlation is
a sum of as many shifted copies of the map.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.pilots import SLOTS, constellations
from watermark.spectrum import Spectrum

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Shorts = npt.NDArray[np.int16]

CAP: Final = 8.0
"""Power above which a point counts no more: a ruler's or a screen's line is not ten pilots."""
_NEAR: Final = 3
_UNIT: Final = 64
_MOST: Final = 15  # 32 pilots of 15 deviations, times 64, are below 2^15


@dataclass(frozen=True, slots=True)
class Peak:
    """A turn and scale at which a picture's power looks like a constellation.

    Attributes
    ----------
    height : float
        Sum of the map at the pilots, each row of the map having unit variance.
    slot : int
        Number of the constellation.
    linear : float64, shape (2, 2)
        Map of frequencies, grid to picture.
    """

    height: float
    slot: int
    linear: Doubles


@dataclass(frozen=True, slots=True)
class LogPolar:
    """A way to look: how finely, at which frequencies, for which scales.

    Attributes
    ----------
    side : int
        Directions over half a turn, and steps from ``low`` to ``high``.
    low, high : float
        Frequencies, in periods over 1024 points of the picture's grid.
    least, most : float
        Scales that are looked for: frequency in the picture over that on the canonical grid;
        ``least`` is below 1.
    """

    side: int
    low: float
    high: float
    least: float
    most: float

    def peaks(self, spectrum: Spectrum, strain: Doubles, *, key: bytes, each: int) -> list[Peak]:
        """Correlate with every constellation, plain and mirrored.

        Parameters
        ----------
        spectrum : Spectrum
            Of the picture or a part of it.
        strain : float64, shape (2, 2)
            What frequencies went through after they were turned and scaled.
        key : bytes
            The 32-byte mark key.
        each : int
            Peaks of each constellation.
        """
        even = self.levelled(spectrum, strain)
        first, last = self.shifts()
        wide = np.pad(np.concatenate([even, even], axis=1), ((-first, max(0, last)), (0, 0)))
        found: list[Peak] = []
        for number, pilots in enumerate(points(self, key)):
            field = np.zeros((last - first, self.side), np.int16)
            for step, turn in pilots:
                field += wide[step : step + last - first, turn : turn + self.side]
            for _ in range(each):
                row, turn = divmod(int(field.argmax()), self.side)
                similar = self._similar(turn, row + first, mirrored=number >= SLOTS)
                height = float(field[row, turn]) / _UNIT
                found.append(Peak(height, number % SLOTS, strain @ similar))
                field[
                    max(row - _NEAR, 0) : row + _NEAR + 1, max(turn - _NEAR, 0) : turn + _NEAR + 1
                ] = 0
        return found

    @property
    def step(self) -> float:
        """Logarithm of the frequency from one row of the map to the next."""
        return float(np.log(self.high / self.low)) / self.side

    def shifts(self) -> tuple[int, int]:
        """Return the first shift of rows that stands for a scale looked for, and the end."""
        return (
            int(np.ceil(np.log(self.least) / self.step)),
            int(np.floor(np.log(self.most) / self.step)) + 1,
        )

    def _similar(self, turn: int, step: int, *, mirrored: bool) -> Doubles:
        angle, scale = turn * np.pi / self.side, float(np.exp(step * self.step))
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        flip = -1.0 if mirrored else 1.0
        return np.array([[cosine * flip, -sine], [sine * flip, cosine]])

    def levelled(self, spectrum: Spectrum, strain: Doubles) -> Shorts:
        """Return power by log of frequency (rows) and direction (columns): rows of zero mean.

        In units of ``_UNIT`` to a row's deviation, so that sums over pilots fit into 16 bits.
        """
        x, y = _directions(self)
        (a, b), (c, d) = strain.astype(np.float32)
        powers = np.square(spectrum.amplitudes_at(a * x + b * y, c * x + d * y))
        np.minimum(powers, np.float32(CAP), out=powers)
        seen = powers > 0
        share = np.maximum(seen.mean(axis=1, dtype=np.float32, keepdims=True), np.float32(1e-9))
        mean = powers.mean(axis=1, keepdims=True) / share
        variance = np.square(powers).mean(axis=1, keepdims=True) / share - np.square(mean)
        unit = np.float32(_UNIT) / (np.sqrt(np.maximum(variance, 0)) + np.float32(1e-6))
        level = np.clip((powers - mean) * unit * seen, -_MOST * _UNIT, _MOST * _UNIT)
        levelled: Shorts = np.rint(level).astype(np.int16)
        return levelled


@lru_cache(maxsize=4)
def _directions(look: LogPolar) -> tuple[Floats, Floats]:
    """Return the frequencies of a map's points, x and y, each of shape (side, side)."""
    angle = np.arange(look.side) * np.pi / look.side
    radius = look.low * np.exp(np.arange(look.side)[:, np.newaxis] * look.step)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    return x.astype(np.float32), y.astype(np.float32)


@lru_cache(maxsize=8)
def points(look: LogPolar, key: bytes) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return rows and columns of each constellation's pilots on the map, then of the mirrored."""
    found: list[tuple[tuple[int, int], ...]] = []
    for flip in (1, -1):
        for constellation in constellations(key):
            x, y = constellation.frequencies.astype(np.float64).T
            turns = np.rint(np.arctan2(y, flip * x) / np.pi * look.side).astype(int) % look.side
            steps = np.rint(np.log(np.hypot(x, y) / look.low) / look.step).astype(int)
            found.append(tuple(zip(steps.tolist(), turns.tolist(), strict=True)))
    return tuple(found)
