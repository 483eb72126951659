"""Guess how a picture was turned, scaled and moved, from the spectral peaks of the pilots.

A linear map of the image moves a pilot's peak linearly, whatever the shift. So the search goes
over turns and scales first (``watermark.logpolar``); then it climbs to the exact linear map; and
the phases of the pilots tell the shift, by one sparse inverse transform.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.grid import SIDE
from watermark.logpolar import LogPolar, Peak
from watermark.pilots import PILOTS, Constellation, constellations
from watermark.spectrum import Spectrum

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WHOLE: Final = LogPolar(side=512, low=16.0, high=520.0, least=0.25, most=3.2)
"""For a whole picture that was turned and scaled alone."""
PART: Final = LogPolar(side=256, low=44.0, high=400.0, least=0.5, most=1.8)
"""For a part of a picture, which perspective turns, scales and strains in its own way."""
STRAINS: Final = np.linspace(-0.04, 0.04, 5)
"""Stretch along the axes, and along the diagonals, that are undone for a part."""
WIDE: Final = np.linspace(-0.08, 0.08, 9)
"""The same for a picture that was sheared or stretched as a whole."""
STRAIGHT: Final = np.exp(np.arange(np.log(0.25), np.log(1.1), 0.0015))
"""Scales of a picture that was cut and shrunk or enlarged, and no more."""
_OF_EACH: Final = 3
_OF_EACH_STRAIGHT: Final = 2
_STRAIGHT: Final = 24
_CLIMBED: Final = 96
_LEVEL: Final = 96
"""Further peaks that are climbed from if they lie level: cameras are seldom held askew."""
_TILTED: Final = np.radians(8)
_STRIDES: Final = (0.008, 0.004, 0.002, 0.001, 0.0005)
_SHIFTED: Final = 12
SHIFTS: Final = 512
_SHIFTS_TRIED: Final = 2
_APART: Final = 4
_NEAR: Final = 8.0
"""Grid points within which two guesses are sharpened to the same placement."""
_PROBES: Final = np.array([[256.0, 768, 512], [256, 256, 768], [1, 1, 1]])
LOUD: Final = 3.0


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
    centre : tuple of float
        Middle of the part that it was made from, x and y on the picture's grid.
    """

    slot: int
    matrix: Doubles
    sign: float
    strength: float
    centre: tuple[float, float]


def guesses(spectrum: Spectrum, *, key: bytes, most: int) -> list[Guess]:
    """Return the likeliest placements of a picture that was turned and scaled, best first."""
    return _sharpened(
        spectrum, WHOLE.peaks(spectrum, np.eye(2), key=key, each=_OF_EACH), key=key, most=most
    )


def strained(spectrum: Spectrum, strains: Doubles, *, key: bytes, most: int) -> list[Guess]:
    """Return the likeliest placements by a part of a picture, which may be strained, too."""
    peaks: list[Peak] = []
    for first in strains:
        for second in strains:
            strain = np.array([[1 + first, second], [second, 1 - first]])
            peaks += PART.peaks(spectrum, strain, key=key, each=1)
    return _sharpened(spectrum, peaks, key=key, most=most)


def straight(spectrum: Spectrum, *, key: bytes, most: int) -> list[Guess]:
    """Return the likeliest placements of a picture that was cut and scaled alone, best first.

    So few maps are tried that chance offers less, and weaker pilots stand out.
    """
    peaks: list[tuple[float, int, float]] = []
    scales = STRAIGHT.astype(np.float32)[:, np.newaxis]
    for slot, constellation in enumerate(constellations(key)):
        x, y = constellation.frequencies.T.astype(np.float32)
        sums = spectrum.amplitudes_at(scales * x, scales * y).sum(axis=1)
        for _ in range(_OF_EACH_STRAIGHT):
            place = int(sums.argmax())
            peaks.append((float(sums[place]), slot, float(STRAIGHT[place])))
            sums[max(place - _APART, 0) : place + _APART + 1] = 0
    found: list[Guess] = []
    for _, slot, scale in sorted(peaks, reverse=True)[:_STRAIGHT]:
        found += with_shift(spectrum, slot, constellations(key)[slot], scale * np.eye(2))
    return distinct(found)[:most]


def _sharpened(spectrum: Spectrum, peaks: list[Peak], *, key: bytes, most: int) -> list[Guess]:
    """Climb from the highest peaks, then look for the shifts of the best."""
    slots = constellations(key)
    peaks = sorted(peaks, key=lambda peak: -peak.height)
    peaks = (
        peaks[:_CLIMBED] + [peak for peak in peaks[_CLIMBED:] if _is_level(peak.linear)][:_LEVEL]
    )
    found: list[Guess] = []
    for slot, linear in _climbed(spectrum, peaks, key=key)[:_SHIFTED]:
        for turned in (linear, -linear):  # a cosine's peaks do not tell a half turn
            found += with_shift(spectrum, slot, slots[slot], turned)
    return distinct(found)[:most]


def _is_level(linear: Doubles) -> bool:
    """Say whether a map turns by nearly a whole number of right angles, and does not mirror."""
    turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    off = (turn + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return bool(np.linalg.det(linear) > 0 and abs(off) < _TILTED)


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


def steps() -> Doubles:
    """Return the identity and all small steps of turn, scale and the two strains."""
    turn, scale = np.array([[0.0, -1], [1, 0]]), np.eye(2)
    strains = np.array([[1.0, 0], [0, -1]]), np.array([[0.0, 1], [1, 0]])
    grid = np.array(np.meshgrid(*[[-1, 0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    moves: Doubles = np.einsum("gi,iab->gab", grid, np.array([turn, scale, *strains]))
    return moves


def _climbed(spectrum: Spectrum, peaks: Sequence[Peak], *, key: bytes) -> list[tuple[int, Doubles]]:
    """Move maps of frequencies uphill in the power they meet; return slots and maps, best first.

    Of maps that come to lie on the same bins one is kept.
    """
    slots = constellations(key)
    frequencies = np.array([slots[peak.slot].frequencies for peak in peaks], np.float32)
    x, y = frequencies[:, np.newaxis, :, 0], frequencies[:, np.newaxis, :, 1]
    linear = np.array([peak.linear for peak in peaks])
    heights = np.zeros(len(peaks))
    moves = steps()
    for stride in _STRIDES:
        for _ in range(2):
            tried = (np.eye(2) + stride * moves) @ linear[:, np.newaxis]
            by = tried.astype(np.float32)[..., np.newaxis]
            sums = spectrum.amplitudes_at(
                by[:, :, 0, 0] * x + by[:, :, 0, 1] * y, by[:, :, 1, 0] * x + by[:, :, 1, 1] * y
            ).sum(axis=2)
            best = sums.argmax(axis=1)
            stay = sums[:, len(moves) // 2] >= sums[np.arange(len(peaks)), best]
            best[stay] = len(moves) // 2
            heights = sums[np.arange(len(peaks)), best]
            linear = tried[np.arange(len(peaks)), best]
    kept: list[int] = []
    for number in np.argsort(-heights):
        if all(
            peaks[number].slot != peaks[other].slot
            or np.abs((linear[number] - linear[other]) @ [[150, 0], [0, 150]]).max() > 1
            for other in kept
        ):
            kept.append(int(number))
    return [(peaks[number].slot, linear[number]) for number in kept]


def with_shift(
    spectrum: Spectrum, slot: int, constellation: Constellation, linear: Doubles
) -> list[Guess]:
    """Find the shifts at which the pilots are in phase, with either sign."""
    frequencies = constellation.frequencies
    waves: npt.NDArray[np.complexfloating[Any, Any]] = spectrum.waves_at(frequencies @ linear.T)
    waves = waves / np.maximum(np.abs(waves) / LOUD, 1)
    waves = np.conj(waves * np.exp(-2j * np.pi / SIDE * constellation.phases))
    return [
        Guess(
            slot,
            _placed(spectrum, linear, peak),
            float(np.sign(height)),
            abs(height) / np.sqrt(2 * PILOTS),
            spectrum.centre,
        )
        for peak, height in peaks_of(waves, frequencies)
    ]


def peaks_of(
    waves: npt.NDArray[np.complexfloating[Any, Any]], frequencies: Ints
) -> list[tuple[tuple[int, int], float]]:
    """Return the places and signed heights of the highest peaks of a sum of waves."""
    x, y = frequencies.T
    behind = x < 0
    sparse = np.zeros((SHIFTS, SHIFTS // 2 + 1), np.complex64)
    place = np.where(behind, -y, y) % SHIFTS, np.abs(x)
    np.add.at(sparse, place, np.where(behind, np.conj(waves), waves))
    field = np.fft.irfft2(sparse, s=(SHIFTS, SHIFTS)) * SHIFTS**2
    size = np.abs(field)
    found: list[tuple[tuple[int, int], float]] = []
    for _ in range(_SHIFTS_TRIED):
        row, column = divmod(int(size.argmax()), SHIFTS)
        found.append(((row, column), float(field[row, column])))
        around = np.arange(-_APART, _APART + 1)
        size[np.ix_((row + around) % SHIFTS, (column + around) % SHIFTS)] = 0
    return found


def _placed(spectrum: Spectrum, linear: Doubles, peak: tuple[int, int]) -> Doubles:
    """Return the map whose shift puts the picture's centre at a peak of the field."""
    centre = np.array(peak[::-1]) * (SIDE / SHIFTS) + 0.5
    matrix = np.eye(3)
    matrix[:2, :2] = np.linalg.inv(linear).T
    matrix[:2, 2] = np.array(spectrum.centre) - matrix[:2, :2] @ centre
    return matrix
