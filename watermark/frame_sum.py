"""What the frames of a volume say together.

Frames of one group share their chips, so their terms are added before anything is squared: the
sum for a word is ``sum over i of s_i A_i`` with ``A_i`` the sum over the frames, and Hoeffding's
variance is ``sum of A_i^2``. Chips of different groups are different coins, so sums and variances
of the groups add up. Adding the variances of frames with equal chips would break the bound: still
anatomy is the same number in every frame.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark import polar
from watermark.bands import LEVELS
from watermark.evidence import Gathered, gather
from watermark.frame_groups import GROUPS, PERIOD, group_of, signs_key

Floats = npt.NDArray[np.float32]
Terms = list[Floats]

STARTS: Final = PERIOD
"""Places of the period at which a copy that lost its first frames can begin."""


class FrameSum:
    """The terms of frames, summed by their place in the period: 16 sets, however many frames."""

    def __init__(self) -> None:
        self.places: list[Terms | None] = [None] * PERIOD
        self.frames = 0

    def add(self, found: Sequence[Floats]) -> None:
        """Take the terms of the next frame (``evidence.terms``); all frames are of one size."""
        place = self.frames % PERIOD
        held = self.places[place]
        if held is None:
            self.places[place] = [term.copy() for term in found]
        else:
            for total, term in zip(held, found, strict=True):
                total += term
        self.frames += 1

    def gathered(self, *, key: bytes, first: int = 0) -> Gathered:
        """Return the evidence of all frames if the first one was frame ``first`` of the volume."""
        groups: list[list[Terms]] = [[] for _ in range(GROUPS)]
        for place, held in enumerate(self.places):
            if held is not None:
                groups[group_of(place + first)].append(held)
        return _joined([(_total(held), group) for group, held in enumerate(groups) if held], key)

    def gathered_unordered(self, *, key: bytes) -> Gathered:
        """Return the evidence if any frame may bear the signs of any group, or of several."""
        held = [terms for terms in self.places if terms is not None]
        total = _total(held)
        return _joined([(total, group) for group in range(GROUPS)] if held else [], key)


def _total(held: list[Terms]) -> Terms:
    return [sum(bands[1:], start=bands[0]) for bands in zip(*held, strict=True)]


def _joined(parts: list[tuple[Terms, int]], key: bytes) -> Gathered:
    sums, power = np.zeros((len(LEVELS), polar.LENGTH)), np.zeros(len(LEVELS))
    for found, group in parts:
        evidence = gather(found, key=signs_key(key, group))
        sums += evidence.sums
        power += evidence.power
    return Gathered(sums, power)
