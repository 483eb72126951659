"""Find where a picture lies in another: cut out, turned by quarters, at one of a few scales.

Both pictures are at hand, so plain correlation tells more than any mark. Pure functions of arrays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# benchmarks/kinship.py, 13 radiographs: 39 of 39 own parts have 0.37 or more, of 117 in others the
# best has 0.27
FOUND: Final = 0.33
_SIDE: Final = 512  # pixels of the longer side that is searched
_LEAST: Final = 64  # pixels along a side of what is looked for, after shrinking
_NEAR: Final = 9  # pixels of the neighbourhood whose mean is taken away
_SHOWING: Final = 1e-6

Samples = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cutout:
    """Where the picture lies in the other, in its pixels, and how well it fits there."""

    x: int
    y: int
    w: int
    h: int
    quarters: int
    correlation: float

    @property
    def found(self) -> bool:
        """Whether this is no chance."""
        return self.correlation >= FOUND


def find_cutout(whole: Samples, part: Samples, scales: Iterable[float]) -> Cutout | None:
    """Return the best place of ``part`` in ``whole``; None when too little is there to compare.

    Parameters
    ----------
    whole, part : integer, shape (rows, columns)
        Grey levels.
    scales : iterable of float
        How many pixels of ``whole`` one pixel of ``part`` may cover.
    """
    best: Cutout | None = None
    for scale in dict.fromkeys(round(each, 4) for each in scales if each > 0):
        for quarters in range(4):
            found = _place(whole, np.rot90(part, quarters), scale, quarters)
            if found is not None and (best is None or found.correlation > best.correlation):
                best = found
    return best


def _place(whole: Samples, part: Samples, scale: float, quarters: int) -> Cutout | None:
    rows, columns = (int(side * scale) for side in part.shape)
    if rows > whole.shape[0] + 1 or columns > whole.shape[1] + 1 or min(rows, columns) < 1:
        return None
    factor = max(max(whole.shape) / _SIDE, 1.0)
    factor = max(min(factor, min(rows, columns) / _LEAST), 1.0)  # a small part in full detail
    big, small = _shrunk(whole, factor), _shrunk(part, factor / scale)
    small = small[: big.shape[0], : big.shape[1]]
    if min(small.shape) < _LEAST:
        return None
    surface = _correlate(_texture(big), _texture(small))
    if surface is None:
        return None
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return Cutout(
        x=round(int(x) * factor),
        y=round(int(y) * factor),
        w=columns,
        h=rows,
        quarters=quarters,
        correlation=float(surface[y, x]),
    )


def _shrunk(plane: Samples, factor: float) -> Reals:
    """Area means over ``factor`` pixels along either side; below one, the nearest pixel."""
    rows, columns = (max(int(side / factor), 1) for side in plane.shape)
    y = np.minimum(np.round(np.arange(rows + 1) * factor).astype(np.intp), plane.shape[0])
    x = np.minimum(np.round(np.arange(columns + 1) * factor).astype(np.intp), plane.shape[1])
    total = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    np.cumsum(np.cumsum(plane, axis=0, dtype=np.float64), axis=1, out=total[1:, 1:])
    below, right = np.maximum(y[1:], y[:-1] + 1), np.maximum(x[1:], x[:-1] + 1)
    below, right = np.minimum(below, plane.shape[0]), np.minimum(right, plane.shape[1])
    top, left = np.minimum(y[:-1], below - 1), np.minimum(x[:-1], right - 1)
    area = np.outer(below - top, right - left)
    sums = (
        total[np.ix_(below, right)]
        - total[np.ix_(top, right)]
        - total[np.ix_(below, left)]
        + total[np.ix_(top, left)]
    )
    return np.asarray(sums / area, np.float64)


def _texture(plane: Reals) -> Reals:
    """Take local mean and contrast away: shading and labels, which pictures share, say less."""
    mean = _near(plane)
    spread = np.sqrt(np.maximum(_near(plane**2) - mean**2, 0.0))
    floor = max(float(np.median(spread)) * 0.5, float(spread.max()) * 1e-3, _SHOWING)
    return np.asarray((plane - mean) / np.maximum(spread, floor), np.float64)


def _near(plane: Reals) -> Reals:
    padded = np.pad(plane, _NEAR // 2, mode="edge")
    return _windows(padded, (_NEAR, _NEAR)) / _NEAR**2


def _correlate(big: Reals, small: Reals) -> Reals | None:
    """Normalised correlation at every place where ``small`` lies wholly within ``big``."""
    centred = small - small.mean()
    energy = float((centred**2).sum())
    if energy < _SHOWING:
        return None
    shape = big.shape
    spectrum = np.fft.rfft2(big)
    across = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(centred, shape)), shape)
    height, width = (b - s + 1 for b, s in zip(shape, small.shape, strict=True))
    local = _windows(big**2, small.shape) - _windows(big, small.shape) ** 2 / small.size
    floor = max(float(local.max()) * 1e-4, _SHOWING)
    # of inverted grey levels the correlation is negative
    return np.asarray(
        np.abs(across[:height, :width]) / np.sqrt(np.maximum(local, floor) * energy), np.float64
    )


def _windows(plane: Reals, size: tuple[int, ...]) -> Reals:
    total = np.pad(np.cumsum(np.cumsum(plane, axis=0), axis=1), ((1, 0), (1, 0)))
    h, w = size
    sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    return np.asarray(sums, np.float64)
