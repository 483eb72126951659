"""Attacks on the grey scale: what viewers and exports do to it."""

from math import ceil

import numpy as np
from PIL import Image, ImageOps

from benchmarks.watermark.picture import Attack, Floats, Pixels, live, rounded, view, window


def identity(image: Pixels, bits: int) -> Pixels:
    """Return the picture. Keeps depth."""
    return image


def eight_bit(image: Pixels, bits: int) -> Pixels:
    """Map the live range less 0.1 % at either end to 0 to 255; eight bits stay as they are."""
    return view(image)


def clipped(tail: float) -> Attack:
    """Window to eight bits with this percentage of live pixels clipped at either end."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return window(image, tail)

    return attack


def gamma(exponent: float) -> Attack:
    """Raise the viewed levels, 0 to 1, to a power."""

    def attack(image: Pixels, bits: int) -> Pixels:
        table = rounded(255 * (np.arange(256) / 255) ** exponent)
        return table[view(image)]

    return attack


def sigmoid(image: Pixels, bits: int) -> Pixels:
    """Apply the SIGMOID VOI LUT function (PS3.3 C.11.2.1.3.1) from 1 % to 99 % of live pixels."""
    low, high = np.percentile(live(image), (1, 99))
    width = max(float(high - low), 1.0)
    steps = -4 * (image.astype(np.float32) - np.float32((low + high) / 2)) / np.float32(width)
    return rounded(255 / (1 + np.exp(np.minimum(steps, 80))))


def invert(image: Pixels, bits: int) -> Pixels:
    """Turn the grey scale about the middle of the picture's range. Keeps depth."""
    return (int(image.max()) + int(image.min()) - image.astype(np.int64)).astype(image.dtype)


def equalise(image: Pixels, bits: int) -> Pixels:
    """Equalise the histogram of the view."""
    return np.asarray(ImageOps.equalize(Image.fromarray(view(image))))


def clahe(image: Pixels, bits: int, *, tiles: int = 8, limit: float = 2.0) -> Pixels:
    """Equalise by tiles (Zuiderveld 1994): 8 x 8 tiles, bins cut at twice their mean height."""
    picture = view(image)
    rows, columns = picture.shape
    high, wide = ceil(rows / tiles), ceil(columns / tiles)
    padded = np.pad(picture, ((0, high * tiles - rows), (0, wide * tiles - columns)), "reflect")
    tables = np.empty((tiles, tiles, 256), np.float32)
    for row in range(tiles):
        for column in range(tiles):
            tile = padded[row * high :, column * wide :][:high, :wide]
            tables[row, column] = _table(tile, limit)
    output = np.empty_like(picture)
    above, down = _between(rows, high, tiles)
    left, right = _between(columns, wide, tiles)
    for y in range(rows):
        first, second, weight = above[y], min(above[y] + 1, tiles - 1), down[y]
        blended = (1 - weight) * tables[first] + weight * tables[second]
        line, after = picture[y], np.minimum(left + 1, tiles - 1)
        output[y] = rounded((1 - right) * blended[left, line] + right * blended[after, line])
    return output


def _table(tile: Pixels, limit: float) -> Floats:
    counts = np.bincount(tile.ravel(), minlength=256).astype(np.float64)
    ceiling = limit * tile.size / 256
    over = np.maximum(counts - ceiling, 0).sum()
    counts = np.minimum(counts, ceiling) + over / 256
    return (255 * np.cumsum(counts) / tile.size).astype(np.float32)


def _between(length: int, step: int, tiles: int) -> tuple[Pixels, Floats]:
    """Return the tile centre before each pixel, and how far the pixel is on to the next one."""
    place = np.clip((np.arange(length) + 0.5) / step - 0.5, 0, tiles - 1)
    before = place.astype(np.intp)
    return before, (place - before).astype(np.float32)
