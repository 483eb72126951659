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

_NARROW = 1 << 24


def wide(numbers: npt.NDArray[Any], ends: Ends) -> Wide:
    """Return numbers in a type in which sums of grey levels and changes do not overflow."""
    if ends[0] > -_NARROW and ends[1] < _NARROW:
        return numbers.astype(np.int32)
    return numbers.astype(np.int64)


def move(before: Wide, step: Wide, ends: Ends) -> tuple[Wide, Flags]:
    """Move grey levels by ``step``, all but those that must stay.

    Returns
    -------
    after : as ``before``
        Marked grey levels.
    stayed : bool, shape (n,)
        For every open pixel (``_open``), in order: it kept its value.
    """
    low, high = ends
    after = before + step
    stays = (before == low) | (before == high) | (after <= low) | (after >= high)
    np.copyto(after, before, where=stays)
    return after, stays[_open(after, step, ends)]


def undo(after: Wide, step: Wide, ends: Ends, stayed: Flags) -> tuple[Wide, int]:
    """Undo ``move``; return the grey levels before, and how many flags were used."""
    low, high = ends
    before = after - step
    stays = (after == low) | (after == high) | (before <= low) | (before >= high)
    open_ = _open(after, step, ends)
    used = int(np.count_nonzero(open_))
    if used > stayed.size:
        raise RestoreError("the restore data belong to another image or key")
    stays[open_] = stayed[:used]
    np.copyto(before, after, where=stays)
    return before, used


def _open(after: Wide, step: Wide, ends: Ends) -> Flags:
    """Say where a marked grey level alone does not tell whether it moved."""
    low, high = ends
    onward, back = after + step, after - step
    may_have_stayed = (onward <= low) | (onward >= high)
    may_have_moved = (back > low) & (back < high) & (step != 0)
    opened: Flags = may_have_stayed & may_have_moved & (after > low) & (after < high)
    return opened
