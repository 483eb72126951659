"""Decide which cells have lost a mark: a test against "present" that "absent" would fail.

For any group of cells, the correlation with the mark has mean zero where the mark is absent, and
the information as its mean where it is present; in both cases the information bounds its variance
(``watermark.testimony``). A deviation is the square root of that, or what the cells of the
picture differ by in fact, if that is more: what a copy lost of the mark varies from place to place.
"""

from typing import Final

import numpy as np

from watermark.patches import Flags, Reals, blur, grow_into, patches, rid

FINE: Final = 1.2
"""Width in cells of the finer Gaussian that cells are pooled with; edges are drawn with it."""
BROAD: Final = 2.4
"""Width of the broader one, for pictures where the mark is weak."""
SURE: Final = 2.2
"""Deviations below its expectation at which a cell is suspected: 1.4 % of cells by chance."""
SUSPECT: Final = 0.4
"""Share of its expectation that a suspected cell has at most."""
BESIDE: Final = (0.5, 1.0)
"""Share and deviations for cells beside suspected ones."""
STEPS: Final = 4
"""Cells that a patch can grow by."""
PATCH: Final = 5.2
"""Deviations below its expectation that a patch has as a whole: 1e-7 by chance."""
CERTAIN: Final = 8.0
"""The same for a patch held against a copy: of 688 honest copies none had one, 30 at 5.2."""
_ENOUGH: Final = 5.0  # information from which a cell's deviation tells how cells differ
_BEST: Final = 0.9
_EMPTY: Final = 0.1
_MANY: Final = 0.3
_TO_DEVIATION: Final = 1.4826  # median magnitude to standard deviation, if normal
_TINY: Final = float(np.finfo(np.float32).tiny)


def likely(correlation: Reals, information: Reals) -> Flags:
    """Return which cells to learn from what is left of a mark where it is: all, as a rule.

    If cells that show less than half of what the best tenth shows are many, and empty together,
    they are left out, be they even most: else they would pass for what is left of the mark.
    Arguments as for ``judge``; bool, same shape.
    """
    expected = pooled(information, BROAD)
    ample = expected > _ENOUGH
    if not ample.any():
        return np.ones(ample.shape, np.bool_)
    shown = np.where(ample, pooled(correlation, BROAD) / np.where(ample, expected, 1), np.inf)
    best = float(np.quantile(shown[ample], _BEST))
    low = shown < best / 2
    said = float(information[low].sum())
    empty = float(correlation[low].sum()) < _EMPTY * best * said
    many = said > _MANY * float(information.sum())
    return ~low if empty and many else np.ones(ample.shape, np.bool_)


def lacking(correlation: Reals, information: Reals) -> Flags:
    """Return cells that show less than half of what they should, by ``SURE`` deviations.

    They are no measure of what a copy left of the mark. Arguments as for ``judge``; bool, same
    shape.
    """
    shown, expected = pooled(correlation, BROAD), pooled(information, BROAD)
    low: Flags = (shown < expected / 2) & (expected - shown > SURE * np.sqrt(expected))
    return low


def likelihood(correlation: Reals, information: Reals, cells: Flags) -> Reals:
    """Return how likely the mark is present, if it is as likely as not beforehand.

    The log likelihood ratio of two normal laws with the deviation that cells of this picture
    have, pooled with the neighbours and put through the logistic function. Arguments as for
    ``judge``; float64, same shape: with fewer digits many cells would be equally certain.
    """
    expected = pooled(information, BROAD)
    found = pooled(correlation, BROAD)
    unit = _dispersion(_short(found, expected)[cells & (expected > _ENOUGH)])
    return 0.5 + 0.5 * np.tanh((found - expected / 2) / (2 * unit * unit))


def judge(correlation: Reals, information: Reals, cells: Flags) -> tuple[Flags, Flags, Flags]:
    """Return which cells have lost the mark, and which could tell.

    A cell is known if its expectation is ``SURE`` deviations or more above zero, pooled with
    its neighbours under either of two Gaussians. It is suspected if it is as much below its
    expectation, and shows at most ``SUSPECT`` of it. Patches of suspected cells grow over such
    as show at most half, and lose specks and threads. What is left is altered if as a whole it
    is more than ``PATCH`` deviations below its expectation.

    Parameters
    ----------
    correlation, information : float64, shape (cell rows, cell columns)
        As ``Testimony.weigh`` returns them.
    cells : bool, same shape
        Cells that tell how much cells differ where the mark is present.

    Returns
    -------
    altered, certain, known : bool, same shape
        No cell is altered that is not known, none certain (``CERTAIN``) that is not altered.
    """
    suspected = known = beside = np.zeros(information.shape, np.bool_)
    differ = 1.0
    for width in (BROAD, FINE):
        found = pooled(correlation, width)
        expected = np.maximum(pooled(information, width), _TINY)
        missing = 1 - found / expected
        short = _short(found, expected)
        unit = _dispersion(short[cells & (expected > _ENOUGH)])
        differ = max(differ, unit)
        known = known | (expected > (SURE * unit) ** 2)
        suspected = suspected | ((missing > 1 - SUSPECT) & (short > SURE * unit))
        beside = (missing > 1 - BESIDE[0]) & (short > BESIDE[1] * unit)
    altered, certain = np.zeros_like(known), np.zeros_like(known)
    for patch in patches(rid(grow_into(suspected, beside, steps=STEPS) & beside) & known):
        expected_here = float(information[patch].sum())
        short_here = expected_here - float(correlation[patch].sum())
        deviation = differ * np.sqrt(expected_here)
        altered[patch] = short_here > PATCH * deviation  # of nothing expected, nothing is short
        certain[patch] = short_here > CERTAIN * deviation
    return altered, certain, known


def pooled(cells: Reals, width: float) -> Reals:
    """Return sums under a Gaussian, in such units that variances stay comparable to means."""
    total: Reals = blur(cells, width) * (4 * np.pi * width * width)  # sum of weights over squares'
    return total


def _short(found: Reals, expected: Reals) -> Reals:
    """Return the deviations that cells are below their expectation."""
    short: Reals = (expected - found) / np.sqrt(np.maximum(expected, _TINY))
    return short


def _dispersion(deviations: Reals) -> float:
    """Return the robust spread of the cells about their median, at least 1."""
    if deviations.size == 0:
        return 1.0
    middle = np.median(deviations)
    return max(1.0, _TO_DEVIATION * float(np.median(np.abs(deviations - middle))))
