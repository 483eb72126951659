"""Look around a placement: half a point away there may be what is missing.

The pilots tell a shift to a few tenths of a point, and half a point costs a tenth of the score.
Evidence that nearly holds a word tells by its excess where it holds more, but only roughly: so the
best of several places are decoded, not the best alone.
"""

from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.detect import Allowance
from watermark.evidence import WEIGHTS, Gathered, gather, terms
from watermark.placement import Placement
from watermark.warp import reduced, shown_canvas, warp

SHIFT: Final = 0.5
"""Points of the grid by which the picture is moved, along x and y."""
LOOKS: Final = 8
"""Places that are looked at."""
KEPT: Final = 2
"""Places whose evidence is worth decoding."""


def nearby(
    image: npt.NDArray[Any], placement: Placement, allowance: Allowance, *, key: bytes
) -> list[tuple[Placement, Gathered]]:
    """Return the places around a placement that hold most beyond chance, and their evidence.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels.
    placement : Placement
        The middle.
    allowance : Allowance
        ``len(WEIGHTS)`` readings are taken from it for each place; with too few left, none.
    key : bytes
        The 32-byte key of the signs.
    """
    if allowance.readings < LOOKS * len(WEIGHTS):
        return []
    allowance.readings -= LOOKS * len(WEIGHTS)
    source, side = reduced(image, placement)
    middle = placement.scaled(1 / side)
    canvas = shown_canvas(source, middle)
    found: list[tuple[Placement, Gathered]] = []
    for x, y in product((-SHIFT, 0.0, SHIFT), repeat=2):
        if (x, y) != (0, 0):
            moved = middle.array @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
            place = Placement.of(moved, middle.lens)
            gathered = gather(terms(*warp(source, place, canvas)), key=key)
            found.append((place.scaled(side), gathered))
    return sorted(found, key=lambda one: -one[1].excess)[:KEPT]
