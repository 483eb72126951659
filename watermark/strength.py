"""How high the mark stands in each cell."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.bands import LEVELS, ORIENTATIONS, analyse
from watermark.evidence import local_level, mean_square
from watermark.grid import CELL, SIDE, Geometry, block_sums
from watermark.harm import COARSE_BITS, Harm
from watermark.imprint import MASK, STEPS, TOP_SHIFT, Mask
from watermark.noise import SPARSE, Noise
from watermark.pattern import HEIGHTS, RMS
from watermark.profile import Profile
from watermark.rounding import ROUNDING, height_after
from watermark.threshold import THRESHOLD

Floats = npt.NDArray[np.float32]

STILL: Final = 0.04
"""Grey levels of noise below which a cell counts as flat and stays as it is."""
REHEARSED_NOISE: Final = 0.04
"""White noise of the rehearsed attack, over the span of grey levels that a viewer shows."""
NOISY_COUNTS: Final = 2.5
"""What the score under that noise counts: it may be less than the fresh mark's by so much."""
ATTAINED: Final = 0.57
"""Score that is left of a rehearsed one after interpolation, rounding and pilots (measured)."""
LOUD: Final = 2.5
"""Noise of a cell over the image's median, above which it counts no more."""
STEEP: Final = 4.0
"""Noise of a cell over that of its quietest neighbour, above which it counts no more."""
FAVOURED: Final = 0.4
"""Share of the cells that may be given more than the others, where height counts most."""
FAVOUR: Final = np.float32(1.6)
"""How much more."""
_TURNS: Final = (0.7548776662, 0.5698402910)
"""Parts of a turn from row to row and from column to column: cells round evenly up and down."""
_TRIES: Final = 8
_AIM: Final = 0.996
_NEAR: Final = 0.992
_SMALLEST: Final = 1e-4
_FLATTEST: Final = 0.1
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
    rehearsal = _Rehearsal(canvas, geometry, bits_stored=bits_stored)
    gain = rehearsal.gain(geometry.cells)
    price = harm.worth / gain

    rehearsed: dict[tuple[int, float, float], float] = {}  # both shapes live as long as this

    def score(plan: _Plan) -> float:
        tried = id(plan.shape), plan.share, plan.dearest
        if tried not in rehearsed:
            rehearsed[tried] = rehearsal.worst(height_after(plan.heights()) * noise.alive)
        return rehearsed[tried]

    plan = _greatest_allowed(_Plan(level, price), harm)
    expected = score(plan)
    if expected < profile.plenty * THRESHOLD and math.isinf(plan.dearest):
        uneven = _greatest_allowed(_Plan(_favoured(level, gain), price), harm)
        plan, expected = max((plan, expected), (uneven, score(uneven)), key=lambda pair: pair[1])
    if expected > profile.plenty * THRESHOLD:
        enough = profile.plenty * THRESHOLD
        plan = plan.scaled(_greatest(lambda share: score(plan.scaled(share)) / enough))
        expected = score(plan)
    if expected < profile.least * THRESHOLD:
        plan = _rescued(plan, harm, score, profile)
        expected = score(plan)
    return plan.mask(), expected


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


def _favoured(level: Floats, gain: Floats) -> Floats:
    """Return the noise, more of it where as much mark, by the noise, brings most."""
    value = level * gain
    least = np.quantile(value[level > 0], 1 - FAVOURED)
    more: Floats = np.where(value >= least, level * FAVOUR, level)
    return more


@dataclass(frozen=True, slots=True)
class _Plan:
    """Heights by cell: a share of the noise, as far as that is worth its price.

    Attributes
    ----------
    shape : float32, shape of ``Geometry.cells``
        Heights for a share of 1.
    price : float32, same shape
        Cost of a cell's mark over what it brings.
    share : float
        Height over ``shape`` at most.
    dearest : float
        Height times ``price`` at most.
    """

    shape: Floats
    price: Floats
    share: float = 1.0
    dearest: float = math.inf

    def mask(self) -> Mask:
        """Return the codes of the heights."""
        height = self.shape * np.float32(self.share)
        return _encode(np.minimum(height, np.float32(self.dearest) / self.price))

    def heights(self) -> Floats:
        """Return the heights that the codes stand for, in grey levels."""
        mask = self.mask()
        return (MASK * (RMS / 2.0**mask.shift)).astype(np.float32)[mask.codes]

    def scaled(self, factor: float) -> "_Plan":
        """Return the plan with all heights this much greater."""
        return replace(self, share=self.share * factor, dearest=self.dearest * factor)


def _greatest_allowed(plan: _Plan, harm: Harm) -> _Plan:
    """Return the plan with the greatest heights that stay within all limits."""

    def prominence(share: float) -> float:
        return harm.prominence(replace(plan, share=share).heights())

    def cost(part: float) -> float:
        return harm.cost(replace(plan, dearest=top * part).heights())

    for _ in range(2):  # the budget keeps the heights of some cells low, others can have more
        plan = replace(plan, share=_greatest(prominence))
        top = float((plan.shape * plan.price).max()) * plan.share
        part = _greatest(cost)
        if part == 1.0:
            return plan
        plan = replace(plan, dearest=top * part)
    most = plan.share  # cells that the bound took the mark from are no longer among the marked
    return replace(plan, share=most * _greatest(lambda part: prominence(most * part)))


def _rescued(plan: _Plan, harm: Harm, score: Callable[[_Plan], float], profile: Profile) -> _Plan:
    """Return the plan raised until its score will do, or its ratios are what is borne at most."""
    bold = plan.scaled(2 * profile.resort / max(harm.prominence(plan.heights()), _SMALLEST))
    borne = _greatest(lambda x: harm.prominence(bold.scaled(x).heights()) / profile.resort)
    bold = bold.scaled(borne)
    return bold.scaled(_greatest(lambda x: score(bold.scaled(x)) / THRESHOLD / profile.rescued))


def _greatest(measure: Callable[[float], float]) -> float:
    """Return the greatest number up to 1 whose measure, which rises, is at most 1, nearly.

    The measure is taken as a power of the number between those known, a secant of logarithms.
    """
    value = measure(1.0)
    if value <= 1:
        return 1.0
    good, bad, number, power = _SMALLEST, 1.0, 1.0, 1.0
    for _ in range(_TRIES):
        before, last = number, value
        number = before * (_AIM / max(last, _SMALLEST)) ** (1 / power)
        if not good < number < bad:
            number = math.sqrt(good * bad) if good > _SMALLEST else bad / 2
        if number == before:
            break
        value = measure(number)
        good, bad = (number, bad) if value <= 1 else (good, number)
        if _NEAR <= value <= 1:
            break
        rise = math.log(max(value, _SMALLEST) / max(last, _SMALLEST))
        power = max(rise / math.log(number / before), _FLATTEST)
    return good


def _encode(height: Floats) -> Mask:
    """Return codes for root mean square heights in grey levels; right in the mean of many cells.

    The codes are half an octave apart, so cells between two of them take turns.
    """
    factor = height / np.float32(RMS)
    if not factor.any():
        return Mask(np.zeros(height.shape, np.uint8), 0)
    shift = math.floor(math.log2(int(MASK[-1]) / float(factor.max())))
    shift = min(max(shift, 0), TOP_SHIFT)
    scaled = np.ldexp(factor, shift)
    octaves = np.log2(np.maximum(scaled, 1) / MASK[1])
    codes = np.clip(np.floor(octaves * STEPS + _turns(height.shape)) + 1, 0, len(MASK) - 1)
    return Mask(codes.astype(np.uint8), shift)


@lru_cache(maxsize=4)
def _turns(cells: tuple[int, int]) -> Floats:
    """Return by cell how far it rounds up, in steps of the codes."""
    down, across = (turn * np.arange(side) for turn, side in zip(_TURNS, cells, strict=True))
    return ((down[:, np.newaxis] + across) % 1).astype(np.float32)


class _Rehearsal:
    """Marks the details of an image without making the image, to foretell the detector's score.

    The signs are those of no key: any coins give nearly the same score.
    """

    def __init__(self, canvas: Floats, geometry: Geometry, *, bits_stored: int) -> None:
        span = float((1 << bits_stored) - 1)
        if bits_stored > COARSE_BITS:
            low, high = np.percentile(canvas[::4, ::4], (0.1, 99.9))
            span = float(high - low)
        spread = REHEARSED_NOISE * span * SIDE / geometry.longer
        self.bands = analyse(canvas)
        shapes = [band.shape for band in self.bands]
        self.coins = [
            (np.ascontiguousarray(signs[:rows, :columns]), hum[:rows, :columns] * np.float32(gain))
            for (signs, hum), (rows, columns), gain in zip(
                _coins(), shapes, [spread * gain for gain in _GAIN], strict=True
            )
        ]

    def gain(self, cells: tuple[int, int]) -> Floats:
        """Return by cell what a little height adds to the signed sum, under the white noise."""
        total = np.zeros(cells, np.float32)
        for number, (host, (_, hum)) in enumerate(zip(self.bands, self.coins, strict=True)):
            level = LEVELS[number // ORIENTATIONS]
            weight = np.float32((HEIGHTS[level] / RMS) ** 2)
            side = CELL >> level
            total += block_sums(weight / local_level(mean_square(host + hum)), side)
        return total

    def worst(self, height: Floats) -> float:
        """Return the lesser of the expected score and ``NOISY_COUNTS`` times that under noise."""
        quiet, noisy = _Sum(), _Sum()
        for number, (host, (signs, hum)) in enumerate(zip(self.bands, self.coins, strict=True)):
            level = LEVELS[number // ORIENTATIONS]
            weight = HEIGHTS[level] / RMS
            side = CELL >> level
            wave = np.repeat(height * np.float32(weight), side, axis=1)[:, np.newaxis]
            band = (signs.reshape(len(height), side, -1) * wave).reshape(host.shape)
            band += host
            quiet.add(band, signs, weight)
            band += hum
            noisy.add(band, signs, weight)
        return min(quiet.score, NOISY_COUNTS * noisy.score)


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
