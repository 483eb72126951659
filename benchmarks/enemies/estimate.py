"""What someone without the key takes for the mark: what is left when an image is smoothed."""

from collections.abc import Callable
from itertools import product

import numpy as np

from benchmarks.watermark.picture import Floats, Pixels
from watermark.bands import analyse, synthesise
from watermark.grid import CELL

_FINE = 64
"""Parts of a grey level in which the wavelet synthesis is done."""


def high_pass(image: Pixels) -> Floats:
    """Return the image less its means over 9 x 9 (two boxes of 5)."""
    levels = image.astype(np.float32)
    return levels - _mean(_mean(levels))


def wiener(image: Pixels) -> Floats:
    """Return what the adaptive filter of Lee (1980) takes away, 5 x 5.

    This is the estimate of Voloshynovskiy et al. (2001) for a host that is locally Gaussian.
    """
    levels = image.astype(np.float32)
    mean = _mean(levels)
    variance = np.maximum(_mean(np.square(levels - mean)), 1e-3)
    noise = np.median(variance[(image > image.min()) & (image < image.max())])
    rest: Floats = (levels - mean) * np.minimum(noise / variance, 1)
    return rest


def bilateral(image: Pixels) -> Floats:
    """Return what a bilateral filter (Tomasi and Manduchi 1998) takes away, 9 x 9."""
    levels = image.astype(np.float32)
    spread = 2.5 * float(np.sqrt(np.median(np.square(high_pass(image))) + 0.1))
    wide = np.pad(levels, 4, mode="edge")
    total = np.zeros_like(levels)
    weights = np.zeros_like(levels)
    rows, columns = levels.shape
    for y, x in product(range(9), repeat=2):
        near = wide[y : y + rows, x : x + columns]
        weight = np.exp(np.square((near - levels) / spread) * np.float32(-0.5))
        weight *= np.float32(np.exp(-((y - 4) ** 2 + (x - 4) ** 2) / 18))
        total += weight * near
        weights += weight
    return levels - total / weights


def wavelet(image: Pixels) -> Floats:
    """Return the Wiener estimate in the very bands that the mark uses: the format is public.

    A coefficient is kept in full where its neighbourhood is no livelier than the quieter half of
    its band, and shrunk by the ratio of the variances elsewhere.
    """
    return _synthesised(image, [_wiener(band) for band in _bands(image)])


def redrawn(image: Pixels) -> Floats:
    """Return what to subtract so that the same estimate stays, but with signs of a coin."""
    rng = np.random.default_rng(13)
    parts = [_wiener(band) for band in _bands(image)]
    return _synthesised(image, [p * rng.integers(0, 2, p.shape, np.int8) * 2 for p in parts])


def _bands(image: Pixels) -> list[Floats]:
    margins = [(0, -side % CELL) for side in image.shape]
    return analyse(np.pad(image.astype(np.float32), margins, mode="edge"))


def _wiener(band: Floats) -> Floats:
    power = _mean(np.square(band)) + np.float32(1e-6)
    alive = power > 1e-3
    noise = np.median(power[alive]) if alive.any() else np.float32(0)
    kept: Floats = band * np.minimum(noise / power, 1)
    return kept


def _synthesised(image: Pixels, bands: list[Floats]) -> Floats:
    fine = synthesise([np.rint(band * _FINE).astype(np.int32) for band in bands])
    rest: Floats = fine[: image.shape[0], : image.shape[1]].astype(np.float32)
    rest *= np.float32(1 / _FINE)
    return rest


ESTIMATES: dict[str, Callable[[Pixels], Floats]] = {
    "high pass": high_pass,
    "Wiener 5 x 5": wiener,
    "bilateral": bilateral,
    "wavelet Wiener": wavelet,
}


def _mean(levels: Floats) -> Floats:
    """Return means over 5 x 5; ends are repeated."""
    for _ in range(2):
        wide = np.pad(levels, ((2, 2), (0, 0)), mode="edge")
        rows = len(levels)
        total = wide[:rows].copy()
        for shift in range(1, 5):
            total += wide[shift : shift + rows]
        levels = np.ascontiguousarray(total.T * np.float32(0.2))
    return levels
