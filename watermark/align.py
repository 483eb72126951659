"""Sharpen a guess: from a linear map to a homography, by the phases of the pilots, block by block.

A pilot's phase in a block of the picture tells how far the block lies from where the guess puts
it. Either all phases of all blocks are brought to zero together (Gauss-Newton), which uses blocks
that are too weak to speak for themselves; or the map grows from where the guess was made: each
block looks for its own shift, and a robust fit joins those that are near, then those further off.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from watermark.grid import SIDE
from watermark.guess import Guess
from watermark.lens import Lens
from watermark.pilots import Constellation

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex128]

BLOCK: Final = 256
_BINS: Final = 2 * BLOCK
_STRIDE: Final = 128
_LOUD: Final = 3.0
_HIGHEST: Final = 0.47
"""Highest frequency that is measured, in periods a point."""
_LOOKS: Final = (
    (300.0, 6.0, 1.0, 6),
    (300.0, 12.0, 1.5, 6),
    (430.0, 12.0, 1.5, 8),
    (600.0, 12.0, 1.5, 8),
    (2000.0, 12.0, 1.5, 8),
    (2000.0, 8.0, 1.0, 8),
    (2000.0, 4.0, 0.5, 8),
)
"""How far off blocks may lie, reach and step of their own shifts, parameters fitted."""
_ROUNDS: Final = 4
_SIMILAR: Final = 3
"""Parameters that are fitted where nothing was turned or strained: shift and scale."""
_SCALES: Final = (0.0, -0.001, 0.001, -0.002, 0.002)
"""Steps of scale about the guess from which they are fitted."""
_FITS: Final = 8
_HALF: Final = SIDE / 2
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Blocks:
    """Spectra of tapered, overlapping blocks of a flattened picture.

    Attributes
    ----------
    waves : complex64, shape (n, 512, 257)
        Two bins a period over the block; phases are those at its first point.
    centres : float64, shape (n, 2)
        x and y on the picture's own grid.
    slopes : float64, shape (n, 2, 2)
        What a lens does to a block: the unit matrix if there is none.
    """

    waves: npt.NDArray[np.complex64]
    centres: Doubles
    slopes: Doubles

    @classmethod
    def of(cls, flat: Floats) -> Self:
        """Cut a flattened picture."""
        window = np.square(np.sin(np.pi * (np.arange(BLOCK) + 0.5) / BLOCK)).astype(np.float32)
        padding = [(0, max(0, BLOCK - side)) for side in flat.shape]
        whole = np.pad(flat, padding)
        waves: list[npt.NDArray[np.complex64]] = []
        centres: list[tuple[float, float]] = []
        for top in range(0, whole.shape[0] - BLOCK + 1, _STRIDE):
            for left in range(0, whole.shape[1] - BLOCK + 1, _STRIDE):
                block = whole[top : top + BLOCK, left : left + BLOCK]
                tapered = block * window[:, np.newaxis] * window
                spectrum = np.fft.rfft2(tapered, s=(_BINS, _BINS))
                waves.append(spectrum.astype(np.complex64, copy=False))
                centres.append((left + BLOCK / 2, top + BLOCK / 2))
        return cls(np.array(waves), np.array(centres), np.tile(np.eye(2), (len(waves), 1, 1)))

    def without(self, lens: Lens) -> Self:
        """Return the blocks as they would lie if the picture were not seen through a lens."""
        x, y = lens.without(*self.centres.T)
        return replace(self, centres=np.stack([x, y], axis=1), slopes=lens.slopes(self.centres))

    def waves_at(self, frequencies: Doubles) -> Waves:
        """Return each block's waves at frequencies of its own.

        Parameters
        ----------
        frequencies : float64, shape (n, k, 2)
            x and y in periods a point. The nearest bin is taken, at most a quarter of a period
            over the block away; the phase at the block's centre does not suffer from that.

        Returns
        -------
        complex128, shape (n, k)
            Phases at the block's centre; zero where the frequency cannot be seen.
        """
        nearest = np.rint(frequencies * _BINS).astype(np.intp)
        seen = (np.abs(nearest) < _HIGHEST * _BINS).all(axis=2)
        x, y = (np.where(seen, part, 0) for part in (nearest[..., 0], nearest[..., 1]))
        mirrored = x < 0
        row = np.where(mirrored, -y, y) % _BINS
        waves = self.waves[np.arange(len(self.waves))[:, np.newaxis], row, np.abs(x)]
        waves = np.where(mirrored, np.conj(waves), waves)
        centred = waves * np.exp(1j * np.pi * (BLOCK - 1) / _BINS * (x + y))
        return np.where(seen, centred, 0)


def align(blocks: Blocks, guess: Guess, constellation: Constellation) -> tuple[Doubles, float]:
    """Return the sharpened map from the canonical grid to the picture's own grid.

    Parameters
    ----------
    blocks : Blocks
        The flattened picture.
    guess : Guess
        Where to begin.
    constellation : Constellation
        The pilots that the picture bears.

    Returns
    -------
    matrix : float64, shape (3, 3)
        A homography; the guess itself if nothing better is found.
    agreement : float
        Sum of the pilots in phase over all blocks, over its standard deviation if the phases were
        drawn at random, block by block.
    """
    sign = guess.sign
    start = _Phases.at(blocks, guess.matrix, constellation, sign)
    rigid = _settle(blocks, _settle(blocks, start, constellation, sign, 6), constellation, sign, 8)
    far = np.hypot(*(blocks.centres - guess.centre).T)
    here = start
    for radius, reach, step, freedom in _LOOKS:
        shifts, trust = _own_shifts(here, constellation, reach, step)
        trust = np.where(far < radius, trust, 0)
        moved = _compose(here.matrix, _robust(here.places, shifts, trust, freedom, reach))
        there = _Phases.at(blocks, moved, constellation, sign)
        if there.agreement_within(far < radius) > here.agreement_within(far < radius):
            here = there
    bent = _settle(blocks, here, constellation, sign, 8)
    best = max((rigid, bent), key=lambda phases: phases.agreement)
    return best.matrix, best.agreement


def centred(blocks: Blocks, guess: Guess, constellation: Constellation) -> Doubles:
    """Return the guess with its shift alone sharpened.

    Where only few blocks show the pilots, all that ``align`` may fit besides is fitted to noise.
    """
    start = _Phases.at(blocks, guess.matrix, constellation, guess.sign)
    return _settle(blocks, start, constellation, guess.sign, 2).matrix


def scaled(blocks: Blocks, guess: Guess, constellation: Constellation) -> Doubles:
    """Return the guess with its shift and scale alone sharpened."""
    starts = (
        _Phases.at(blocks, _about(guess, part), constellation, guess.sign) for part in _SCALES
    )
    settled = [_settle(blocks, start, constellation, guess.sign, _SIMILAR) for start in starts]
    return max(settled, key=lambda phases: phases.agreement).matrix


def _about(guess: Guess, part: float) -> Doubles:
    """Return the map of a guess, larger by a part, about the centre that it was made from."""
    x, y = guess.centre
    larger = np.array([[1 + part, 0, -part * x], [0, 1 + part, -part * y], [0, 0, 1.0]])
    matrix: Doubles = larger @ guess.matrix
    return matrix


def _settle(
    blocks: Blocks, here: "_Phases", constellation: Constellation, sign: float, freedom: int
) -> "_Phases":
    """Bring all phases to zero together, as long as they agree better for it."""
    for _ in range(_ROUNDS):
        moved = _compose(here.matrix, _newton(here, constellation, freedom))
        there = _Phases.at(blocks, moved, constellation, sign)
        if there.agreement <= here.agreement:
            break
        here = there
    return here


@dataclass(frozen=True, slots=True)
class _Phases:
    """Pilots by block, each turned back by the phase that the map foretells.

    Attributes
    ----------
    matrix : float64, shape (3, 3)
        The map.
    places : float64, shape (n, 2)
        Where the map says the blocks' centres lie on the canonical grid.
    waves : complex128, shape (n, 20)
        In units of a block's median; real and positive if the map is right.
    """

    matrix: Doubles
    places: Doubles
    waves: Waves

    @classmethod
    def at(cls, blocks: Blocks, matrix: Doubles, constellation: Constellation, sign: float) -> Self:
        back = np.linalg.inv(matrix)
        wide = np.concatenate([blocks.centres, np.ones((len(blocks.centres), 1))], axis=1) @ back.T
        places = wide[:, :2] / wide[:, 2:]
        slopes = (back[:2, :2] - places[:, :, np.newaxis] * back[2, :2]) / wide[:, 2:, np.newaxis]
        slopes = slopes @ blocks.slopes
        local = np.einsum("kb,nba->nka", constellation.frequencies / SIDE, slopes)
        waves = blocks.waves_at(local)
        turns = (places - 0.5) @ constellation.frequencies.T + constellation.phases
        waves = waves * np.exp(-2j * np.pi * turns / SIDE)
        size = np.abs(waves)
        waves = sign * waves / (np.median(size, axis=1, keepdims=True) + 1e-9)
        return cls(matrix, places, waves / np.maximum(np.abs(waves) / _LOUD, 1))

    @property
    def agreement(self) -> float:
        """Sum of the pilots in phase, over its standard deviation by chance."""
        power = float(np.square(np.abs(self.waves)).sum()) / 2
        return float(self.waves.real.sum()) / (math.sqrt(power) + _TINY)

    def agreement_within(self, near: npt.NDArray[np.bool_]) -> float:
        """Sum of the pilots in phase in some of the blocks."""
        return float(self.waves.real[near].sum())


def _own_shifts(
    phases: _Phases, constellation: Constellation, reach: float, step: float
) -> tuple[Doubles, Doubles]:
    """Return the shift at which each block agrees best, in grid points, and how far to trust it."""
    line = np.arange(-reach, reach + step / 2, step)
    tried = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    turns = np.exp(-2j * np.pi / SIDE * (tried @ constellation.frequencies.T))
    agreement = (phases.waves @ turns.T).real
    chance = np.sqrt(np.median(np.square(agreement)) + 1e-9)
    best = agreement.argmax(axis=1)
    height = agreement[np.arange(len(best)), best]
    return tried[best], np.maximum(height / chance - 2, 0)


def _slopes(places: Doubles, freedom: int) -> Doubles:
    """Return how shifts (n, 2, freedom) follow from small changes of a homography."""
    x, y = ((places - _HALF) / _HALF).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    if freedom == _SIMILAR:
        return np.array([(one, zero), (zero, one), (x, y)]).transpose(2, 1, 0)
    columns = [(one, zero), (zero, one), (x, zero), (y, zero), (zero, x), (zero, y)]
    columns += [(x * x, x * y), (x * y, y * y)]
    slopes: Doubles = np.array(columns[:freedom]).transpose(2, 1, 0)
    return slopes


def _robust(
    places: Doubles, shifts: Doubles, trust: Doubles, freedom: int, reach: float
) -> Doubles:
    """Fit shifts by iteratively reweighted least squares; parameters as in ``_slopes``."""
    slopes = _slopes(places, freedom)
    damping = np.diag([1e-3] * 6 + [1.0] * (freedom - 6))
    fit = np.zeros(freedom)
    for _ in range(_FITS):
        rest = np.hypot(*(shifts - slopes @ fit).T)
        weight = trust / (1 + np.square(rest / (1 + reach / 4)))
        normal = np.einsum("nia,n,nib->ab", slopes, weight, slopes) + damping
        fit = np.linalg.solve(normal, np.einsum("nia,n,ni->a", slopes, weight, shifts))
    return fit


def _newton(phases: _Phases, constellation: Constellation, freedom: int) -> Doubles:
    """Return the small change that brings all phases nearest to zero."""
    slopes = _slopes(phases.places, freedom)
    turn = np.einsum("ka,nap->nkp", constellation.frequencies, slopes) * (2 * np.pi / SIDE)
    weight = np.maximum(phases.waves.real, 0)
    normal = np.einsum("nkp,nk,nkq->pq", turn, weight, turn)
    damping = np.diag(([1e-6] * 6 + [1e-4] * 2)[:freedom]) * (np.trace(normal) / 8 + 1e-9)
    return np.linalg.solve(normal + damping, np.einsum("nkp,nk->p", turn, phases.waves.imag))


def _compose(matrix: Doubles, change: Doubles) -> Doubles:
    """Return the map after its places have moved by a small change."""
    if len(change) == _SIMILAR:
        change = np.array([*change, 0, 0, change[2]])
    c = np.concatenate([change, np.zeros(8 - len(change))]) / _HALF
    middle = np.array([[1 / _HALF, 0, -1], [0, 1 / _HALF, -1], [0, 0, 1]])
    small = np.array([[1 + c[2], c[3], c[0]], [c[4], 1 + c[5], c[1]], [-c[6], -c[7], 1]])
    back = np.linalg.inv(middle) @ small @ middle @ np.linalg.inv(matrix)
    moved = np.linalg.inv(back)
    composed: Doubles = moved / moved[2, 2]
    return composed
