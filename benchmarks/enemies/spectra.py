"""Look for pilots in the spectra of marked images, and filter them out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from benchmarks.enemies.subjects import KEY, OTHER_KEY, clipped
from benchmarks.watermark.picture import Floats, Pixels
from watermark.canvas import to_canvas
from watermark.grid import SIDE, Geometry
from watermark.pilots import SLOTS, constellations
from watermark.spectrum import Spectrum, flatten

Doubles = npt.NDArray[np.float64]

BINS = 2 * SIDE
"""Points of the transform of an image that fills the grid along one side."""

_PAD = 128
_REACH = 6
"""Deviations of a notch that are filtered to either side, in bins."""


def spectrum(image: Pixels) -> Spectrum:
    """Return the levelled spectrum of an image."""
    return Spectrum.of(flatten(to_canvas(image, Geometry.of(image.shape))))


def peaks(power: Floats, most: int, *, least: float = 0.0) -> Doubles:
    """Return the frequencies (n, 2) of the highest local peaks, x and y in periods."""
    wide = np.pad(power, 1, constant_values=np.inf)
    around = [
        wide[1 + y : 1 + y + len(power), 1 + x : 1 + x + power.shape[1]]
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if y or x
    ]
    high = np.all([power >= other for other in around], axis=0) & _searched() & (power >= least)
    places = np.flatnonzero(high)
    places = places[np.argsort(-power.ravel()[places], kind="stable")][:most]
    row, column = np.divmod(places, power.shape[1])
    y = np.where(row >= BINS // 2, row - BINS, row)
    found = np.stack([column, y], axis=1) * (SIDE / BINS)
    return np.where(found[:, 1:] < 0, -found, found)


def pilots(slots: Iterable[int], *, key: bytes = KEY) -> Doubles:
    """Return the frequencies of some constellations."""
    every = constellations(key)
    return np.concatenate([every[slot].frequencies for slot in slots]).astype(np.float64)


def hits(found: Doubles, true: Doubles) -> int:
    """Count the true frequencies that were found, to 0.75 periods."""
    if not len(found):
        return 0
    apart = np.abs(found[:, np.newaxis] - true).max(axis=2)
    return int((apart.min(axis=0) <= 0.75).sum())


def notch(image: Pixels, frequencies: Doubles, *, width: float) -> Pixels:
    """Filter frequencies (n, 2) out of an image of 1024 pixels along its longer side.

    ``width`` is the deviation of a notch, in periods over the grid.
    """
    wide = np.pad(image.astype(np.float32), _PAD, mode="reflect")
    waves = np.fft.rfft2(wide)
    gain = np.ones(waves.shape, np.float32)
    rows, columns = wide.shape
    for x, y in frequencies:
        for way in (1, -1):
            _dip(gain, (way * x * columns / SIDE, way * y * rows / SIDE), rows, columns, width)
    smooth = np.fft.irfft2(waves * gain, s=wide.shape)
    return clipped(smooth[_PAD : rows - _PAD, _PAD : columns - _PAD], image)


def _dip(gain: Floats, place: tuple[float, float], rows: int, columns: int, width: float) -> None:
    x, y = place
    reach = round(_REACH * width)
    column = round(x) + np.arange(-reach, reach + 1)
    column = column[(column >= 0) & (column < gain.shape[1])]
    if not column.size:
        return
    row = round(y) + np.arange(-reach, reach + 1)
    apart = np.square((column - x) * SIDE / columns)
    apart = apart + np.square((row - y) * SIDE / rows)[:, np.newaxis]
    gain[np.ix_(row % rows, column)] *= 1 - np.exp(-apart / (2 * width**2))


@lru_cache(maxsize=1)
def _searched() -> npt.NDArray[np.bool_]:
    """Return the bins where pilots may lie: the format is public, and any key shows its rings."""
    places = pilots(range(SLOTS), key=OTHER_KEY)
    radii = np.hypot(places[:, 0], places[:, 1])
    y = np.fft.fftfreq(BINS, 1 / BINS)[:, np.newaxis] * (SIDE / BINS)
    x = np.arange(BINS // 2 + 1) * (SIDE / BINS)
    radius = np.hypot(x, y)
    inside = (radius >= radii.min() - 1) & (radius <= radii.max() + 1)
    inside &= (np.abs(y) >= np.abs(places[:, 1]).min()) & (x >= np.abs(places[:, 0]).min())
    return np.asarray(inside)


@dataclass(slots=True)
class Average:
    """Running means of many spectra: of their power, and of their waves as they lie."""

    power: Floats = field(default_factory=lambda: np.zeros((BINS, BINS // 2 + 1), np.float32))
    waves: npt.NDArray[np.complex64] = field(
        default_factory=lambda: np.zeros((BINS, BINS // 2 + 1), np.complex64)
    )
    count: int = 0

    def add(self, image: Pixels) -> None:
        """Take one more image; a pilot's phase is the same in all, counted from the corner."""
        found = spectrum(image)
        self.power += np.minimum(found.power, 40)
        self.waves += found.waves / np.maximum(np.sqrt(found.power), 1)
        self.count += 1

    def peaks(self, most: int) -> dict[str, Doubles]:
        """Return the highest peaks of either mean."""
        together = np.square(self.waves.real) + np.square(self.waves.imag)
        return {"power": peaks(self.power, most), "waves": peaks(together, most)}
