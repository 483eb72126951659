"""Attacks by noise and filters."""

from itertools import product

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.watermark.picture import Attack, Floats, Pixels, depth_of, rounded, view

STRIP = 64
"""Rows worked on at once, so that the working set stays in the cache."""


def noise(level: float, seed: int) -> Attack:
    """Add white Gaussian noise, sigma this share of the viewed range. Keeps depth."""

    def attack(image: Pixels, bits: int) -> Pixels:
        deep = image.dtype != np.uint8
        low, high = np.percentile(image, (0.1, 99.9)) if deep else (0, 255)
        hum = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
        low_end = -(1 << bits - 1) if image.dtype.kind == "i" else 0
        top = low_end + (1 << depth_of(image, bits)) - 1
        noisy = image + np.float32(level * (high - low)) * hum
        levels: Pixels = np.clip(np.rint(noisy), low_end, top).astype(image.dtype)
        return levels

    return attack


def blur(sigma: float) -> Attack:
    """Blur the view by a Gaussian (three box filters of the same variance)."""

    def attack(image: Pixels, bits: int) -> Pixels:
        return np.asarray(Image.fromarray(view(image)).filter(ImageFilter.GaussianBlur(sigma)))

    return attack


def sharpen(image: Pixels, bits: int) -> Pixels:
    """Unsharp mask of the view: sigma 2, 150 %."""
    return np.asarray(Image.fromarray(view(image)).filter(ImageFilter.UnsharpMask(2, 150, 0)))


def median(size: int) -> Attack:
    """Take the median of size x size of the view."""

    def attack(image: Pixels, bits: int) -> Pixels:
        picture = view(image)
        padded = np.pad(picture, size // 2, "edge")
        output = np.empty_like(picture)
        for top in range(0, len(picture), STRIP):
            part = padded[top : top + STRIP + size - 1]
            output[top : top + STRIP] = _middle(part, size)
        return output

    return attack


def _middle(part: Pixels, size: int) -> Pixels:
    """Return the median by forgetful selection: the least and the greatest go until one is left."""
    rows, columns = part.shape[0] - size + 1, part.shape[1] - size + 1
    windows = (part[y : y + rows, x : x + columns] for y, x in product(range(size), repeat=2))
    kept: list[Pixels] = []
    for number, values in enumerate(windows):
        kept.append(values.copy())
        if number + 1 >= size * size // 2 + 2:
            _shed(kept)
    return kept[0]


def _shed(kept: list[Pixels]) -> None:
    """Drop the least and the greatest of these planes, pixel by pixel, in place."""
    for at in range(len(kept) - 1):
        low = np.minimum(kept[at], kept[at + 1])
        np.maximum(kept[at], kept[at + 1], out=kept[at + 1])
        kept[at] = low
    kept.pop()
    for at in range(len(kept) - 1, 0, -1):
        high = np.maximum(kept[at], kept[at - 1])
        np.minimum(kept[at], kept[at - 1], out=kept[at - 1])
        kept[at] = high
    kept.pop(0)


def renoise(seed: int) -> Attack:
    """Denoise the whole view by non-local means, then add white noise as strong as what went.

    Search 7 x 7, patch 3 x 3 (Buades 2005), weights ``max(0, 1 - d / (6 s^2))^2`` for a mean
    square distance d and noise s. The noise s is that of the diagonal Haar details.
    """

    def attack(image: Pixels, bits: int) -> Pixels:
        picture = view(image).astype(np.float32)
        clean = _non_local_means(picture, 6 * max(_noise(picture), 0.5) ** 2)
        gone = float(np.sqrt(np.mean((picture - clean) ** 2)))
        hum = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
        return rounded(clean + np.float32(gone) * hum)

    return attack


def _noise(picture: Floats) -> float:
    even = picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2]
    details = (even[::2, ::2] - even[::2, 1::2] - even[1::2, ::2] + even[1::2, 1::2]) / 2
    inside = details[even[::2, ::2] > 0]
    return float(np.median(np.abs(inside if inside.size else details))) / 0.6745


def _non_local_means(picture: Floats, limit: float, *, reach: int = 3) -> Floats:
    rows, columns = picture.shape
    edge = reach + 1
    padded = np.pad(picture, edge, "reflect")
    output = np.empty_like(picture)
    for top in range(0, rows, STRIP):
        high = min(STRIP, rows - top)
        part = padded[top : top + high + 2 * edge]
        here = part[reach:-reach, reach:-reach]
        total = here[1:-1, 1:-1].copy()
        weights = np.ones_like(total)
        for y, x in product(range(-reach, reach + 1), repeat=2):
            if y or x:
                there = part[reach + y :, reach + x :][: high + 2, : columns + 2]
                away = (here - there) ** 2
                lines = away[:-2] + away[1:-1] + away[2:]
                distance = lines[:, :-2] + lines[:, 1:-1] + lines[:, 2:]
                weight = np.maximum(1 - distance * np.float32(1 / (9 * limit)), 0) ** 2
                weights += weight
                total += weight * there[1:-1, 1:-1]
        output[top : top + high] = total / weights
    return output
