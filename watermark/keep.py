"""Which pixels the mark moves, and how to tell afterwards.

The darkest and the brightest grey level of an image stay where they are, and no pixel moves onto
or past them. So black ground stays black, a saturated area stays saturated, nothing leaves the
range, and a level at either end is known not to have moved.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from watermark.errors import RestoreError

Ends = tuple[int, int]
"""Least and greatest grey level of an image."""
Levels = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


def container(dtype: np.dtype[Any], ends: Ends, *, most: int) -> np.dtype[Any]:
    """Return the type in which an image is moved by at most ``most`` levels, and back.

    It may wrap round: what is compared reaches two changes beyond either end, and its type, of
    the image's kind and at least of its size, has more values than that.
    """
    size = dtype.itemsize
    while ends[1] - ends[0] + 4 * most >= 1 << 8 * size:
        size *= 2
    return np.dtype(f"{dtype.kind}{size}")


def move(before: Levels, step: Levels, ends: Ends) -> tuple[Levels, Flags]:
    """Move grey levels by ``step``, all but those that must stay.

    Parameters
    ----------
    before, step : integer, same shape and ``container``
        Grey levels and changes.
    ends : tuple of int
        Least and greatest grey level of the image.

    Returns
    -------
    after : as ``before``
        Marked grey levels.
    stayed : bool, shape (n,)
        For every open pixel (``_open``), row by row: it kept its value.
    """
    inside = _between(before, ends)
    moves = inside & _between(before + step, ends)
    after = before + step * moves  # it lies between the ends where ``before`` did
    return after, ~moves.ravel()[_open(after, step, ends, inside)]


def undo(after: Levels, step: Levels, ends: Ends, stayed: Flags) -> tuple[Levels, int]:
    """Undo ``move``; return the grey levels before, and how many flags were used."""
    inside = _between(after, ends)
    moved = inside & _between(after - step, ends)
    open_ = _open(after, step, ends, inside)
    used = open_.size
    if used > stayed.size:
        raise RestoreError("the restore data belong to another image or key")
    moved.reshape(-1)[open_] = ~stayed[:used]
    return after - step * moved, used


def _open(after: Levels, step: Levels, ends: Ends, inside: Flags) -> Places:
    """Return where a marked grey level alone does not tell whether it moved, row by row."""
    few = np.flatnonzero(inside & ~_between(after + step, ends))  # may have stayed
    here, change = after.ravel()[few], step.ravel()[few]
    places: Places = few[_between(here - change, ends) & (change != 0)]  # may have moved
    return places


def _between(levels: Levels, ends: Ends) -> Flags:
    """Say which grey levels lie between the ends, neither of them included."""
    unsigned = np.dtype(f"u{levels.itemsize}").type
    lowest = unsigned(ends[0] + 1 & np.iinfo(unsigned).max)
    above = np.subtract(levels.view(unsigned), lowest)  # less than nothing is very much
    inside: Flags = np.less(above, unsigned(max(ends[1] - ends[0] - 1, 0)))
    return inside
