"""The wave that a payload becomes on the canonical grid, in whole numbers."""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.bands import LEVELS, ORIENTATIONS, synthesise
from watermark.pilots import constellations, pilot_wave, slot_of
from watermark.spreading import spreads

Pattern = npt.NDArray[np.int16]

HEIGHTS: Final = {2: 50, 3: 147, 4: 262}
"""Coefficient by level, before the wave is cut at ``PEAK``."""
PEAK: Final = 400
RMS: Final = 206.0
"""Root mean square of a pattern, nearly: its signs are random, so it varies little."""
DIGEST_BYTES: Final = 16
"""What is kept of a pattern's SHA-256."""


def pattern(
    payload: bytes, *, key: bytes, canvas: tuple[int, int], signs: bytes | None = None
) -> Pattern:
    """Return the wave of a payload.

    Parameters
    ----------
    payload : bytes
        The 12-byte id.
    key : bytes
        The 32-byte mark key.
    canvas : tuple of int
        Rows and columns of the grid in use, multiples of 16.
    signs : bytes, optional
        Another key for chips and slots, as frames of a volume have; word and pilots are still
        those of ``key``.

    Returns
    -------
    int16, shape ``canvas``
        Between ``-PEAK`` and ``PEAK``; a pure function of the arguments, to the bit.
    """
    word = polar.encode(framing.frame(payload, key=key))
    spelt = 1 - 2 * word.astype(np.int32)
    bands = []
    for number, spread in enumerate(spreads(signs or key)):
        level = LEVELS[number // ORIENTATIONS]
        part = spread.cut(canvas[0] >> level, canvas[1] >> level)
        bands.append(np.take(spelt * HEIGHTS[level], part.slots) * part.chips)
    wave = synthesise(bands)
    wave += pilot_wave(constellations(key)[slot_of(payload, key=key)], canvas)
    np.clip(wave, -PEAK, PEAK, out=wave)
    return wave.astype(np.int16)


def pattern_digest(wave: Pattern) -> bytes:
    """Return 16 bytes of the SHA-256 of a pattern: int16, little endian, row by row."""
    return hashlib.sha256(np.ascontiguousarray(wave, "<i2").data).digest()[:DIGEST_BYTES]
