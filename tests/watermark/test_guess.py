"""From spectral peaks to a placement: guess and align, on turned, scaled and strained pictures."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from watermark.align import BLOCK, Blocks, align, centred, scaled
from watermark.canvas import to_canvas
from watermark.grid import SIDE, Geometry
from watermark.guess import STRAINS, Guess, guesses, straight, strained
from watermark.pilots import constellations, slot_of
from watermark.search import AGREED, STRAIGHT
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


@pytest.mark.parametrize("part", [(slice(None), slice(None)), (slice(0, 512), slice(100, 612))])
def test_amplitudes_are_those_of_the_waves(flat: np.ndarray, part: tuple[slice, slice]) -> None:
    spectrum = Spectrum.of(flat[part])
    frequencies = np.random.default_rng(4).uniform(-520, 520, (4000, 2)).astype(np.float32)
    found = spectrum.amplitudes_at(*frequencies.T)
    waves = np.abs(spectrum.waves_at(frequencies.astype(np.float64)))
    assert np.allclose(found, waves, rtol=1e-4)
    assert 0.04 < (found == 0).mean() < 0.12  # beyond 500 periods nothing is seen
    assert found[found > 0].mean() == pytest.approx(0.89, abs=0.08)  # noise, and few pilots


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
    matrix, agreement = align(blocks, best, pilots)
    assert _error(matrix, truth) < 0.5
    assert agreement > AGREED
    off = best.matrix.copy()
    off[:2, 2] += 3.0
    off[0, 0] *= 1.004
    assert _error(align(blocks, replace(best, matrix=off), pilots)[0], truth) < 0.5


def test_a_shift_alone_is_sharpened(
    best: Guess, truth: np.ndarray, flat: np.ndarray, key: bytes
) -> None:
    pilots = constellations(key)[best.slot]
    blocks = Blocks.of(flat)
    exact = align(blocks, best, pilots)[0]
    off = exact.copy()
    off[:2, 2] += (1.2, -0.9)
    assert _error(off, truth) > 1
    found = centred(blocks, replace(best, matrix=off), pilots)
    assert _error(found, truth) < 0.5
    turned = exact.copy()
    turned[0, 0] *= 1.01
    kept = centred(blocks, replace(best, matrix=turned), pilots)
    assert np.allclose(np.linalg.inv(kept)[:2, :2], np.linalg.inv(turned)[:2, :2], atol=1e-4)


@pytest.mark.parametrize("cut", [(slice(400, 1000), slice(300, 800)), (slice(0, 800), slice(700))])
def test_a_cut_is_placed_by_scale_and_shift_alone(
    cut: tuple[slice, slice], sealed: np.ndarray, key: bytes, payload: bytes
) -> None:
    view = sealed[cut]
    flat = flatten(to_canvas(view, Geometry.of(view.shape)))
    best, second = straight(Spectrum.of(flat), key=key, most=2)
    assert best.slot == slot_of(payload, key=key)
    assert best.strength > max(STRAIGHT, second.strength)
    matrix = scaled(Blocks.of(flat), best, constellations(key)[best.slot])
    corner = np.array([[1, 0, -(cut[1].start or 0)], [0, 1, -(cut[0].start or 0)], [0, 0, 1.0]])
    own = np.diag([SIDE / view.shape[0], SIDE / view.shape[0], 1])
    assert _error(matrix, own @ corner @ np.diag([1200 / SIDE, 1200 / SIDE, 1])) < 0.5
    assert np.allclose(matrix[[0, 1], [1, 0]], 0, atol=1e-12)
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])


def test_other_constellations_agree_far_less(best: Guess, flat: np.ndarray, key: bytes) -> None:
    blocks = Blocks.of(flat)
    other = bytes(32)
    found = guesses(Spectrum.of(flat), key=other, most=8)
    assert len(found) == 8
    wrong = [align(blocks, guess, constellations(other)[guess.slot])[1] for guess in found]
    assert max(wrong) < 0.7 * align(blocks, best, constellations(key)[best.slot])[1]


def test_a_turned_grey_scale_turns_the_sign(flat: np.ndarray, best: Guess, key: bytes) -> None:
    (turned,) = guesses(Spectrum.of(-flat), key=key, most=1)
    assert turned.sign == -best.sign
    assert np.allclose(turned.matrix, best.matrix)


@pytest.mark.parametrize("corner", [(0, 0), (256, 0)])
def test_a_part_places_a_strained_picture(
    corner: tuple[int, int],
    sealed: np.ndarray,
    moved: Maker,
    about: Maker,
    key: bytes,
    payload: bytes,
) -> None:
    how = {"shear": 0.07, "turn": 20}
    view = moved(sealed, about(**how))
    flat = flatten(to_canvas(view, Geometry.of(view.shape)))
    top, left = corner
    part = Spectrum.of(flat[top : top + 512, left : left + 512], corner=(left, top))
    assert part.bins == 1024
    found = strained(part, STRAINS, key=key, most=4)
    assert len(found) == 4
    assert found[0].slot == slot_of(payload, key=key)
    assert found[0].centre == (left + 256, top + 256)
    matrix, agreement = align(Blocks.of(flat), found[0], constellations(key)[found[0].slot])
    unit = np.diag([SIDE / 1200, SIDE / 1200, 1])
    assert _error(matrix, unit @ about(**how) @ np.linalg.inv(unit)) < 0.5
    assert agreement > AGREED


def test_small_pictures_are_padded_to_a_block() -> None:
    blocks = Blocks.of(np.ones((64, 1024), np.float32))
    assert blocks.waves.shape == (7, 2 * BLOCK, BLOCK + 1)
    assert blocks.centres[:, 1].tolist() == [BLOCK / 2] * 7


def test_blocks_tell_the_phase_at_their_centre() -> None:
    """Also between two bins, which are half a period over the block apart."""
    x = np.arange(BLOCK)
    for periods in (40.0, 40.25, 40.37):
        wave = np.cos(2 * np.pi * periods * (x - (BLOCK - 1) / 2) / BLOCK + 0.7)
        blocks = Blocks.of(np.tile(wave, (BLOCK, 1)).astype(np.float32))
        for sign in (1, -1):
            frequency = np.array([[[sign * periods / BLOCK, 0.0]]])
            found = blocks.waves_at(frequency)[0, 0]
            assert abs(np.angle(found) - sign * 0.7) < 0.02
    assert Blocks.of(np.ones((256, 256), np.float32)).waves_at(np.full((1, 1, 2), 0.49)) == 0
