"""How high the mark stands in each cell."""

import math
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
REHEARSED_NOISE: Final = 0.025
"""White noise of the rehearsed attack, over the span of grey levels that a viewer shows."""
LEAST: Final = np.float32(0.6)
"""Ceiling of a cell at least, in grey levels: below, rounding takes most of the mark away."""
_ROUNDING: Final = 1 / 12
LOUD: Final = 2.5
"""Noise of a cell over the image's median, above which it counts no more."""
STEEP: Final = 4.0
"""Noise of a cell over that of its quietest neighbour, above which it counts no more."""
_STEP: Final = 2**0.25
_GAIN: Final = (0.69, 0.68, 1.35, 0.36, 0.37, 0.75, 0.18, 0.18, 0.38)


def choose_mask(
    canvas: Floats, noise: Noise, geometry: Geometry, *, span: int, coarse: bool, profile: Profile
) -> tuple[Mask, float]:
    """Return the mask for an image and the score to expect after the rehearsed attack.

    Parameters
    ----------
    canvas : float32, shape of ``Geometry.canvas``
        The image on the canonical grid.
    noise : Noise
        Its noise by cell.
    geometry : Geometry
        Its size.
    span : int
        Its greatest grey level less its least.
    coarse : bool
        It has at most 8 bits.
    profile : Profile
        The limits.

    Returns
    -------
    mask : Mask
        Height of the mark by cell.
    expected : float
        Score of the detector to expect after the attack.
    """
    level = _usable(noise)
    if not level.any():
        return Mask(np.zeros(geometry.cells, np.uint8), 0), 0.0
    ceiling = np.maximum(level * np.float32(profile.ceiling), np.where(level > 0, LEAST, 0))
    fidelity = profile.coarse_fidelity_db if coarse else profile.fidelity_db
    wanted = span * 10 ** (-fidelity / 20)
    factor = wanted / math.sqrt(float(np.mean(np.square(level) * noise.alive)))
    rehearsal = _Rehearsal(canvas, geometry)
    while True:
        height = np.minimum(level * np.float32(factor), ceiling)
        expected = rehearsal.worst(height)
        if expected >= profile.goal * THRESHOLD or (height >= ceiling).all():
            return _encode(height), expected
        factor *= _STEP


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


class _Rehearsal:
    """The statistics of an image under white noise, to foretell the detector's score."""

    def __init__(self, canvas: Floats, geometry: Geometry) -> None:
        low, high = np.percentile(canvas[::4, ::4], (0.1, 99.9))
        spread = REHEARSED_NOISE * float(high - low) * SIDE / geometry.longer
        self.host: list[Floats] = []
        self.hum: list[float] = []
        for number, band in enumerate(analyse(canvas)):
            self.host.append(mean_square(band))
            self.hum.append((spread * _GAIN[number]) ** 2)

    def worst(self, height: Floats) -> float:
        """Return the expected score after the attack, or half of that without, if less."""
        return min(self._score(height, self.hum), self._score(height, [0.0] * len(self.hum)) / 2)

    def _score(self, height: Floats, hums: list[float]) -> float:
        """Return the expected score of a mark of these root mean square heights by cell."""
        total = power = 0.0
        for number, (host, hum) in enumerate(zip(self.host, hums, strict=True)):
            level = LEVELS[number // ORIENTATIONS]
            side = CELL >> level
            wave = np.kron(height, np.ones((side, side), np.float32))
            wave *= np.float32(HEIGHTS[level] / RMS)
            weight = HEIGHTS[level] / RMS
            square = host + np.float32(hum) + np.square(wave)
            local = local_level(square)
            total += weight * float(np.sum(wave / local, dtype=np.float64))
            power += weight * weight * float(np.sum(square / np.square(local), dtype=np.float64))
        return total * total / power if power > 0 else 0.0
