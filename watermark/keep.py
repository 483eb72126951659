"""Which pixels the mark moves, and how to tell afterwards.

The darkest and the brightest grey level of an image stay where they are, and no pixel moves onto
or past them. So black ground stays black, a saturated area stays saturated, nothing leaves the
range, and a level at either end is known not to have moved.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from watermark.errors import RestoreError

Ends = tuple[int, int]
"""Least and greatest grey level of an image."""
Levels = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_UNSIGNED: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True, slots=True)
class Range:
    """Between which levels an image is moved, and in what type.

    Attributes
    ----------
    ends : tuple of int
        Least and greatest grey level of the image.
    most : int
        No pixel moves by more.
    dtype : dtype
        The container of levels and changes. It may wrap round: what is compared reaches two
        changes beyond either end, and it has more values than that.
    """

    ends: Ends
    most: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, image: Levels, ends: Ends, *, most: int) -> Self:
        """Return the range of an image; the container is of its kind, and at least its size."""
        size = image.dtype.itemsize
        while ends[1] - ends[0] + 4 * most >= 1 << 8 * size:
            size *= 2
        return cls(ends, most, np.dtype(f"{image.dtype.kind}{size}"))

    def levels(self, rows: Levels) -> Levels:
        """Return rows of an image in the container."""
        return rows.astype(self.dtype, order="C", copy=False)

    def steps(self, change: npt.NDArray[np.float32]) -> Levels:
        """Return whole changes in the container."""
        return change.astype(f"i{self.dtype.itemsize}").view(self.dtype)

    def between(self, levels: Levels, *, inside: int = 0) -> Flags:
        """Say which levels lie between the ends, and farther than so much inside them."""
        size = self.dtype.itemsize
        first = self.ends[0] + inside + 1
        count = max(self.ends[1] - inside - first, 0)
        above = levels.view(_UNSIGNED[size]) - first % (1 << 8 * size)
        flags: Flags = above < count  # what is less than the first wraps round
        return flags

    def sift(self, levels: Levels) -> tuple[Flags, Places]:
        """Return which levels are too far inside to be held by an end, and where others are.

        Those at the ends are neither: they never move.
        """
        free = self.between(levels, inside=2 * self.most)
        return free, np.flatnonzero(self.between(levels) > free)


def move(before: Levels, step: Levels, within: Range) -> tuple[Levels, Flags]:
    """Move grey levels by ``step``, all but those that must stay.

    Parameters
    ----------
    before, step : integer, same shape, in the container
        Grey levels and changes.
    within : Range
        The image's.

    Returns
    -------
    after : as ``before``
        Marked grey levels.
    stayed : bool, shape (n,)
        For every pixel whose marked level alone does not tell whether it moved, row by row: it
        kept its value.
    """
    moves, near = within.sift(before)
    here, change = before.ravel()[near], step.ravel()[near]
    moved = within.between(here + change)
    moves.reshape(-1)[near] = moved
    open_ = _open(here + change * moved, change, within)
    return before + step * moves, ~moved[open_]


def undo(after: Levels, step: Levels, within: Range, stayed: Flags) -> tuple[Levels, int]:
    """Undo ``move``; return the grey levels before, and how many flags were used."""
    moves, near = within.sift(after)
    here, change = after.ravel()[near], step.ravel()[near]
    moved = within.between(here - change)
    open_ = _open(here, change, within)
    used = int(np.count_nonzero(open_))
    if used > stayed.size:
        raise RestoreError("the restore data belong to another image or key")
    moved[open_] = ~stayed[:used]
    moves.reshape(-1)[near] = moved
    return after - step * moves, used


def _open(after: Levels, change: Levels, within: Range) -> Flags:
    """Say which marked grey levels alone do not tell whether they moved."""
    may_have_stayed = ~within.between(after + change)
    may_have_moved = within.between(after - change) & (change != 0)
    flags: Flags = may_have_stayed & may_have_moved
    return flags
