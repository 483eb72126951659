"""Guess how a picture was turned, scaled and moved, from the spectral peaks of the pilots.

A linear map of the image moves a pilot's peak linearly, whatever the shift. So the search goes
over turns and scales first, by one correlation on a log-polar map (Reddy and Chatterji 1996) for
each constellation, plain and mirrored; then it climbs to the exact linear map; and the phases of
the pilots tell the shift, by one sparse inverse transform.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.grid import SIDE
from watermark.pilots import PILOTS, Constellation, constellations
from watermark.spectrum import BINS, Spectrum

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex64]

CAP: Final = 8.0
"""Power above which a peak counts no more: a ruler's or a screen's line is not ten pilots."""
_SIDE: Final = 1024
_LOW, _HIGH = 16.0, 520.0
_OF_EACH: Final = 3
_KEPT: Final = 32
_STRIDES: Final = (0.008, 0.004, 0.002, 0.001, 0.0005)
_SHIFTS: Final = 512
_SHIFTS_TRIED: Final = 2
_APART: Final = 4
_NEAR: Final = 8.0
"""Grid points within which two guesses are sharpened to the same placement."""
_PROBES: Final = np.array([[256.0, 768, 512], [256, 256, 768], [1, 1, 1]])
_LOUD: Final = 3.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A linear map and shift that the pilots speak for.

    Attributes
    ----------
    slot : int
        Number of the constellation.
    matrix : float64, shape (3, 3)
        From the canonical grid to the picture's own grid.
    sign : float
        -1 if the grey scale is turned.
    strength : float
        Sum of the pilots in phase, over its standard deviation by chance.
    """

    slot: int
    matrix: Doubles
    sign: float
    strength: float


def guesses(spectrum: Spectrum, *, key: bytes, most: int) -> list[Guess]:
    """Return the likeliest placements, best first."""
    slots = constellations(key)
    found: list[Guess] = []
    for slot, linear in _linear(spectrum, key):
        for turned in (linear, -linear):  # a cosine's peaks do not tell a half turn
            found += with_shift(spectrum, slot, slots[slot], turned)
    return distinct(found)[:most]


def distinct(found: list[Guess]) -> list[Guess]:
    """Return guesses best first, without those that lie within ``_NEAR`` of a better one."""
    kept: list[Guess] = []
    for guess in sorted(found, key=lambda guess: -guess.strength):
        places = guess.matrix @ _PROBES
        if all(
            guess.slot != other.slot or np.abs(places - other.matrix @ _PROBES).max() > _NEAR
            for other in kept
        ):
            kept.append(guess)
    return kept


def _linear(spectrum: Spectrum, key: bytes) -> list[tuple[int, Doubles]]:
    """Return slots and maps of frequencies, grid to picture, the likeliest first."""
    slots = constellations(key)
    climbed: list[tuple[float, int, Doubles]] = []
    for slot, linear in _coarse(spectrum, key):
        frequencies = slots[slot].frequencies.astype(np.float64)
        height, exact = climb(spectrum, linear, frequencies)
        climbed.append((height, slot, exact))
    climbed.sort(key=lambda found: -found[0])
    return [(slot, linear) for _, slot, linear in climbed[: _KEPT // 3]]


def _coarse(spectrum: Spectrum, key: bytes) -> list[tuple[int, Doubles]]:
    """Correlate the log-polar map with every constellation; return the highest peaks."""
    transform = np.fft.rfft2(_log_polar(spectrum))
    peaks: list[tuple[float, int, Doubles]] = []
    for number, template in enumerate(_templates(key)):
        field = np.fft.irfft2(transform * template, s=(_SIDE, _SIDE))
        field[:, ~_scales()] = 0
        slot, mirrored = number % len(constellations(key)), number >= len(constellations(key))
        for _ in range(_OF_EACH):
            turn, stretch = divmod(int(field.argmax()), _SIDE)
            peaks.append((float(field[turn, stretch]), slot, _map_of(turn, stretch, mirrored)))
            field[max(turn - 3, 0) : turn + 4, max(stretch - 3, 0) : stretch + 4] = 0
    peaks.sort(key=lambda peak: -peak[0])
    return [(slot, linear) for _, slot, linear in peaks[:_KEPT]]


@lru_cache(maxsize=1)
def _scales() -> npt.NDArray[np.bool_]:
    """Say which columns of a correlation stand for a scale that is looked for."""
    octaves = np.fft.fftfreq(_SIDE) * np.log2(_HIGH / _LOW)
    likely: npt.NDArray[np.bool_] = (octaves > np.log2(0.25)) & (octaves < np.log2(3.2))
    return likely


def _map_of(turn: int, stretch: int, mirrored: bool) -> Doubles:
    angle = turn * np.pi / _SIDE
    stretch = stretch if stretch < _SIDE // 2 else stretch - _SIDE
    scale = (_HIGH / _LOW) ** (stretch / _SIDE)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    flip = -1.0 if mirrored else 1.0
    return np.array([[cosine * flip, -sine], [sine * flip, cosine]])


def _log_polar(spectrum: Spectrum) -> Floats:
    """Return the power by direction (rows) and log of frequency (columns), zero mean."""
    place, seen = _polar_places()
    powers = np.where(seen, np.minimum(spectrum.power.ravel()[place], np.float32(CAP)), 0)
    share = np.maximum(seen.mean(axis=0), 1e-9)
    mean = powers.mean(axis=0) / share
    variance = np.square(powers).mean(axis=0) / share - np.square(mean)
    deviation = np.sqrt(np.maximum(variance, 0)) + 1e-6
    return np.where(seen, (powers - mean) / deviation, 0).astype(np.float32)


@lru_cache(maxsize=1)
def _polar_places() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    angle = np.arange(_SIDE)[:, np.newaxis] * np.pi / _SIDE
    radius = _LOW * (_HIGH / _LOW) ** (np.arange(_SIDE) / _SIDE) * BINS / SIDE
    column = np.rint(radius * np.cos(angle)).astype(np.int32)
    row = np.rint(radius * np.sin(angle)).astype(np.int32)
    row, column = np.where(column < 0, -row, row), np.abs(column)
    seen = (column < BINS // 2) & (np.abs(row) < BINS // 2)
    place = (row % BINS) * (BINS // 2 + 1) + np.minimum(column, BINS // 2)
    return place.astype(np.int32), seen


@lru_cache(maxsize=2)
def _templates(key: bytes) -> tuple[Waves, ...]:
    """Return the conjugate transforms of the constellations, then of the mirrored ones."""
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
    return tuple(found)


def _steps() -> Doubles:
    """Return the identity and all small steps of turn, scale and the two strains."""
    turn, scale = np.array([[0.0, -1], [1, 0]]), np.eye(2)
    strains = np.array([[1.0, 0], [0, -1]]), np.array([[0.0, 1], [1, 0]])
    grid = np.array(np.meshgrid(*[[-1, 0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    moves: Doubles = np.einsum("gi,iab->gab", grid, np.array([turn, scale, *strains]))
    return moves


def climb(spectrum: Spectrum, linear: Doubles, frequencies: Doubles) -> tuple[float, Doubles]:
    """Move a map of frequencies uphill in the power it meets."""
    moves = _steps()
    height = 0.0
    for stride in _STRIDES:
        for _ in range(2):
            tried = (np.eye(2) + stride * moves) @ linear
            powers = spectrum.power_at(frequencies @ tried.swapaxes(1, 2))
            heights = np.sqrt(powers).sum(axis=1)
            best = int(heights.argmax())
            height = float(heights[best])
            if heights[len(moves) // 2] == height:
                break
            linear = tried[best]
    return height, linear


def with_shift(
    spectrum: Spectrum, slot: int, constellation: Constellation, linear: Doubles
) -> list[Guess]:
    """Find the shifts at which the pilots are in phase, with either sign."""
    frequencies = constellation.frequencies
    waves: npt.NDArray[np.complexfloating[Any, Any]] = spectrum.waves_at(frequencies @ linear.T)
    waves = waves / np.maximum(np.abs(waves) / _LOUD, 1)
    waves = np.conj(waves * np.exp(-2j * np.pi / SIDE * constellation.phases))
    x, y = frequencies.T
    behind = x < 0
    sparse = np.zeros((_SHIFTS, _SHIFTS // 2 + 1), np.complex64)
    place = np.where(behind, -y, y) % _SHIFTS, np.abs(x)
    np.add.at(sparse, place, np.where(behind, np.conj(waves), waves))
    field = np.fft.irfft2(sparse, s=(_SHIFTS, _SHIFTS))
    return [
        Guess(slot, _placed(spectrum, linear, peak), np.sign(height), abs(height))
        for peak, height in _peaks(field * (_SHIFTS**2 / np.sqrt(2 * PILOTS)))
    ]


def _peaks(field: npt.NDArray[np.floating[Any]]) -> list[tuple[tuple[int, int], float]]:
    """Return the places and signed heights of the highest peaks of a periodic field."""
    size = np.abs(field)
    found: list[tuple[tuple[int, int], float]] = []
    for _ in range(_SHIFTS_TRIED):
        row, column = divmod(int(size.argmax()), _SHIFTS)
        found.append(((row, column), float(field[row, column])))
        around = np.arange(-_APART, _APART + 1)
        size[np.ix_((row + around) % _SHIFTS, (column + around) % _SHIFTS)] = 0
    return found


def _placed(spectrum: Spectrum, linear: Doubles, peak: tuple[int, int]) -> Doubles:
    """Return the map whose shift puts the picture's centre at a peak of the field."""
    centre = np.array(peak[::-1]) * (SIDE / _SHIFTS) + 0.5
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.inv(linear).T
    matrix[:2, 2] = np.array(spectrum.centre) - matrix[:2, :2] @ centre
    return matrix
