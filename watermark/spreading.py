"""What the key decides: a sign and a code bit for every wavelet coefficient."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark import polar
from watermark.bands import LEVELS, ORIENTATIONS
from watermark.grid import SIDE
from watermark.keys import Purpose, derive, keystream

CACHED_KEYS: Final = 4


@dataclass(frozen=True, slots=True)
class Spread:
    """One detail band of the whole 1024 x 1024 grid.

    Attributes
    ----------
    chips : int8, shape (side, side)
        Keyed signs, -1 or 1.
    slots : uint16, shape (side, side)
        The code bit that each coefficient spells; every bit has the same share.
    """

    chips: npt.NDArray[np.int8]
    slots: npt.NDArray[np.uint16]

    def cut(self, rows: int, columns: int) -> "Spread":
        """Return the part of a smaller canvas, from the top left."""
        return Spread(self.chips[:rows, :columns], self.slots[:rows, :columns])


@lru_cache(maxsize=CACHED_KEYS)
def spreads(key: bytes) -> tuple[Spread, ...]:
    """Return the spreads of a key, in the order of ``bands.analyse``.

    The last ``CACHED_KEYS`` keys stay in memory; ``spreads.cache_clear()`` forgets them.
    """
    sides = [SIDE >> level for level in LEVELS for _ in range(ORIENTATIONS)]
    total = sum(side * side for side in sides)
    signs = np.unpackbits(
        np.frombuffer(keystream(derive(key, Purpose.CHIPS), total // 8), np.uint8)
    )
    chips = 1 - 2 * signs.astype(np.int8)
    lots = np.frombuffer(keystream(derive(key, Purpose.SLOTS), total * 8), "<u8")
    found: list[Spread] = []
    start = 0
    for side in sides:
        share = slice(start, start + side * side)
        slots = np.empty(side * side, np.uint16)
        order = np.argsort(lots[share], kind="stable")
        slots[order] = np.arange(side * side) % polar.LENGTH
        found.append(_frozen(chips[share].reshape(side, side), slots.reshape(side, side)))
        start = share.stop
    return tuple(found)


def _frozen(chips: npt.NDArray[np.int8], slots: npt.NDArray[np.uint16]) -> Spread:
    chips.flags.writeable = False  # shared by every caller with this key
    slots.flags.writeable = False
    return Spread(chips, slots)
