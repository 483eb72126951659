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
_ROWS: Final = 128
_REACH: Final = 8


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
        if level not in LEVELS:
            low = _coarser(low)
            continue
        low, high = _split(low, 0)
        low, across = _split(low, 1)
        high, both = _split(high, 1)
        bands += [across, high, both]
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
        if level not in LEVELS:
            low = _join(_join(low, None, 1), None, 0)
            continue
        place = ORIENTATIONS * LEVELS.index(level)
        across, high, both = bands[place : place + ORIENTATIONS]
        low = _join(_join(low, across, 1), _join(high, both, 1), 0)
    return low


def _coarser(image: Floats) -> Floats:
    """Return the low half along both axes, made in strips that stay in the cache."""
    strips = []
    for start in range(0, len(image), _ROWS):
        first = max(start - _REACH, 0)
        low = _split(_split(image[first : start + _ROWS + _REACH], 0)[0], 1)[0]
        strips.append(low[(start - first) // 2 :][: _ROWS // 2])
    return np.concatenate(strips)


def _split(image: Floats, axis: int) -> tuple[Floats, Floats]:
    """Return the low and the high half along an axis."""
    even, odd = (image[0::2], image[1::2]) if axis == 0 else (image[:, 0::2], image[:, 1::2])
    high = _between(even, axis)
    high *= np.float32(1 / 16)
    np.subtract(odd, high, out=high)
    low = _beside(high, axis)
    low *= np.float32(1 / 32)
    low += even
    return low, high


def _join(low: Ints, high: Ints | None, axis: int) -> Ints:
    """Undo ``_split`` in whole numbers; None is a high half of zeros."""
    even = low
    if high is not None:
        even = _beside(high, axis)
        even += 16
        even >>= 5
        np.subtract(low, even, out=even)
    odd = _between(even, axis)
    odd += 8
    odd >>= 4
    if high is not None:
        odd += high
    rows, columns = low.shape
    image = np.empty((2 * rows, columns) if axis == 0 else (rows, 2 * columns), np.int32)
    first, second = (image[0::2], image[1::2]) if axis == 0 else (image[:, 0::2], image[:, 1::2])
    first[...] = even
    second[...] = odd
    return image


def _between(even: npt.NDArray[Number], axis: int) -> npt.NDArray[Number]:
    """Return 16 times the cubic through even samples at the places between them."""
    if axis == 0:
        return _cubic(np.concatenate([even[1:2], even, even[:-3:-1]]), 0)
    return _cubic(np.concatenate([even[:, 1:2], even, even[:, :-3:-1]], axis=1), 1)


def _beside(odd: npt.NDArray[Number], axis: int) -> npt.NDArray[Number]:
    """Return 16 times the cubic through odd samples at the places before them."""
    if axis == 0:
        return _cubic(np.concatenate([odd[1::-1], odd, odd[-2:-1]]), 0)
    return _cubic(np.concatenate([odd[:, 1::-1], odd, odd[:, -2:-1]], axis=1), 1)


def _cubic(wide: npt.NDArray[Number], axis: int) -> npt.NDArray[Number]:
    """Return 9, 9, -1, -1 times the middle and outer two of every four neighbours."""
    if axis == 0:
        far, near, on, beyond = wide[:-3], wide[1:-2], wide[2:-1], wide[3:]
    else:
        far, near, on, beyond = wide[:, :-3], wide[:, 1:-2], wide[:, 2:-1], wide[:, 3:]
    total: npt.NDArray[Number] = near + on
    total *= 9
    total -= far
    total -= beyond
    return total
