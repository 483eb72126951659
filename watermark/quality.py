"""What a mark costs an image."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.grid import Geometry, strips
from watermark.noise import SPARSE, STRIP_SAMPLES, Blocks, estimate_noise

Image = npt.NDArray[np.integer[Any]]
Doubles = npt.NDArray[np.float64]

WINDOW: Final = 7
_K1, _K2 = 0.01, 0.03


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of one marked image.

    Attributes
    ----------
    psnr_db : float
        Peak signal-to-noise ratio, the peak being the full range of ``bits_stored``; infinite
        if nothing changed.
    ssim : float
        Mean structural similarity (Wang et al. 2004), uniform 7 x 7 windows that lie wholly
        inside, over the same range.
    max_change : int
        Largest change of a pixel, in grey levels.
    mark_to_noise_median, mark_to_noise_p99 : float
        Root mean square of the change over the local noise (``watermark.noise``, with the
        variance 1/12 of rounding added), by cell of 1/64 of the longer side; of all marked cells
        with enough live pixels to know their noise.
    margin : float
        Score of the fresh mark over the detector's threshold.
    """

    psnr_db: float
    ssim: float
    max_change: int
    mark_to_noise_median: float
    mark_to_noise_p99: float
    margin: float


def measure(original: Image, marked: Image, *, bits_stored: int, margin: float) -> Quality:
    """Compare an image before and after marking.

    Parameters
    ----------
    original, marked : integer, shape (rows, columns)
        Grey levels.
    bits_stored : int
        Bits of a grey level.
    margin : float
        Passed through.

    Returns
    -------
    Quality
        The figures.
    """
    change = 0.0
    largest = 0
    for before, after in _pairs(original, marked, 256, 0):
        step = after - before
        change += float(np.vdot(step, step))
        largest = max(largest, int(np.abs(step).max()))
    peak = float((1 << bits_stored) - 1)
    mean = change / original.size
    ratios = _mark_to_noise(original, marked)
    return Quality(
        psnr_db=10 * math.log10(peak * peak / mean) if mean else math.inf,
        ssim=_ssim(original, marked, peak),
        max_change=largest,
        mark_to_noise_median=float(np.median(ratios)),
        mark_to_noise_p99=float(np.percentile(ratios, 99)),
        margin=margin,
    )


def _pairs(
    original: Image, marked: Image, step: int, overlap: int
) -> Iterator[tuple[Doubles, Doubles]]:
    """Yield both images in strips of ``step`` rows and ``overlap`` more."""
    for start in range(0, len(original) - overlap, step):
        rows = slice(start, start + step + overlap)
        yield original[rows].astype(np.float64), marked[rows].astype(np.float64)


def _ssim(original: Image, marked: Image, peak: float) -> float:
    """Return the mean over all windows; 1 if none fits."""
    total, count = 0.0, 0
    for before, after in _pairs(original, marked, 64, WINDOW - 1):
        if min(before.shape) < WINDOW:
            break
        values = _ssim_map(before, after, (_K1 * peak) ** 2, (_K2 * peak) ** 2)
        total += float(values.sum())
        count += values.size
    return total / count if count else 1.0


def _ssim_map(before: Doubles, after: Doubles, first: float, second: float) -> Doubles:
    """Return SSIM by window; sums are taken from a common pedestal to keep their precision."""
    pedestal = before[0, 0]
    x, y = before - pedestal, after - pedestal
    mean_x, mean_y = _box(x), _box(y)
    bessel = WINDOW**2 / (WINDOW**2 - 1)  # sample variances, as Wang et al. have them
    var_x = bessel * (_box(x * x) - mean_x * mean_x)
    var_y = bessel * (_box(y * y) - mean_y * mean_y)
    both = bessel * (_box(x * y) - mean_x * mean_y)
    mean_x += pedestal
    mean_y += pedestal
    luminance = (2 * mean_x * mean_y + first) / (mean_x**2 + mean_y**2 + first)
    return luminance * (2 * both + second) / (var_x + var_y + second)


def _box(values: Doubles) -> Doubles:
    """Return means over 7 x 7 windows."""
    for _ in range(2):
        sums = np.cumsum(values, axis=0)
        inside = sums[WINDOW - 1 :].copy()
        inside[1:] -= sums[:-WINDOW]
        values = (inside / WINDOW).T
    return values


def _mark_to_noise(original: Image, marked: Image) -> Doubles:
    """Return the ratio by marked cell; a single zero if no cell is marked."""
    geometry = Geometry.of(original.shape)
    ends = int(original.min()), int(original.max())
    noise = estimate_noise(original, geometry, ends=ends)
    squares = Blocks(geometry, 1, blocks=1)
    for rows in strips(geometry, STRIP_SAMPLES):
        step = marked[rows].astype(np.float32) - original[rows].astype(np.float32)
        squares.add(step * step)
    power = squares.blocks()
    ratios = np.sqrt(power / (np.square(noise.deviation) + 1 / 12))
    known = (power > 0) & (noise.alive >= SPARSE)
    return ratios[known].astype(np.float64) if known.any() else np.zeros(1)
