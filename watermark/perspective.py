"""Guess a small perspective: climb from where the parts of a picture agree, and find its shift."""

import math
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.consensus import HALF, Perspective, peaks
from watermark.grid import SIDE
from watermark.guess import LOUD, SHIFTS, Guess, distinct, peaks_of, steps
from watermark.logpolar import CAP
from watermark.pilots import PILOTS, constellations
from watermark.spectrum import Spectrum

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

_CLIMBS: Final = ((240, (0.008, 0.008)), (64, (0.004, 0.004, 0.002, 0.002, 0.001)))
"""From how many peaks to climb, and by what steps; then from the best of what was reached."""
_DEEPER: Final = 4.0
"""Steps of depth, over those of the linear map."""
_SAME: Final = 150.0
"""Frequency, in periods over the grid, that two maps take less than one apart if they are one."""
_SAME_DEPTH: Final = 0.01
_SHIFTED: Final = 16
_TINY: Final = 1e-9


def foreshortened(
    spectra: list[Spectrum], middle: tuple[float, float], *, key: bytes, most: int
) -> list[Guess]:
    """Return the likeliest placements of a picture that was taken nearly level, best first.

    Parameters
    ----------
    spectra : list of Spectrum
        Of the parts of the picture.
    middle : tuple of float
        Of the picture, x and y on its grid.
    key : bytes
        The 32-byte mark key.
    most : int
        Guesses at most.
    """
    away = (np.array([spectrum.centre for spectrum in spectra]) - middle) / HALF
    found: list[Guess] = []
    smeared = [spectrum.smeared() for spectrum in spectra]
    sides = middle[0] / HALF, middle[1] / HALF
    seen = peaks(smeared, away, sides, key=key, most=_CLIMBS[0][0])
    for one in _climbed(spectra, away, seen, key=key)[:_SHIFTED]:
        found += _with_shift(spectra, away, one, middle, key=key)
    return distinct(found)[:most]


def _climbed(
    spectra: list[Spectrum], away: Doubles, found: list[Perspective], *, key: bytes
) -> list[Perspective]:
    """Climb to where the power of the pilots is greatest: from many peaks, then from the best."""
    for count, strides in _CLIMBS:
        found = _climb(spectra, away, found[:count], strides, key=key)
    return found


def _climb(
    spectra: list[Spectrum],
    away: Doubles,
    found: list[Perspective],
    strides: tuple[float, ...],
    *,
    key: bytes,
) -> list[Perspective]:
    slots = constellations(key)
    pilots = np.array([slots[one.slot].frequencies for one in found], np.float32)
    linear = np.array([one.linear for one in found])
    depth = np.array([one.depth for one in found])
    moves, tilts = _moves()
    heights = np.zeros(len(found))
    here = np.arange(len(found))
    for stride in strides:
        tried = (np.eye(2) + stride * moves) @ linear[:, np.newaxis]
        deep = depth[:, np.newaxis] + _DEEPER * stride * tilts
        sums = _sums(spectra, away, tried, deep, pilots)
        best = sums.argmax(axis=1)
        heights, linear, depth = sums[here, best], tried[here, best], deep[here, best]
    kept: list[Perspective] = []
    for number in np.argsort(-heights):
        one = Perspective(float(heights[number]), found[number].slot, linear[number], depth[number])
        if all(
            one.slot != other.slot
            or np.abs((one.linear - other.linear) * _SAME).max() > 1
            or np.abs(one.depth - other.depth).max() > _SAME_DEPTH
            for other in kept
        ):
            kept.append(one)
    return kept


def _moves() -> tuple[Doubles, Doubles]:
    """Return small steps of the linear map, and those of the depth that go with them."""
    linear = steps()
    still = np.zeros((8, 2, 2))
    tilts = np.array([t for t in product((-1.0, 0, 1), repeat=2) if any(t)])
    return np.concatenate([linear, still]), np.concatenate([np.zeros((len(linear), 2)), tilts])


def local_maps(linear: Doubles, depth: Doubles, place: Doubles) -> Doubles:
    """Return the map of frequencies at a place, as far off as ``place`` says."""
    deep = 1 + depth @ place
    bend = deep[..., np.newaxis, np.newaxis] * np.eye(2) - depth[..., :, np.newaxis] * place
    local: Doubles = (bend @ linear) / np.square(deep)[..., np.newaxis, np.newaxis]
    return local


def _sums(
    spectra: list[Spectrum], away: Doubles, linear: Doubles, depth: Doubles, pilots: Floats
) -> Floats:
    """Return the power of the pilots, summed over all parts; shape (n, moves)."""
    x, y = pilots[:, np.newaxis, :, 0], pilots[:, np.newaxis, :, 1]
    total = np.zeros(linear.shape[:2], np.float32)
    for spectrum, place in zip(spectra, away, strict=True):
        by = local_maps(linear, depth, place).astype(np.float32)[..., np.newaxis]
        amplitudes = spectrum.amplitudes_at(
            by[:, :, 0, 0] * x + by[:, :, 0, 1] * y, by[:, :, 1, 0] * x + by[:, :, 1, 1] * y
        )
        total += np.minimum(np.square(amplitudes), np.float32(CAP)).sum(axis=2)
    return total


def _with_shift(
    spectra: list[Spectrum],
    away: Doubles,
    one: Perspective,
    middle: tuple[float, float],
    *,
    key: bytes,
) -> list[Guess]:
    """Find the shifts at which the pilots of all parts are in phase, with either sign."""
    constellation = constellations(key)[one.slot]
    found: list[Guess] = []
    for turned in (one.linear, -one.linear):  # a cosine's peaks do not tell a half turn
        total = np.zeros(PILOTS, np.complex128)
        power = 0.0
        for spectrum, place in zip(spectra, away, strict=True):
            local = local_maps(turned, one.depth, place)
            waves: npt.NDArray[np.complexfloating[Any, Any]] = spectrum.waves_at(
                constellation.frequencies @ local.T
            )
            waves = waves / np.maximum(np.abs(waves) / LOUD, 1)
            off = HALF * (turned.T @ place) / (1 + one.depth @ place)
            turns = constellation.phases + constellation.frequencies @ off
            total += np.conj(waves * np.exp(-2j * np.pi / SIDE * turns))
            power += float(np.square(np.abs(waves)).sum())
        chance = math.sqrt(2 * power * _overlap(spectra, middle)) + _TINY
        for (row, column), height in peaks_of(total, constellation.frequencies):
            centre = np.array([column, row]) * (SIDE / SHIFTS) + 0.5
            matrix = placed(turned, one.depth, middle, centre)
            found.append(
                Guess(one.slot, matrix, float(np.sign(height)), float(abs(height)) / chance, middle)
            )
    return found


def _overlap(spectra: list[Spectrum], middle: tuple[float, float]) -> float:
    """Return in how many parts a point of the picture lies: they are not independent."""
    points = sum(float(np.prod(2 * spectrum.middle + 1)) for spectrum in spectra)
    return points / (4 * middle[0] * middle[1])


def placed(
    linear: Doubles, depth: Doubles, middle: tuple[float, float], centre: Doubles
) -> Doubles:
    """Return the map under which a picture's middle lies at a point of the grid."""
    near = np.array([[1 / HALF, 0, -middle[0] / HALF], [0, 1 / HALF, -middle[1] / HALF], [0, 0, 1]])
    back = np.eye(3)
    back[:2, :2] = HALF * linear.T + np.outer(centre, depth)
    back[:2, 2] = centre
    back[2, :2] = depth
    matrix = np.linalg.inv(back @ near)
    placed: Doubles = matrix / matrix[2, 2]
    return placed
