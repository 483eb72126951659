"""Look for a small perspective in all parts of a picture together.

A small perspective moves every part of a picture by a linear map of its own, and all of these
follow from the one in the middle and the two numbers ``c`` of the depth ``1 + c x``. What it does
to turn, scale and strain of a part is a shift in the table of that part's correlations. So the
pilots of all parts are summed under every perspective, and what no part shows by itself stands out.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.grid import SIDE
from watermark.logpolar import LogPolar, points
from watermark.pilots import SLOTS
from watermark.spectrum import Spectrum

Doubles = npt.NDArray[np.float64]
Shorts = npt.NDArray[np.int16]

HALF: Final = SIDE / 2
LEVEL: Final = LogPolar(side=256, low=44.0, high=320.0, least=0.84, most=1.5)
"""For parts of a picture that was taken nearly level."""
TILTED: Final = 9
"""Steps of 0.7 degrees by which it may be turned from level, or from a right angle."""
STRAIN: Final = 0.02
STRAINS: Final = 2
"""Steps of strain either way, along the axes and along the diagonals."""
DEPTH: Final = 0.02
DEPTHS: Final = 3
"""Steps of depth either way, from the middle to each side of the picture."""
_TURN: Final = np.pi / LEVEL.side
_RIGHT: Final = LEVEL.side // 2
"""Steps to a right angle."""
_CELL: Final = 3
"""Steps of scale and of turn within which only the highest peak is kept."""
_MARGIN_ROWS: Final = 12
_MARGIN_TURNS: Final = 3
"""Steps of scale and of turn by which a part may differ from the middle."""
_FINE: Final = 4
"""Shift of a table's bits, so that sums over sixteen parts stay within 16 bits."""


@dataclass(frozen=True, slots=True)
class Perspective:
    """A perspective but for its shift.

    Attributes
    ----------
    height : float
        Power of the pilots under it.
    slot : int
        Number of the constellation.
    linear : float64, shape (2, 2)
        Map of frequencies, grid to picture, in the middle of the picture.
    depth : float64, shape (2,)
        Growth of the depth over 512 points of the picture's grid, along x and y.
    """

    height: float
    slot: int
    linear: Doubles
    depth: Doubles


def peaks(
    spectra: list[Spectrum], away: Doubles, sides: tuple[float, float], *, key: bytes, most: int
) -> list[Perspective]:
    """Return the perspectives under which the pilots of all parts have most power, best first.

    Parameters
    ----------
    spectra : list of Spectrum
        Of the parts of the picture, at most sixteen, smeared.
    away : float64, shape (n, 2)
        Where the parts lie from the middle of the picture, over 512 points.
    sides : tuple of float
        How far its sides lie from there.
    key : bytes
        The 32-byte mark key.
    most : int
        Peaks at most.
    """
    table = _table(spectra, key)
    rows, _, turns, slots = table.shape[2:]
    high, wide = rows - 2 * _MARGIN_ROWS, turns - 2 * _MARGIN_TURNS
    first, _ = LEVEL.shifts()
    steps = np.arange(-DEPTHS, DEPTHS + 1) * DEPTH
    depths = list(product(*(steps / side for side in sides)))
    strains = list(product(range(-STRAINS, STRAINS + 1), repeat=2))
    heights = np.empty((len(depths), len(strains), slots), np.int16)
    places = np.empty(heights.shape, np.intp)
    total = np.empty((high, 2, wide, slots), np.int16)
    flat = total.reshape(-1, slots)
    for number, depth in enumerate(depths):
        shifts = [_shift(depth, place) for place in away]
        for strain, (i, j) in enumerate(strains):
            total[:] = 0
            for part, (row, turn, one, other) in zip(table, shifts, strict=True):
                place = _strain(i + one) * (2 * STRAINS + 1) + _strain(j + other)
                total += part[place, row : row + high, :, turn : turn + wide]
            places[number, strain] = flat.argmax(axis=0)
            heights[number, strain] = flat[places[number, strain], np.arange(slots)]
    found: dict[tuple[int, ...], Perspective] = {}
    for best in np.argsort(-heights.astype(np.int32), axis=None, kind="stable"):
        number, strain, slot = (int(n) for n in np.unravel_index(best, heights.shape))
        at = np.unravel_index(places[number, strain, slot], total.shape[:3])
        row, side, turn = (int(n) for n in at)
        cell = (slot, row // _CELL, side, turn // _CELL)
        if cell not in found:
            i, j = strains[strain]
            linear = np.eye(2) + STRAIN * np.array([[i, j], [j, -i]])
            linear = linear @ _similar(row + first, turn - TILTED, side)
            height = float(heights[number, strain, slot])
            found[cell] = Perspective(height, slot, linear, np.array(depths[number]))
            if len(found) == most:
                break
    return list(found.values())


def _strain(steps: float) -> int:
    """Return the number of a strain in a table, the nearest that it holds."""
    return _within(steps, STRAINS) + STRAINS


def _shift(depth: tuple[float, ...], place: Doubles) -> tuple[int, int, float, float]:
    """Return the first row and turn of a part's table, and the steps of its strains."""
    (c, d), (x, y) = depth, place
    row = 1.5 * (c * x + d * y) / LEVEL.step
    turn = (c * y - d * x) / 2 / _TURN
    return (
        _MARGIN_ROWS + _within(row, _MARGIN_ROWS),
        _MARGIN_TURNS + _within(turn, _MARGIN_TURNS),
        -(c * x - d * y) / 2 / STRAIN,
        -(c * y + d * x) / 2 / STRAIN,
    )


def _within(steps: float, most: int) -> int:
    return int(np.clip(np.rint(steps), -most, most))


def _similar(row: int, turn: int, side: int) -> Doubles:
    angle, scale = (turn + side * _RIGHT) * _TURN, float(np.exp(row * LEVEL.step))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _table(spectra: list[Spectrum], key: bytes) -> Shorts:
    """Return sums over pilots by part, strain, row, right angle, turn and slot."""
    first, last = LEVEL.shifts()
    first, last = first - _MARGIN_ROWS, last + _MARGIN_ROWS
    around = TILTED + _MARGIN_TURNS
    high, wide = last - first, 2 * around + 1
    count = 2 * STRAINS + 1
    table = np.empty((len(spectra), count**2, high, 2, wide, SLOTS), np.int16)
    steps = np.arange(-STRAINS, STRAINS + 1) * STRAIN
    for number, (one, other) in enumerate(product(steps, steps)):
        strain = np.array([[1 + one, other], [other, 1 - one]])
        levelled = np.stack([LEVEL.levelled(s, strain) >> _FINE for s in spectra], axis=-1)
        even = np.concatenate([levelled[:, -around:], levelled, levelled, levelled[:, :around]], 1)
        even = np.pad(even, ((max(0, -first), max(0, last)), (0, 0), (0, 0)))
        low = first + max(0, -first)
        for slot, pilots in enumerate(points(LEVEL, key)[:SLOTS]):
            for side in range(2):
                field = np.zeros((high, wide, len(spectra)), np.int16)
                for step, turn in pilots:
                    left = turn + side * _RIGHT
                    field += even[step + low : step + low + high, left : left + wide]
                table[:, number, :, side, :, slot] = field.transpose(2, 0, 1)
    return table
