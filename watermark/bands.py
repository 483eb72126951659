"""Multi-level wavelet transform by lifting (Sweldens 1996): floats one way, whole numbers back.

The wavelet is the interpolating one of Deslauriers and Dubuc with four vanishing moments on
either side (13/7; Calderbank et al. 1998). Its taps are fractions of 32, so synthesis is whole-
number arithmetic with shifts, the same on every machine. Ends are mirrored. A coefficient of
size a makes a wave of height near a, whatever its level.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Number = TypeVar("Number", np.float32, np.int32)

LEVELS: Final = (2, 3, 4)
"""The levels that carry the mark: waves of 32 to 256 periods over the longer side."""

ORIENTATIONS: Final = 3
"""Detail bands a level: along the columns, along the rows, along both."""


def analyse(image: Floats) -> list[Floats]:
    """Return the detail bands that carry the mark, level by level.

    Parameters
    ----------
    image : float32, shape (16 m, 16 n)
        Grey levels on the canonical grid.

    Returns
    -------
    list of float32
        Three bands for each of ``LEVELS``, of shape ``(16 m, 16 n) >> level``.
    """
    bands: list[Floats] = []
    low = image
    for level in range(1, LEVELS[-1] + 1):
        low, high = _split(low)
        if level in LEVELS:
            low, across = _split(low.T)
            high, both = _split(high.T)
            bands += [across.T, high.T, both.T]
        else:
            low = _split(low.T)[0]
        low = low.T
    return bands


def synthesise(bands: Sequence[Ints]) -> Ints:
    """Return the image of these detail bands over a ground of zero; rounded by floor.

    Parameters
    ----------
    bands : sequence of int32
        As ``analyse`` returns them.

    Returns
    -------
    int32, shape (16 m, 16 n)
        The waves of all bands together.
    """
    low = np.zeros_like(bands[-1])
    for level in range(LEVELS[-1], 0, -1):
        if level in LEVELS:
            place = ORIENTATIONS * LEVELS.index(level)
            across, high, both = bands[place : place + ORIENTATIONS]
        else:
            across = high = both = np.zeros_like(low)
        low = _join(_join(low.T, across.T).T, _join(high.T, both.T).T)
    return low


def _split(image: Floats) -> tuple[Floats, Floats]:
    """Return the low and the high half of the rows."""
    even, odd = image[0::2], image[1::2]
    high: Floats = odd - _between(even) * np.float32(1 / 16)
    low: Floats = even + _beside(high) * np.float32(1 / 32)
    return low, high


def _join(low: Ints, high: Ints) -> Ints:
    """Undo ``_split`` in whole numbers."""
    even = low - (_beside(high) + 16 >> 5)
    image = np.empty((2 * len(low), low.shape[1]), np.int32)
    image[0::2] = even
    image[1::2] = high + (_between(even) + 8 >> 4)
    return image


def _between(even: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return 16 times the cubic through even rows at the rows between them."""
    wide = np.concatenate([even[1:2], even, even[:-3:-1]])
    between: npt.NDArray[Number] = (wide[1:-2] + wide[2:-1]) * 9 - wide[:-3] - wide[3:]
    return between


def _beside(odd: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return 16 times the cubic through odd rows at the rows before them."""
    wide = np.concatenate([odd[1::-1], odd, odd[-2:-1]])
    beside: npt.NDArray[Number] = (wide[1:-2] + wide[2:-1]) * 9 - wide[:-3] - wide[3:]
    return beside
