"""Radiographs brought to the canonical grid, so that hundreds of them are marked in a minute."""

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

import watermark
from benchmarks.watermark.images import SMALLEST, files, load
from benchmarks.watermark.picture import Pixels
from watermark.canvas import to_canvas
from watermark.grid import Geometry
from watermark.pilots import slot_of

KEY = hashlib.sha256(b"enemies").digest()
OTHER_KEY = hashlib.sha256(b"another site").digest()

Subject = tuple[Pixels, int]
"""An image whose longer side has 1024 pixels, and its bits stored."""

_PART = 0.75
"""Sides of the parts that count as images of their own, over those of the whole."""


def identity(number: int) -> bytes:
    """Return the id of an image: as random as ``secrets`` makes it, but the same every time."""
    return hashlib.sha256(b"id" + number.to_bytes(4, "big")).digest()[:12]


def identities(*, key: bytes, slot: int | None = None) -> Iterator[bytes]:
    """Yield ids; if a slot is given, only those that bear its constellation."""
    number = 0
    while True:
        payload = identity(number)
        if slot is None or slot_of(payload, key=key) == slot:
            yield payload
        number += 1


@lru_cache(maxsize=1)
def subjects() -> tuple[Subject, ...]:
    """Return all radiographs of at least 0.9 megapixel, then two parts of each."""
    whole, upper, lower = [], [], []
    for path in files():
        image, bits = load(path)
        if image.size < SMALLEST:
            continue
        rows, columns = (round(side * _PART) for side in image.shape)
        whole.append((_reduced(image, bits), bits))
        upper.append((_reduced(image[:rows, :columns], bits), bits))
        lower.append((_reduced(image[-rows:, -columns:], bits), bits))
    return (*whole, *upper, *lower)


def whole_subjects(count: int) -> list[Subject]:
    """Return so many of the radiographs, spread over the corpus."""
    wholes = subjects()[: len(subjects()) // 3]
    step = len(wholes) // count
    return list(wholes[step // 2 :: step][:count])


def marked(subject: Subject, payload: bytes, *, key: bytes = KEY) -> Pixels | None:
    """Return the marked image; None if it cannot carry a mark."""
    image, bits = subject
    try:
        done = watermark.embed(image, payload, key=key, bits_stored=bits, profile="radiograph")
    except watermark.CapacityError:
        return None
    return done.image


def clipped(levels: Pixels, like: Pixels) -> Pixels:
    """Round grey levels into the span and dtype of an image."""
    result: Pixels = np.clip(np.rint(levels), int(like.min()), int(like.max())).astype(like.dtype)
    return result


def psnr(first: Pixels, second: Pixels, bits: int) -> float:
    """Return the peak signal-to-noise ratio in dB, over the full range."""
    error = float(np.mean(np.square(first.astype(np.float64) - second)))
    return math.inf if error == 0 else 10 * math.log10(((1 << bits) - 1) ** 2 / error)


def _reduced(image: Pixels, bits: int) -> Pixels:
    geometry = Geometry.of(image.shape)
    levels = to_canvas(image, geometry) + np.float32(image.flat[0])
    rows, columns = (round(side * 1024 / geometry.longer) for side in image.shape)
    low = -(1 << bits - 1) if image.dtype.kind == "i" else 0
    top = low + (1 << bits) - 1
    result: Pixels = np.clip(np.rint(levels[:rows, :columns]), low, top).astype(image.dtype)
    return result
