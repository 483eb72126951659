"""How high the mark stands in each cell."""

import math
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.bands import LEVELS, ORIENTATIONS, analyse
from watermark.evidence import local_level, mean_square
from watermark.grid import CELL, SIDE, Geometry
from watermark.harm import ROUNDING, Harm, after_rounding
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
ATTAINED: Final = 0.57
"""Score that is left of a rehearsed one after interpolation, rounding and pilots (measured)."""
LOUD: Final = 2.5
"""Noise of a cell over the image's median, above which it counts no more."""
STEEP: Final = 4.0
"""Noise of a cell over that of its quietest neighbour, above which it counts no more."""
_STEP: Final = 2**0.125
_HALVINGS: Final = 7
FAV=float(os.environ.get("FAV","0.333"))
LOW=float(os.environ.get("LOW","0.44"))
HIGH=float(os.environ.get("HIGH","0.70"))
MODE=os.environ.get("MODE","flat")
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
    harm = Harm(canvas, noise, geometry, bits_stored=bits_stored, profile=profile)
    rehearsal = _Rehearsal(canvas, geometry)
    value = rehearsal.value(level) * (level > 0)
    bar = np.quantile(value[level > 0], 1 - FAV)
    favoured = value >= bar
    price = harm.worth / np.median(harm.worth[level > 0])
    if MODE == "value":
        v = value / np.maximum(level, 1e-6)
        price = price / (v / np.median(v[level > 0])).clip(0.25, 4)

    def cap(strength: float) -> Floats:
        low = LOW * min(strength, 1)
        high = LOW * strength if strength < 1 else LOW + (HIGH - LOW) * (strength - 1)
        return level * np.where(favoured, high, low).astype(np.float32)

    def limited(most: Floats, k: float=1.0) -> Mask:
        top = float((most * price).max())
        def made(t: float) -> Mask:
            return _encode(k * np.minimum(most, np.float32(t) / price))
        def made1(t: float) -> Mask:
            return _encode(np.minimum(most, np.float32(t) / price))
        if harm.of(_decode(made1(top)))[0] <= 1:
            return made(top)
        low, high = 0.0, top
        for _ in range(9):
            middle = (low + high) / 2
            low, high = (middle, high) if harm.of(_decode(made1(middle)))[0] <= 1 else (low, middle)
        return made(low)

    def allowed(strength: float) -> bool:
        return harm.of(_decode(limited(cap(strength))))[1] <= 1

    strength = _greatest(allowed, 2.0)
    mask = limited(cap(strength))
    expected = rehearsal.worst(_decode(mask))
    if expected > profile.plenty * THRESHOLD:
        strength = _greatest(
            lambda s: rehearsal.worst(_decode(limited(cap(s)))) <= profile.plenty * THRESHOLD,
            strength,
        )
        mask = limited(cap(strength))
        expected = rehearsal.worst(_decode(mask))
    beyond = 1.0
    while expected < profile.least * THRESHOLD and beyond < profile.resort:
        beyond *= _STEP
        mask = limited(np.maximum(cap(strength), level * np.float32(min(LOW, .26))), beyond)
        expected = rehearsal.worst(_decode(mask))
    if os.environ.get("DEBUG"): print("   strength %.2f beyond %.2f exp %.2f cost %.2f ratio %.2f"%(strength,beyond,expected/THRESHOLD,*harm.of(_decode(mask))))
    return mask, expected


def _greatest(good: Callable[[float], bool], most: float) -> float:
    """Return the greatest argument up to ``most`` that is good, nearly; the least are."""
    if good(most):
        return most
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return low


def _decode(mask: Mask) -> Floats:
    """Return the root mean square heights of a mask, in grey levels."""
    return np.ldexp(MASK[mask.codes].astype(np.float32) * np.float32(RMS), -mask.shift)


def _usable(noise: Noise) -> Floats:
    """Return the noise by cell, rounding included; zero where the image must stay as it is."""
    level = np.sqrt(np.square(noise.deviation) + np.float32(ROUNDING))
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
    if not factor.any():
        return Mask(np.zeros(height.shape, np.uint8), 0)
    shift = math.floor(math.log2(int(MASK[-1]) / float(factor.max())))
    shift = min(max(shift, 0), TOP_SHIFT)
    scaled = np.ldexp(factor, shift)
    octaves = np.log2(np.maximum(scaled, 1) / MASK[1])
    codes = np.clip(np.rint(octaves * STEPS) + 1, 1, len(MASK) - 1)
    return Mask(np.where(scaled < MASK[1] / 2, 0, codes).astype(np.uint8), shift)


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

    def value(self, level: Floats) -> Floats:
        """Return what a cell's noise is worth to the noisy score."""
        rows, columns = level.shape
        total = np.zeros_like(level)
        for number, (host, (_, hum)) in enumerate(zip(self.bands, self.coins, strict=True)):
            kind = LEVELS[number // ORIENTATIONS]
            side = CELL >> kind
            worth = (HEIGHTS[kind] / RMS) ** 2 / local_level(mean_square(host + hum))
            total += worth.reshape(rows, side, columns, side).sum(axis=(1, 3))
        return total * level

    def worst(self, height: Floats) -> float:
        """Return the expected score without noise, or four times that with it, if less."""
        quiet, noisy = _Sum(), _Sum()
        height = after_rounding(height)[1]
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
