"""Keyed waves that show how a marked image was turned, scaled and moved.

A pilot is a cosine of a whole number of periods over the canonical grid. Whatever linear map an
image goes through, a pilot stays a pair of spectral peaks and its phase tells the shift
(Pereira and Pun 2000). Each key has ``SLOTS`` constellations; the id chooses which one an image
bears, so that an average over a key's images shows no pilot at full height.
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.grid import SIDE
from watermark.keys import Purpose, derive, keystream

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SLOTS: Final = 16
PILOTS: Final = 32
CACHED_KEYS: Final = 4
_LEAST_SQUARE: Final = 2704
"""Squared radius, in periods over the grid, at which the first ring begins."""
_AXIS: Final = 8
"""Frequencies nearer to an axis are left out: borders and block edges live there."""
_TABLE: Final = 64
"""Height of the table of cosines."""
_DRAW: Final = 16
_ROWS: Final = 128


@dataclass(frozen=True, slots=True)
class Constellation:
    """The pilots of one slot.

    Attributes
    ----------
    frequencies : int64, shape (32, 2)
        Periods over the 1024 points of the grid along x and y; y > 0.
    phases : int64, shape (32,)
        1024ths of a period, at the first point of the grid.
    heights : int64, shape (32,)
        Amplitudes, in units of the pattern.
    """

    frequencies: Ints
    phases: Ints
    heights: Ints


@lru_cache(maxsize=CACHED_KEYS)
def constellations(key: bytes) -> tuple[Constellation, ...]:
    """Return the constellations of a key, slot by slot."""
    stream = keystream(derive(key, Purpose.GEOMETRY), SLOTS * PILOTS * _DRAW)
    draws = np.frombuffer(stream, "<u8").reshape(SLOTS, PILOTS, 2)
    heights = _heights()
    found: list[Constellation] = []
    for slot in draws:
        points = [
            ring[int(draw % len(ring))] for ring, draw in zip(_rings(), slot[:, 0], strict=True)
        ]
        phases = (slot[:, 1] % SIDE).astype(np.int64)
        found.append(Constellation(np.array(points, np.int64), phases, heights))
    return tuple(found)


def slot_of(payload: bytes, *, key: bytes) -> int:
    """Return which constellation an id bears: keyed, so that ids do not show it."""
    return hmac.digest(derive(key, Purpose.GEOMETRY), payload, "sha256")[0] % SLOTS


def pilot_wave(constellation: Constellation, canvas: tuple[int, int]) -> npt.NDArray[np.int16]:
    """Return the sum of a constellation's pilots on a canvas, rounded by floor.

    Every product and sum is a whole number below 2^24, over 2^12, so float32 is exact in any
    order.
    """
    rows, columns = (np.arange(side, dtype=np.int64)[:, np.newaxis] for side in canvas)
    along = rows * constellation.frequencies[:, 1] + constellation.phases
    across = columns * constellation.frequencies[:, 0]
    heights = constellation.heights.astype(np.float32)
    left = np.concatenate([_cosine(along) * heights, -_sine(along) * heights], axis=1)
    left *= np.float32(2**-12)
    right = np.concatenate([_cosine(across), _sine(across)], axis=1).T
    wave = np.empty(canvas, np.int16)
    for start in range(0, canvas[0], _ROWS):
        part = slice(start, start + _ROWS)
        wave[part] = np.floor(left[part] @ right)
    return wave


@lru_cache(maxsize=1)
def _rings() -> tuple[Ints, ...]:
    """Return the frequencies that each pilot may have: rings 4.4 % wide, from 52 to 209."""
    y, x = np.mgrid[_AXIS:256, -256:256]
    inside = np.abs(x) >= _AXIS
    points = np.stack([x[inside], y[inside]], axis=1).astype(np.int64)
    square = np.square(points).sum(axis=1)
    rings: list[Ints] = []
    low = _LEAST_SQUARE
    for _ in range(PILOTS):
        high = low * 12 // 11
        rings.append(points[(square >= low) & (square < high)])
        low = high
    return tuple(rings)


@lru_cache(maxsize=1)
def _heights() -> Ints:
    """Return the amplitudes by ring: 36 at 52 periods, 12 at 204."""
    return np.array([round(36 * (11 / 12) ** (0.4 * k)) for k in range(PILOTS)], np.int64)


def _cosine(steps: Ints) -> Floats:
    cosines: Floats = _wave()[steps & SIDE - 1]
    return cosines


def _sine(steps: Ints) -> Floats:
    return _cosine(steps - SIDE // 4)


@lru_cache(maxsize=1)
def _wave() -> Floats:
    turns = 2 * np.pi * np.arange(SIDE) / SIDE
    wave: Floats = np.rint(_TABLE * np.cos(turns)).astype(np.float32)
    return wave
