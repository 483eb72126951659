"""What rounding to whole grey levels does to a mark, by its height.

Below a quarter of a level nothing is left of it; a little above, only its peaks, as steps of a
whole level: they are more power than the mark had, and less of the mark. The values of the
pattern are taken as those of a normal variable, cut.
"""

from collections.abc import Iterator
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
    left = np.zeros_like(height)
    for part in quarters(height):
        left += np.where(part < _FINE, _tables()[1][_entry(part)], part)
    return left * np.float32(0.25)


def quarters(height: Floats) -> Iterator[Floats]:
    """Yield the height in the middle of each quarter of a cell, interpolated between cells."""
    rows, columns = height.shape
    near, far = np.float32(0.75), np.float32(0.25)
    wide = np.pad(height, 1, mode="edge")
    for up in (0, 2):
        between: Floats = far * wide[up : up + rows] + near * wide[1:-1]
        for left in (0, 2):
            part: Floats = far * between[:, left : left + columns] + near * between[:, 1:-1]
            yield part


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
