"""From spectral peaks to a placement: guess and align, on one turned and scaled picture."""

from collections.abc import Callable

import numpy as np
import pytest

from watermark.align import BLOCK, Blocks, align
from watermark.canvas import to_canvas
from watermark.grid import SIDE, Geometry
from watermark.guess import Guess, guesses
from watermark.pilots import constellations, slot_of
from watermark.spectrum import Spectrum, flatten

Maker = Callable[..., np.ndarray]
POINTS = np.array([[100.0, 100, 1], [700, 150, 1], [400, 900, 1], [420, 500, 1]])


@pytest.fixture(scope="module")
def truth(about: Maker) -> np.ndarray:
    """Grid to the picture's own grid: 1200 pixels of the picture are 1024 points either way."""
    unit = np.diag([SIDE / 1200, SIDE / 1200, 1])
    return unit @ about(turn=11, scale=0.93) @ np.linalg.inv(unit)


@pytest.fixture(scope="module")
def flat(sealed: np.ndarray, moved: Maker, about: Maker) -> np.ndarray:
    view = moved(sealed, about(turn=11, scale=0.93))
    return flatten(to_canvas(view, Geometry.of(view.shape)))


@pytest.fixture(scope="module")
def best(flat: np.ndarray, key: bytes) -> Guess:
    found = guesses(Spectrum.of(flat), key=key, most=4)
    assert len(found) == 4
    assert [g.strength for g in found] == sorted((g.strength for g in found), reverse=True)
    return found[0]


def _error(matrix: np.ndarray, truth: np.ndarray) -> float:
    ours, right = (POINTS @ m.T for m in (matrix, truth))
    apart = ours[:, :2] / ours[:, 2:] - right[:, :2] / right[:, 2:]
    return float(np.hypot(*apart.T).max())


def test_flattening_levels_a_picture(flat: np.ndarray) -> None:
    assert flat.dtype == np.float32
    parts = flat[256:768, 128:640].reshape(4, 128, 4, 128).std(axis=(1, 3))
    assert parts.max() < 1.5 * parts.min()


def test_the_strongest_guess_is_near(
    best: Guess, truth: np.ndarray, key: bytes, payload: bytes
) -> None:
    assert best.slot == slot_of(payload, key=key)
    assert best.sign == 1
    assert best.strength > 8
    assert _error(best.matrix, truth) < 8


def test_aligning_sharpens_to_a_fraction_of_a_point(
    best: Guess, truth: np.ndarray, flat: np.ndarray, key: bytes
) -> None:
    pilots = constellations(key)[best.slot]
    blocks = Blocks.of(flat)
    assert blocks.points.shape[1:] == (BLOCK, BLOCK)
    assert _error(align(blocks, best.matrix, pilots, best.sign), truth) < 0.5
    off = best.matrix.copy()
    off[:2, 2] += 3.0
    off[0, 0] *= 1.004
    assert _error(align(blocks, off, pilots, best.sign), truth) < 0.5


def test_a_turned_grey_scale_turns_the_sign(flat: np.ndarray, best: Guess, key: bytes) -> None:
    (turned,) = guesses(Spectrum.of(-flat), key=key, most=1)
    assert turned.sign == -best.sign
    assert np.allclose(turned.matrix, best.matrix)


def test_small_parts_are_padded_to_a_block() -> None:
    blocks = Blocks.of(np.ones((64, 1024), np.float32))
    assert blocks.points.shape == (7, BLOCK, BLOCK)
    assert not blocks.points[:, 64:].any()
