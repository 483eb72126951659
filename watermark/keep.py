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
Wide = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_NARROW = 1 << 24


def wide(numbers: npt.NDArray[Any], ends: Ends) -> Wide:
    """Return numbers in a type in which sums of grey levels and changes do not overflow."""
    if ends[0] > -_NARROW and ends[1] < _NARROW:
        return numbers.astype(np.int32, order="C")
    return numbers.astype(np.int64, order="C")


def move(before: Wide, step: Wide, ends: Ends) -> tuple[Wide, Flags]:
    """Move grey levels by ``step``, all but those that must stay.

    Returns
    -------
    after : as ``before``
        Marked grey levels.
    stayed : bool, shape (n,)
        For every open pixel (``_open``), row by row: it kept its value.
    """
    after = before + step
    inside = _between(before, ends)
    stays = ~(inside & _between(after, ends))
    np.copyto(after, before, where=stays)  # now ``after`` lies between the ends where it did before
    return after, stays.ravel()[_open(after, step, ends, inside)]


def undo(after: Wide, step: Wide, ends: Ends, stayed: Flags) -> tuple[Wide, int]:
    """Undo ``move``; return the grey levels before, and how many flags were used."""
    before = after - step
    inside = _between(after, ends)
    stays = ~(inside & _between(before, ends))
    open_ = _open(after, step, ends, inside)
    used = open_.size
    if used > stayed.size:
        raise RestoreError("the restore data belong to another image or key")
    stays.reshape(-1)[open_] = stayed[:used]
    np.copyto(before, after, where=stays)
    return before, used


def _open(after: Wide, step: Wide, ends: Ends, inside: Flags) -> Places:
    """Return where a marked grey level alone does not tell whether it moved, row by row."""
    few = np.flatnonzero(inside & ~_between(after + step, ends))  # may have stayed
    here, change = after.ravel()[few], step.ravel()[few]
    places: Places = few[_between(here - change, ends) & (change != 0)]  # may have moved
    return places


def _between(levels: Wide, ends: Ends) -> Flags:
    """Say which grey levels lie between the ends, neither of them included."""
    unsigned = np.uint32 if levels.dtype.itemsize == 4 else np.uint64
    above = np.subtract(levels, ends[0] + 1).view(unsigned)  # less than nothing is very much
    inside: Flags = np.less(above, unsigned(max(ends[1] - ends[0] - 1, 0)))
    return inside
