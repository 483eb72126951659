"""What a mark of some height does to an image, foretold without a key.

``watermark.quality`` measures the same on the finished image; here a mark is weighed before it
is made.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.bands import LEVELS
from watermark.grid import CELL, SIDE, Geometry
from watermark.noise import SPARSE, Noise
from watermark.pattern import HEIGHTS, PEAK, RMS
from watermark.profile import Profile

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ROUNDING: Final = 1 / 12
"""Variance that rounding to whole grey levels adds."""
COARSE_BITS: Final = 8
WINDOW: Final = 7
"""Pixels along a window of SSIM."""
_BEFORE_CUT: Final = 1.044
"""Deviation of a pattern over ``RMS`` before it is cut (measured)."""
_UNEVEN: Final = 0.165
"""Deviation, from cell to cell, of a pattern's root mean square (measured)."""
_FINE: Final = 4.0
"""Height above which rounding leaves a mark's height as it is."""
_BLOCK: Final = 4
_ENTRIES: Final = 512
_SAMPLES: Final = 2048


class Harm:
    """What the profile allows of a mark, and what marks take of it.

    Parameters
    ----------
    noise : Noise
        The image's noise by cell.
    level : float32, shape of ``Geometry.cells``
        The same with rounding, zero where there is no mark.
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
        self._level = np.sqrt(np.square(noise.deviation) + np.float32(ROUNDING))
        self._known = noise.alive >= SPARSE
        self._profile = profile
        self.worth: Floats
        if bits_stored <= COARSE_BITS:
            worth = 10 ** (profile.coarse_fidelity_db / 10) / peak**2
            self.worth = np.full_like(self._level, worth)
        else:
            worth = _dissimilarity(canvas, noise, geometry, peak=peak)
            self.worth = worth * np.float32(1 / profile.dissimilarity)

    def power(self, height: Floats) -> Floats:
        """Return the mean square change by cell, from root mean square heights."""
        rows, columns = height.shape
        uneven = _unevenness()
        total = np.zeros_like(height)
        wide = np.pad(height, 1, mode="edge")
        for number, (up, left) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
            across = 0.25 * wide[up : up + rows] + 0.75 * wide[1:-1]
            at = 0.25 * across[:, left : left + columns] + 0.75 * across[:, 1:-1]
            total += after_rounding(at * uneven[:rows, :columns])[0]
        return total * self._alive / 4

    def of(self, height: Floats) -> tuple[float, float]:
        """Return budget share, and the ratio's share of its limits."""
        power = self.power(height)
        cost = float(np.mean(power * self.worth))
        ratios = np.sqrt(power[self._known]) / self._level[self._known]
        ratios = ratios[ratios > 0.02]
        if not ratios.size:
            return cost, 0.0
        median, top = np.percentile(ratios, (50, 99))
        return cost, max(float(median) / self._profile.median, float(top) / self._profile.top)


def _dissimilarity(canvas: Floats, noise: Noise, geometry: Geometry, *, peak: int) -> Floats:
    """Return 1 - SSIM by cell for a mark of height 1 (Wang et al. 2004)."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    seen = _seen_by_ssim(geometry)
    rows, columns = noise.deviation.shape
    share = CELL // _BLOCK
    blocks = canvas.reshape(rows * share, _BLOCK, columns * share, _BLOCK)
    spread = min(1.0, (WINDOW * SIDE / (_BLOCK * geometry.longer)) ** 2)
    structure = np.var(blocks, axis=(1, 3)).reshape(rows, share, columns, share) * spread
    variance = 2 * (structure + np.square(noise.deviation)[:, np.newaxis, :, np.newaxis])
    varied = np.mean(seen / (variance + c2), axis=(1, 3))
    shifted = (1 - seen) / (2 * np.square(noise.mean) + c1)
    return (varied + shifted).astype(np.float32)


def after_rounding(height: Floats) -> tuple[Floats, Floats]:
    """Return mean square and remaining height of a mark whose pixels are rounded."""
    at, power, left = _rounded()
    fine = height >= _FINE
    square = np.where(fine, np.square(height) + np.float32(ROUNDING), np.interp(height, at, power))
    remaining = np.where(fine, height, np.interp(height, at, left))
    return square.astype(np.float32), remaining.astype(np.float32)


@lru_cache(maxsize=1)
def _rounded() -> tuple[Doubles, Doubles, Doubles]:
    normal = NormalDist(0, _BEFORE_CUT)
    wave = np.array([normal.inv_cdf((k + 0.5) / _SAMPLES) for k in range(_SAMPLES)])
    wave = np.clip(wave, -PEAK / RMS, PEAK / RMS)
    wave /= np.sqrt(np.mean(wave**2))
    at = np.linspace(0, _FINE, _ENTRIES)
    steps = np.rint(at[:, np.newaxis] * wave)
    return at, np.mean(steps**2, axis=1), steps @ wave / _SAMPLES


@lru_cache(maxsize=1)
def _unevenness() -> Floats:
    rng = np.random.default_rng(0)
    return (0.985 + _UNEVEN * rng.standard_normal((64, 64))).astype(np.float32)


def _seen_by_ssim(geometry: Geometry) -> float:
    """Return the share of a mark's power that varies within a window of SSIM."""
    total = seen = 0.0
    for level in LEVELS:
        power = HEIGHTS[level] ** 2
        middle = 0.75 * SIDE / (1 << level) / geometry.longer  # cycles a pixel
        total += power
        seen += power * (1 - float(np.sinc(WINDOW * middle)) ** 2)
    return seen / total
