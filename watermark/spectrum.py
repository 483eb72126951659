"""The spectrum of a picture, levelled so that a weak wave shows wherever it lies."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from watermark.evidence import local_level
from watermark.grid import SIDE

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex64]
Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

TOP: Final = 500.0
"""Highest frequency that is looked up, in periods over the grid."""
_NEIGHBOURS: Final = 8
"""Bins to either side that tell what a bin without a wave would hold."""
_SCALES: Final = 4
_CUT: Final = 2.0


def flatten(canvas: Floats) -> Floats:
    """Return a picture whose details stand everywhere at the same height.

    Parameters
    ----------
    canvas : float32, shape (m, n)
        Grey levels on a grid.

    Returns
    -------
    float32, same shape
        The details of the four finest scales, each over its local level and cut, summed. The
        scales are those of the starlet transform (Starck and Murtagh 2006), which does not
        depend on where the grid lies.
    """
    flat = np.zeros_like(canvas)
    coarse = canvas
    for scale in range(_SCALES):
        finer, coarse = coarse, _smooth(coarse, 1 << scale)
        detail = finer - coarse
        square = _smooth(np.square(detail), 1 << scale)
        detail /= local_level(square)
        flat += np.clip(detail, -_CUT, _CUT, out=detail)
    return flat


def _smooth(plane: Floats, hole: int) -> Floats:
    """Return the plane under the cubic spline's taps 1 4 6 4 1 over 16, ``hole`` points apart."""
    for _ in range(2):
        ends = plane[:1].repeat(2 * hole, axis=0), plane[-1:].repeat(2 * hole, axis=0)
        wide = np.concatenate([ends[0], plane, ends[1]])
        rows = len(plane)
        total = wide[hole : hole + rows] + wide[3 * hole : 3 * hole + rows]
        total *= np.float32(4)
        total += plane * np.float32(6)
        total += wide[:rows]
        total += wide[4 * hole :]
        total *= np.float32(1 / 16)
        plane = np.ascontiguousarray(total.T)
    return plane


@dataclass(frozen=True)
class Spectrum:
    """A transform over its local level.

    Attributes
    ----------
    waves : complex64, shape (bins, bins / 2 + 1)
        Two bins a period over the part. Unit mean power where there is only noise; phases are
        those at the picture's centre.
    power : float32, same shape
        Their squared magnitude.
    centre : tuple of float
        Where phases are taken, x and y on the picture's grid: the middle of the part.
    middle : float64, shape (2,)
        The same, counted from the first point of the part.
    """

    waves: Waves
    power: Floats
    centre: tuple[float, float]
    middle: Doubles

    @classmethod
    def of(cls, flat: Floats, *, corner: tuple[int, int] = (0, 0)) -> Self:
        """Return the spectrum of (part of) a flattened picture.

        ``corner`` is the x and y of the part's first point on the picture's grid.
        """
        rows, columns = flat.shape
        bins = 2 * max(rows, columns)
        tapered = flat * (_taper(rows)[:, np.newaxis] * _taper(columns))
        waves: Waves = np.fft.rfft2(tapered, s=(bins, bins)).astype(np.complex64, copy=False)
        power = np.square(waves.real) + np.square(waves.imag)
        level = _local_mean(power) + np.float32(np.finfo(np.float32).tiny)
        power /= level
        waves /= np.sqrt(level)
        return cls(
            waves,
            power,
            (corner[0] + columns / 2, corner[1] + rows / 2),
            np.array([columns - 1, rows - 1]) / 2,
        )

    @property
    def bins(self) -> int:
        """Points of the transform along either side."""
        return len(self.waves)

    def smeared(self) -> Self:
        """Return the same with the mean power of 3 x 3 bins: a coarser look meets its peaks."""
        power = self.power + np.roll(self.power, 1, axis=0) + np.roll(self.power, -1, axis=0)
        wide = np.concatenate([power[:, 1:2], power, power[:, -2:-1]], axis=1)
        return replace(self, power=(wide[:, :-2] + power + wide[:, 2:]) / np.float32(9))

    @cached_property
    def _plane(self) -> Floats:
        """Amplitudes over the whole plane, rows and columns from -reach to reach, ends zero."""
        reach = self._reach
        half = np.sqrt(self.power[:, :reach])
        right = np.concatenate([half[1 - reach :], half[:reach]])
        plane = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        plane[1:-1, reach:-1] = right
        plane[1:-1, 1:reach] = right[::-1, :0:-1]
        return plane

    @property
    def _reach(self) -> int:
        """The least bin along an axis that is not looked up."""
        return math.ceil(TOP * self.bins / SIDE)

    def amplitudes_at(self, x: Floats, y: Floats) -> Floats:
        """Return the square root of the power at frequencies; zero where it cannot be seen.

        Parameters
        ----------
        x, y : float32, one shape
            Periods over 1024 points.
        """
        reach, scale = self._reach, np.float32(self.bins / SIDE)
        column, row = (
            np.clip(np.rint(part * scale), -reach, reach).astype(np.int32) for part in (x, y)
        )
        row += np.int32(reach)
        row *= np.int32(2 * reach + 1)
        row += column
        row += np.int32(reach)
        amplitudes: Floats = self._plane.ravel().take(row)
        return amplitudes

    def waves_at(self, frequencies: Doubles) -> Waves:
        """Return the waves at frequencies (..., 2), phases taken at the centre."""
        place, mirrored, seen = self._nearest(frequencies)
        waves = self.waves.ravel()[place]
        waves = np.where(mirrored, np.conj(waves), waves)
        nearest = np.rint(frequencies * (self.bins / SIDE)) / self.bins
        turn = np.exp(2j * np.pi * (nearest @ self.middle)).astype(np.complex64)
        return np.where(seen, waves * turn, np.complex64(0))

    def _nearest(self, frequencies: Doubles) -> tuple[Places, Flags, Flags]:
        """Return the place, whether the wave there is the mirrored one, and whether it is seen."""
        nearest = np.rint(frequencies * (self.bins / SIDE)).astype(np.intp)
        x, y = nearest[..., 0], nearest[..., 1]
        top = TOP * self.bins / SIDE
        seen = (np.abs(x) < top) & (np.abs(y) < top)
        mirrored = x < 0
        row = np.where(mirrored, -y, y) % self.bins
        place = np.where(seen, row * (self.bins // 2 + 1) + np.abs(x), 0)
        return place, mirrored, seen


def _taper(length: int) -> Floats:
    """Return the square root of a Hann window."""
    return np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)


def _local_mean(power: Floats) -> Floats:
    """Return means over 17 x 17 bins; rows go round, columns repeat at the ends."""
    reach = _NEIGHBOURS
    wide = np.concatenate([power[-reach:], power, power[:reach]])
    mean = _sums(wide)
    wide = np.concatenate([mean[:, reach:0:-1], mean, mean[:, : -reach - 1 : -1]], axis=1)
    mean = np.ascontiguousarray(_sums(np.ascontiguousarray(wide.T)).T)
    mean *= np.float32((2 * reach + 1) ** -2)
    return mean


def _sums(wide: Floats) -> Floats:
    """Return sums of 17 consecutive rows."""
    two = wide[:-1] + wide[1:]
    four = two[:-2] + two[2:]
    eight = four[:-4] + four[4:]
    sixteen = eight[:-8] + eight[8:]
    sums: Floats = sixteen[:-1] + wide[16:]
    return sums
