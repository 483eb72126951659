"""How high the mark stands in each cell."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.bands import LEVELS, ORIENTATIONS, analyse
from watermark.evidence import local_level, mean_square
from watermark.grid import CELL, SIDE, Geometry
from watermark.imprint import MASK, STEPS, TOP_SHIFT, Mask
from watermark.noise import SPARSE, Noise
from watermark.pattern import HEIGHTS, RMS
from watermark.profile import Profile
from watermark.threshold import THRESHOLD

Floats = npt.NDArray[np.float32]

STILL: Final = 0.04
"""Grey levels of noise below which a cell counts as flat and stays as it is."""
REHEARSED_NOISE: Final = 0.04
"""White noise of the rehearsed attack, over the span of grey levels that a viewer shows."""
LEAST: Final = np.float32(0.6)
"""Ceiling of a cell at least, in grey levels, in a clean image: less would round to nothing."""
CLEAN: Final = 0.7
"""Median noise, in grey levels, below which an image is clean: rounding is most of its noise."""
HEARD: Final = np.float32(0.35)
"""Height, in grey levels, at which rounding leaves most of the mark."""
AUDIBLE: Final = np.float32(0.8)
"""Mark-to-noise ratio up to which a cell is given that height: no cell is left without."""
COARSE_BITS: Final = 8
ATTAINED: Final = 0.57
"""Score that is left of a rehearsed one after interpolation, rounding and pilots (measured)."""
WINDOW: Final = 7
"""Pixels along a window of SSIM."""
_ROUNDING: Final = 1 / 12
LOUD: Final = 2.5
"""Noise of a cell over the image's median, above which it counts no more."""
STEEP: Final = 4.0
"""Noise of a cell over that of its quietest neighbour, above which it counts no more."""
_STEP: Final = 2**0.125
_MOST: Final = 3.0
_HALVINGS: Final = 12
_FAINTEST: Final = _MOST / 2**_HALVINGS
_GAIN: Final = (0.69, 0.68, 1.35, 0.36, 0.37, 0.75, 0.18, 0.18, 0.38)


def choose_mask(
    canvas: Floats, noise: Noise, geometry: Geometry, *, bits_stored: int, profile: Profile
) -> tuple[Mask, float]:
    """Return the mask for an image and the score to expect.

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

    Returns
    -------
    mask : Mask
        Height of the mark by cell.
    expected : float
        Score of the detector to expect, the worse of two rehearsals (``_Rehearsal.worst``).
    """
    level = _usable(noise)
    if not level.any():
        return Mask(np.zeros(geometry.cells, np.uint8), 0), 0.0
    floor = LEAST if float(np.median(level[level > 0])) < CLEAN else np.float32(0)
    least = np.where(level > 0, floor, 0)
    heard = np.minimum(HEARD, level * AUDIBLE)
    cost = _Cost(noise, level, geometry, bits_stored=bits_stored, profile=profile)
    rehearsal = _Rehearsal(canvas, geometry)

    def height(factor: float, ceiling: float) -> Floats:
        most = np.maximum(level * np.float32(ceiling), least)
        heights: Floats = np.maximum(np.minimum(level * np.float32(factor), most), heard)
        return heights

    factor = _affordable(lambda factor: cost.of(height(factor, profile.ceiling)))
    heights = height(factor, profile.ceiling)
    expected = rehearsal.worst(heights)
    while expected > profile.plenty * THRESHOLD and factor > _FAINTEST:
        factor /= _STEP
        before, heights = heights, height(factor, profile.ceiling)
        if not np.array_equal(before, heights):
            expected = rehearsal.worst(heights)
    factor, ceiling = max(factor, _FAINTEST), profile.ceiling
    while expected < profile.least * THRESHOLD and min(factor, ceiling) < profile.resort:
        factor *= _STEP
        ceiling = max(ceiling, min(factor, ceiling * _STEP, profile.resort))
        expected = rehearsal.worst(height(factor, ceiling))
    chosen = height(factor, ceiling)
    return _encode(chosen), expected


def _usable(noise: Noise) -> Floats:
    """Return the noise by cell, rounding included; zero where the image must stay as it is."""
    level = np.sqrt(np.square(noise.deviation) + np.float32(_ROUNDING))
    occupied = noise.alive >= SPARSE
    quiet = np.pad(np.where(occupied, level, np.inf), 1, constant_values=np.inf)
    for _ in range(2):  # least of 3 x 3 cells: the mask is interpolated between them
        quiet = np.minimum(np.minimum(quiet[:-2], quiet[1:-1]), quiet[2:]).T
    usable = occupied & (noise.deviation >= STILL)
    if not usable.any():
        return np.zeros_like(level)
    level = np.minimum(level, np.float32(STEEP) * quiet)
    level = np.minimum(level, np.float32(LOUD * np.median(level[usable])))
    return np.where(usable, level, 0).astype(np.float32)


def _encode(height: Floats) -> Mask:
    """Return the codes nearest to root mean square heights in grey levels."""
    factor = height / np.float32(RMS)
    shift = math.floor(math.log2(int(MASK[-1]) / float(factor.max())))
    shift = min(max(shift, 0), TOP_SHIFT)
    scaled = np.ldexp(factor, shift)
    octaves = np.log2(np.maximum(scaled, 1) / MASK[1])
    codes = np.clip(np.rint(octaves * STEPS) + 1, 1, len(MASK) - 1)
    return Mask(np.where(scaled < MASK[1] / 2, 0, codes).astype(np.uint8), shift)


def _affordable(cost: Callable[[float], float]) -> float:
    """Return the greatest factor up to ``_MOST`` whose cost is at most 1."""
    low, high = 0.0, _MOST
    if cost(high) <= 1:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(middle) <= 1 else (low, middle)
    return low


class _Cost:
    """What a mark of some height does to the whole picture, over what the profile allows."""

    def __init__(
        self,
        noise: Noise,
        level: Floats,
        geometry: Geometry,
        *,
        bits_stored: int,
        profile: Profile,
    ) -> None:
        peak = (1 << bits_stored) - 1
        self.alive = np.where(level > 0, noise.alive, 0)
        if bits_stored <= COARSE_BITS:
            self.worth = np.full_like(level, 1 / peak**2 * 10 ** (profile.coarse_fidelity_db / 10))
            self.rounding = _ROUNDING
        else:
            c2 = (0.03 * peak) ** 2  # Wang et al. 2004
            variance = 2 * np.square(noise.deviation) + c2
            seen = _seen_by_ssim(geometry) / profile.dissimilarity
            self.worth = (seen / variance).astype(np.float32)
            self.rounding = 0.0

    def of(self, height: Floats) -> float:
        """Return mean square error or 1 - SSIM as a share of what is allowed."""
        square = np.square(height) + np.float32(self.rounding)
        return float(np.mean(square * self.alive * self.worth))


def _seen_by_ssim(geometry: Geometry) -> float:
    """Return the share of a mark's power that varies within a window of SSIM."""
    total = seen = 0.0
    for level in LEVELS:
        power = (HEIGHTS[level] / (1 << level)) ** 2
        middle = 0.75 * SIDE / (1 << level) / geometry.longer  # cycles a pixel
        total += power
        seen += power * (1 - float(np.sinc(WINDOW * middle)) ** 2)
    return seen / total


class _Rehearsal:
    """Marks the details of an image without making the image, to foretell the detector's score.

    The signs are those of no key: any coins give nearly the same score.
    """

    def __init__(self, canvas: Floats, geometry: Geometry) -> None:
        low, high = np.percentile(canvas[::4, ::4], (0.1, 99.9))
        spread = REHEARSED_NOISE * float(high - low) * SIDE / geometry.longer
        self.bands = analyse(canvas)
        shapes = [band.shape for band in self.bands]
        self.coins = [
            (np.ascontiguousarray(signs[:rows, :columns]), hum[:rows, :columns] * np.float32(gain))
            for (signs, hum), (rows, columns), gain in zip(
                _coins(), shapes, [spread * gain for gain in _GAIN], strict=True
            )
        ]

    def worst(self, height: Floats) -> float:
        """Return the expected score without noise, or four times that with it, if less."""
        quiet, noisy = _Sum(), _Sum()
        for number, (host, (signs, hum)) in enumerate(zip(self.bands, self.coins, strict=True)):
            level = LEVELS[number // ORIENTATIONS]
            weight = HEIGHTS[level] / RMS
            side = CELL >> level
            rows, columns = height.shape
            wave = height[:, np.newaxis, :, np.newaxis] * np.float32(weight)
            band = (signs.reshape(rows, side, columns, side) * wave).reshape(host.shape)
            band += host
            quiet.add(band, signs, weight)
            band += hum
            noisy.add(band, signs, weight)
        return min(quiet.score, 4 * noisy.score)


class _Sum:
    """The rehearsed score, band by band."""

    def __init__(self) -> None:
        self._total = self._power = 0.0

    def add(self, band: Floats, signs: Floats, weight: float) -> None:
        """Take the coefficients of a band, and the signs of the mark in it."""
        term = band / local_level(mean_square(band))
        self._total += weight * float(np.vdot(term, signs))
        self._power += weight * weight * float(np.vdot(term, term))

    @property
    def score(self) -> float:
        """The score of the bands so far."""
        return ATTAINED * self._total**2 / self._power if self._power > 0 else 0.0


@lru_cache(maxsize=1)
def _coins() -> list[tuple[Floats, Floats]]:
    """Return signs and white noise for every band."""
    rng = np.random.default_rng(0)
    found: list[tuple[Floats, Floats]] = []
    for level in LEVELS:
        for _ in range(ORIENTATIONS):
            shape = SIDE >> level, SIDE >> level
            signs = rng.integers(0, 2, shape).astype(np.float32) * 2 - 1
            found.append((signs, rng.standard_normal(shape, np.float32)))
    return found
