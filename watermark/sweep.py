"""Guess a placement that also shears, stretches or foreshortens the picture.

Unequal stretching moves the pilots' peaks apart, and perspective smears them. So this sweep looks
at the mean power of small blocks (Welch 1967), whose wide peaks bear both, and undoes a grid of
strains one by one before it turns and scales as ``watermark.guess`` does.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.align import Blocks
from watermark.grid import SIDE
from watermark.guess import Guess, climb, distinct, with_shift
from watermark.pilots import SLOTS, constellations
from watermark.spectrum import Spectrum

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex64]

PART: Final = 512
"""Side of the middle part of the picture in which a guess is made exact."""
_BINS: Final = 512
_SIDE: Final = 256
_LOW, _HIGH = 24.0, 480.0
_STRAINS: Final = np.linspace(-0.1, 0.1, 9)
_CAP: Final = 6.0
_REACH: Final = 8
_KEPT: Final = 16


def sweep(flat: Floats, blocks: Blocks, *, key: bytes, most: int) -> list[Guess]:
    """Return the likeliest strained placements, best first."""
    part, corner = _middle(flat)
    spectrum = Spectrum.of(part, corner=corner)
    slots = constellations(key)
    found: list[Guess] = []
    for slot, linear in _coarse(_welch(blocks), key):
        frequencies = slots[slot].frequencies.astype(np.float64)
        _, exact = climb(spectrum, linear, frequencies)
        for turned in (exact, -exact):
            found += with_shift(spectrum, slot, slots[slot], turned)
    return distinct(found)[:most]


def _middle(flat: Floats) -> tuple[Floats, tuple[int, int]]:
    top, left = (max(0, (side - PART) // 2) for side in flat.shape)
    return flat[top : top + PART, left : left + PART], (left, top)


def _welch(blocks: Blocks) -> Floats:
    """Return the mean power of blocks over its local level, 512 x 257 bins of two periods."""
    total = np.zeros((_BINS, _BINS // 2 + 1), np.float32)
    for block in blocks.points:
        waves = np.fft.rfft2(block, s=(_BINS, _BINS))
        total += np.square(waves.real) + np.square(waves.imag)
    level = total
    for _ in range(2):
        wide = np.pad(level, ((_REACH, _REACH), (0, 0)), mode="reflect")
        sums = np.cumsum(wide, axis=0, dtype=np.float64)
        spread = 2 * _REACH + 1
        level = sums[spread - 1 :] - np.concatenate([np.zeros((1, wide.shape[1])), sums[:-spread]])
        level = (level / spread).T
    return (total / (level + 1e-20)).astype(np.float32)


def _coarse(power: Floats, key: bytes) -> list[tuple[int, Doubles]]:
    """Correlate every strained log-polar map with every constellation."""
    templates = _templates(key)
    peaks: list[tuple[float, int, Doubles]] = []
    for first in _STRAINS:
        for second in _STRAINS:
            strain = np.array([[1 + first, second], [second, 1 - first]])
            transform = np.fft.rfft2(_log_polar(power, strain))
            fields = np.fft.irfft2(transform * templates, s=(_SIDE, _SIDE))
            fields[:, :, ~_scales()] = 0
            fields = fields.reshape(len(templates), -1)
            best = fields.argmax(axis=1)
            heights = fields[np.arange(len(best)), best]
            for number in np.argsort(-heights)[:2]:
                linear = strain @ _map_of(int(best[number]), mirrored=number >= SLOTS)
                peaks.append((float(heights[number]), int(number) % SLOTS, linear))
    peaks.sort(key=lambda peak: -peak[0])
    return [(slot, linear) for _, slot, linear in peaks[:_KEPT]]


@lru_cache(maxsize=1)
def _scales() -> npt.NDArray[np.bool_]:
    """Say which columns of a correlation stand for a scale that is looked for."""
    octaves = np.fft.fftfreq(_SIDE) * np.log2(_HIGH / _LOW)
    likely: npt.NDArray[np.bool_] = (octaves > np.log2(0.35)) & (octaves < np.log2(2.2))
    return likely


def _map_of(place: int, *, mirrored: bool) -> Doubles:
    turn, stretch = divmod(place, _SIDE)
    angle = turn * np.pi / _SIDE
    stretch = stretch if stretch < _SIDE // 2 else stretch - _SIDE
    scale = (_HIGH / _LOW) ** (stretch / _SIDE)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    flip = -1.0 if mirrored else 1.0
    return np.array([[cosine * flip, -sine], [sine * flip, cosine]])


def _log_polar(levelled: Floats, strain: Doubles) -> Floats:
    x, y = np.tensordot(strain, _directions(), axes=1)
    column = np.rint(x).astype(np.int32)
    row = np.rint(y).astype(np.int32)
    row, column = np.where(column < 0, -row, row), np.abs(column)
    seen = (column < _BINS // 2) & (np.abs(row) < _BINS // 2)
    powers = np.where(seen, levelled[row % _BINS, np.minimum(column, _BINS // 2)], np.float32(0))
    share = np.maximum(seen.mean(axis=0), 1e-9)
    mean = powers.mean(axis=0) / share
    variance = np.square(powers).mean(axis=0) / share - np.square(mean)
    deviation = np.sqrt(np.maximum(variance, 0)) + 1e-6
    even: Floats = np.where(seen, np.minimum((powers - mean) / deviation, _CAP), 0)
    return even.astype(np.float32)


@lru_cache(maxsize=1)
def _directions() -> Doubles:
    """Return x and y, in bins, of the points of a log-polar map."""
    angle = np.arange(_SIDE)[:, np.newaxis] * np.pi / _SIDE
    radius = _LOW * (_HIGH / _LOW) ** (np.arange(_SIDE) / _SIDE) * _BINS / SIDE
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


@lru_cache(maxsize=2)
def _templates(key: bytes) -> Waves:
    found: list[Waves] = []
    for flip in (1, -1):
        for constellation in constellations(key):
            x, y = constellation.frequencies.astype(np.float64).T
            turn = np.rint(np.arctan2(y, flip * x) / np.pi * _SIDE).astype(np.intp) % _SIDE
            octaves = np.log(np.hypot(x, y) / _LOW) / np.log(_HIGH / _LOW)
            stretch = np.rint(octaves * _SIDE).astype(np.intp) % _SIDE
            points = np.zeros((_SIDE, _SIDE), np.float32)
            np.add.at(points, (turn, stretch), 1)
            found.append(np.conj(np.fft.rfft2(points)).astype(np.complex64))
    return np.array(found)
