"""What all attacks share: the type of a picture, its view in eight bits, its size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Attack = Callable[[Pixels, int], Pixels]
"""(picture of integers, bits stored) -> picture; the same for the same input, everywhere."""

TAIL = 0.1
"""Share of the live pixels, in percent, that a viewer's automatic window clips at either end."""


def live(image: Pixels) -> Pixels:
    """Return the pixels that are neither the least nor the greatest: no ground, no saturation."""
    inside = image[(image > image.min()) & (image < image.max())]
    return inside if inside.size else image.ravel()


def ends(image: Pixels, tail: float) -> tuple[float, float]:
    """Return two percentiles of the live pixels: ``tail`` and what leaves as much above it."""
    low, high = np.percentile(live(image), (tail, 100 - tail))
    return float(low), float(high)


def mapped(image: Pixels, low: float, high: float) -> Pixels:
    """Return uint8: low to high as 0 to 255, clipped."""
    return rounded(
        (image.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1))
    )


def window(image: Pixels, tail: float) -> Pixels:
    """Return uint8: the range between two percentiles of the live pixels, linear."""
    return mapped(image, *ends(image, tail))


def view(image: Pixels) -> Pixels:
    """Return what a viewer shows, in uint8; a picture of uint8 is shown as it is."""
    return image if image.dtype == np.uint8 else window(image, TAIL)


def depth_of(image: Pixels, bits: int) -> int:
    """Return bits stored of a picture that may have been brought to eight."""
    return min(bits, 8 * image.dtype.itemsize)


def rounded(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    """Return uint8, the nearest levels of 0 to 255."""
    levels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def resized(image: Pixels, rows: int, columns: int) -> Pixels:
    """Return a uint8 picture in another size: Lanczos, wide enough to shrink without aliasing."""
    size = max(columns, 1), max(rows, 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def scaled(image: Pixels, factor: float) -> Pixels:
    """Return a uint8 picture, both sides times a factor."""
    rows, columns = image.shape
    return resized(image, round(rows * factor), round(columns * factor))


def fitted(image: Pixels, longer: int) -> Pixels:
    """Return a uint8 picture whose longer side has this many pixels."""
    return scaled(image, longer / max(image.shape))
