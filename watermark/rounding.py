"""What rounding to whole grey levels does to a mark, by its height.

Below a quarter of a level nothing is left of it; a little above, only its peaks, as steps of a
whole level: they are more power than the mark had, and less of the mark. The values of the
pattern are taken as those of a normal variable, cut.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.pattern import PEAK, RMS

Floats = npt.NDArray[np.float32]

ROUNDING: Final = 1 / 12
"""Variance that rounding adds to what is much higher than a grey level."""
_BEFORE_CUT: Final = 1.044
"""Deviation of a pattern over ``RMS`` before it is cut (measured)."""
_FINE: Final = 4.0
"""Height from which on rounding only adds ``ROUNDING``."""
_STEPS: Final = 128
"""Entries of the tables a grey level of height."""
_SAMPLES: Final = 2048


def power_after(height: Floats) -> Floats:
    """Return the mean square of the change that marks of these root mean squares make."""
    fine = np.square(height) + np.float32(ROUNDING)
    return np.where(height < _FINE, _tables()[0][_entry(height)], fine).astype(np.float32)


def height_after(height: Floats) -> Floats:
    """Return the height that is left of marks of these root mean squares, by cell."""
    parts = quarters(height)
    left: Floats = np.where(parts < _FINE, _tables()[1][_entry(parts)], parts).sum(axis=0)
    return left * np.float32(0.25)


def quarters(height: Floats) -> Floats:
    """Return the heights in the middle of the quarters of each cell, interpolated between cells.

    The shape is (4, rows, columns).
    """
    rows, columns = height.shape
    near, far = np.float32(0.75), np.float32(0.25)
    middle = near * height
    between = np.empty((2, rows, columns), np.float32)
    between[0, 0], between[0, 1:] = height[0], height[:-1]
    between[1, -1], between[1, :-1] = height[-1], height[1:]
    between *= far
    between += middle
    parts = np.empty((2, 2, rows, columns), np.float32)
    parts[0, ..., 0], parts[0, ..., 1:] = between[..., 0], between[..., :-1]
    parts[1, ..., -1], parts[1, ..., :-1] = between[..., -1], between[..., 1:]
    parts *= far
    parts += near * between
    return parts.reshape(4, rows, columns)


def _entry(height: Floats) -> npt.NDArray[np.intp]:
    entries = np.minimum(height, np.float32(_FINE)) * np.float32(_STEPS) + np.float32(0.5)
    return entries.astype(np.intp)


@lru_cache(maxsize=1)
def _tables() -> tuple[Floats, Floats]:
    """Return mean square and what is left, for heights of 0, 1/128, ... grey levels."""
    normal = NormalDist(0, _BEFORE_CUT)
    wave = np.array([normal.inv_cdf((number + 0.5) / _SAMPLES) for number in range(_SAMPLES)])
    wave = np.clip(wave, -PEAK / RMS, PEAK / RMS)
    wave /= np.sqrt(np.mean(np.square(wave)))
    heights = np.arange(int(_FINE * _STEPS) + 1) / _STEPS
    change = np.rint(heights[:, np.newaxis] * wave)
    left = change @ wave / _SAMPLES
    return np.mean(np.square(change), axis=1).astype(np.float32), left.astype(np.float32)
