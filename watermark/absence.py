"""Decide which cells have lost a mark: a test against "present" that "absent" would fail.

For any group of cells, the correlation with the mark has mean zero where the mark is absent, and
the information as its mean where it is present; in both cases the information bounds its variance
(``watermark.testimony``). A deviation is the square root of that, or what the cells of the
picture differ by in fact, if that is more: what a copy lost of the mark varies from place to place.
What the model is amiss by grows with what it foretells, unlike chance: the two are told apart.
It is a factor, never below zero, so its law is lognormal.
"""

from typing import Final

import numpy as np

from watermark.patches import Flags, Reals, blur, grow, grow_into, patches, smooth

FINE: Final = 1.2
"""Width in cells of the finer Gaussian that cells are pooled with; edges are drawn and smoothed
with it."""
BROAD: Final = 2.4
"""Width of the broader one, for pictures where the mark is weak."""
SURE: Final = 2.6
"""Deviations below its expectation at which a cell is suspected: 0.5 % of cells by chance."""
SUSPECT: Final = 0.4
"""Share of its expectation that a suspected cell has at most."""
BESIDE: Final = (0.5, 1.0)
"""Share and deviations for cells beside suspected ones."""
STEPS: Final = 2
"""Cells that a patch can grow by."""
PATCH: Final = 5.5
"""Deviations of chance below its expectation that a patch has as a whole: 2e-8."""
CERTAIN: Final = 9.0
"""Deviations, of cells as they differ in fact, of a patch that is held against a copy."""
LACKING: Final = 2.2
"""Deviations of cells that are no measure of what a copy left of the mark."""
SLOW: Final = 8.0
"""Width in cells of the Gaussian under which what is left of the mark is followed."""
AROUND: Final = 0.25
"""Share of its expectation that a cell in an area without a mark shows of the mark around."""
_ENOUGH: Final = 5.0  # information from which a cell's deviation tells how cells differ
_BEST: Final = 0.9
_EMPTY: Final = 0.1
_GONE: Final = 0.35  # of its expectation: a cell that has less does not say how much is left around
_STIFF: Final = 0.1  # share of the mean information that speaks for a level gain
_GAINS: Final = (0.4, 1.3)
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


def likelihood(correlation: Reals, information: Reals, cells: Flags) -> Reals:
    """Return how likely the mark is present, if it is as likely as not beforehand.

    The log likelihood ratio of two normal laws with the deviation that cells of this picture
    have, put through the logistic function. Cells are pooled with their neighbours, so one
    without a mark still shows ``AROUND`` of its expectation. Arguments as for ``judge``; float64,
    same shape: with fewer digits many cells would be equally certain.
    """
    expected = pooled(information, BROAD)
    unit = _differ(correlation, information, cells, BROAD)
    above = pooled(correlation, BROAD) - expected * (1 + AROUND) / 2
    return 0.5 + 0.5 * np.tanh((1 - AROUND) * above / (2 * unit * unit))


def judge(correlation: Reals, information: Reals, cells: Flags) -> tuple[Flags, Flags, Flags]:
    """Return which cells have lost the mark, and which could tell.

    What is left of the mark is followed first, where it changes slowly over the picture
    (``levelled``). The deviation of a cell is then that of chance and that of the model, which is
    a factor to what it foretells, found from the picture's own cells. A cell is known if its
    expectation is ``SURE`` deviations or more above zero, pooled with its neighbours under either
    of two Gaussians. It is suspected if it is as much below its expectation, and shows at most
    ``SUSPECT`` of it. Patches of suspected cells grow over such as show at most half, and their
    edges are smoothed. What is left is altered if as a whole it is ``PATCH`` deviations of chance
    and ``SURE`` of the model below its expectation, or if it is certain.

    Parameters
    ----------
    correlation, information : float64, shape (cell rows, cell columns)
        As ``Testimony.weigh`` returns them.
    cells : bool, same shape
        Cells that tell how much cells differ where the mark is present.

    Returns
    -------
    altered, certain, known : bool, same shape
        No cell is altered that is not known, none certain that is not altered. A patch is
        certain if it is ``CERTAIN`` deviations below its expectation when nothing was followed,
        and a deviation counts as far as cells of either width differ.
    """
    shown, foretold = levelled(correlation, information, cells)
    amiss = _amiss(shown, foretold, cells)
    differ = max(_differ(correlation, information, cells, width) for width in (BROAD, FINE))
    suspected = known = beside = np.zeros(information.shape, np.bool_)
    for width in (BROAD, FINE):
        expected = np.maximum(pooled(foretold, width), _TINY)
        short = expected - pooled(shown, width)
        sure, some = (_beyond(expected, amiss, count) for count in (SURE, BESIDE[1]))
        known = known | (expected > sure)
        suspected = suspected | ((short > (1 - SUSPECT) * expected) & (short > sure))
        beside = (short > (1 - BESIDE[0]) * expected) & (short > some)
    edged = smooth(grow_into(suspected, beside, steps=STEPS) & beside, FINE)
    altered, certain = np.zeros_like(known), np.zeros_like(known)
    for patch in patches(edged & known):
        whole = float(foretold[patch].sum())
        chance, model = PATCH * np.sqrt(whole), _less(amiss, SURE) * whole
        plain = float(information[patch].sum())
        certain[patch] = plain - float(correlation[patch].sum()) > CERTAIN * differ * np.sqrt(plain)
        altered[patch] = whole - float(shown[patch].sum()) > np.hypot(chance, model)
    return altered | certain, certain, known


def levelled(correlation: Reals, information: Reals, cells: Flags) -> tuple[Reals, Reals]:
    """Return both with the gain that the cells around show, which changes slowly.

    Cells that show almost nothing, and those beside them, do not count: an altered area must not
    pass for a place where a copy lost the mark. Arguments as for ``judge``.
    """
    shown, foretold = pooled(correlation, BROAD), pooled(information, BROAD)
    short = foretold - shown > LACKING * np.sqrt(foretold)
    gone = short & (shown < _GONE * foretold)
    count = cells & ~grow(gone)
    shown, foretold = blur(correlation * count, SLOW), blur(information * count, SLOW)
    stiff = _STIFF * float(information.mean()) + _TINY
    gain = np.clip((shown + stiff) / (foretold + stiff), *_GAINS)
    return gain * correlation, np.square(gain) * information


def pooled(cells: Reals, width: float) -> Reals:
    """Return sums under a Gaussian, in such units that variances stay comparable to means."""
    total: Reals = blur(cells, width) * (4 * np.pi * width * width)  # sum of weights over squares'
    return total


def _beyond(expected: Reals, amiss: float, deviations: float) -> Reals:
    """Return how far so many deviations of chance and of the model are below an expectation."""
    chance, model = deviations * np.sqrt(expected), _less(amiss, deviations) * expected
    beyond: Reals = np.hypot(chance, model)
    return beyond


def _less(amiss: float, deviations: float) -> float:
    """Return the share that a lognormal factor takes away when it is so many deviations low."""
    return -float(np.expm1(-deviations * amiss))


def _amiss(correlation: Reals, information: Reals, cells: Flags) -> float:
    """Return the share of what a cell is foretold that the model is amiss by, as a deviation."""
    expected = pooled(information, BROAD)[cells]
    ample = expected[expected > _ENOUGH]
    if not ample.size:
        return 0.0
    beyond = _differ(correlation, information, cells, BROAD) ** 2 - 1
    return float(np.sqrt(beyond / np.median(ample)))


def _differ(correlation: Reals, information: Reals, cells: Flags, width: float) -> float:
    """Return by how much more than by chance cells of a width differ, at least 1."""
    expected = np.maximum(pooled(information, width), _TINY)
    short = _short(pooled(correlation, width), expected)
    return _dispersion(short[cells & (expected > _ENOUGH)])


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
