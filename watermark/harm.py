"""What a mark does to an image, foretold without making it.

``watermark.quality`` measures the same on the finished image.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.bands import LEVELS
from watermark.grid import CELL, SIDE, Geometry, block_sums
from watermark.noise import SPARSE, Noise
from watermark.pattern import HEIGHTS
from watermark.profile import Profile
from watermark.rounding import ROUNDING, power_after, quarters

Floats = npt.NDArray[np.float32]

COARSE_BITS: Final = 8
"""Bits up to which signal-to-noise ratio is limited, instead of SSIM."""
WINDOW: Final = 7
"""Pixels along a window of SSIM."""
_K1, _K2 = 0.01, 0.03  # Wang et al. 2004
_BLOCK: Final = 4
"""Points along a block of the grid whose variance stands for that of a window."""
_ROWS: Final = 128
_EVEN: Final = 0.985
_UNEVEN: Final = 0.165
"""Mean, and deviation from cell to cell, of a pattern's root mean square (measured)."""
_FAINTEST: Final = 0.02
"""Mark-to-noise ratio below which no pixel of a cell is likely to change."""


class Harm:
    """What a profile allows of a mark in an image, and how much of that a mark takes.

    Parameters
    ----------
    canvas : float32, shape of ``Geometry.canvas``
        The image on the canonical grid.
    noise : Noise
        Its noise by cell.
    geometry : Geometry
        Its size.
    bits_stored : int
        Bits of a grey level.
    profile : Profile
        The limits.
    """

    def __init__(
        self,
        canvas: Floats,
        noise: Noise,
        geometry: Geometry,
        *,
        bits_stored: int,
        profile: Profile,
    ) -> None:
        peak = (1 << bits_stored) - 1
        self._alive = noise.alive
        self._known = noise.alive >= SPARSE
        self._level = np.sqrt(np.square(noise.deviation) + np.float32(ROUNDING))[self._known]
        self._profile = profile
        self.worth: Floats
        """Share of the budget of a change of mean square 1, by cell."""
        if bits_stored <= COARSE_BITS:
            worth = 10 ** (profile.coarse_fidelity_db / 10) / peak**2
            self.worth = np.full(geometry.cells, worth, np.float32)
        else:
            worth = 1 / profile.dissimilarity
            self.worth = _unlikeness(canvas, noise, geometry, peak=peak) * np.float32(worth)

    def cost(self, height: Floats) -> float:
        """Return the error of the whole image over what is allowed: squares, or 1 - SSIM."""
        return float(np.mean(self._power(height) * self.worth))

    def prominence(self, height: Floats) -> float:
        """Return the mark-to-noise ratio over its limits, the worse of median and 99th percent."""
        ratios = np.sqrt(self._power(height)[self._known]) / self._level
        marked = ratios[ratios > _FAINTEST]
        if not marked.size:
            return 0.0
        median, top = np.percentile(marked, (50, 99))
        return max(float(median) / self._profile.median, float(top) / self._profile.top)

    def _power(self, height: Floats) -> Floats:
        """Return the mean square change by cell."""
        rows, columns = height.shape
        uneven = _unevenness()[:rows, :columns]
        total: Floats = power_after(quarters(height) * uneven).sum(axis=0)
        total *= self._alive * np.float32(0.25)
        return total


def _unlikeness(canvas: Floats, noise: Noise, geometry: Geometry, *, peak: int) -> Floats:
    """Return 1 - SSIM by cell for a change of mean square 1."""
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    seen = _seen_by_ssim(geometry)
    rows, columns = geometry.cells
    share = CELL // _BLOCK
    smaller = min(1.0, (WINDOW * SIDE / (_BLOCK * geometry.longer)) ** 2)  # a slope's variance
    structure = _variance(canvas).reshape(rows, share, columns, share) * np.float32(smaller)
    variance = structure + np.square(noise.deviation)[:, np.newaxis, :, np.newaxis]
    varied = np.mean(seen / (2 * variance + c2), axis=(1, 3))
    moved = (1 - seen) / (2 * np.square(noise.mean) + c1)
    unlike: Floats = np.asarray(varied + moved, np.float32)
    return unlike


def _variance(canvas: Floats) -> Floats:
    """Return the variance within blocks of the grid, in strips that stay in the cache."""
    middle = canvas.mean()
    strips = []
    for start in range(0, len(canvas), _ROWS):
        centred = canvas[start : start + _ROWS] - middle
        mean = block_sums(centred, _BLOCK) / _BLOCK**2
        square = block_sums(np.square(centred, out=centred), _BLOCK) / _BLOCK**2
        strips.append(np.maximum(square - np.square(mean), 0))
    return np.concatenate(strips)


def _seen_by_ssim(geometry: Geometry) -> float:
    """Return the share of a mark's power that varies within a window; the rest moves its mean."""
    total = seen = 0.0
    for level in LEVELS:
        power = HEIGHTS[level] ** 2
        middle = 0.75 * SIDE / (1 << level) / geometry.longer  # cycles a pixel
        total += power
        seen += power * (1 - float(np.sinc(WINDOW * middle)) ** 2)
    return seen / total


@lru_cache(maxsize=1)
def _unevenness() -> Floats:
    """Return what patterns vary by from cell to cell, drawn once for all images."""
    side = SIDE // CELL
    drawn = np.random.default_rng(0).standard_normal((side, side))
    return (_EVEN + _UNEVEN * drawn).astype(np.float32)
