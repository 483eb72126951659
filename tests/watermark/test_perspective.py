"""A small perspective, looked for in all parts of a picture together."""

from collections.abc import Callable

import numpy as np
import pytest

from watermark.align import Blocks, align
from watermark.canvas import to_canvas
from watermark.grid import SIDE, Geometry
from watermark.guess import STRAINS, Guess, strained
from watermark.lens import Lens
from watermark.perspective import foreshortened, local_maps, placed
from watermark.pilots import constellations, slot_of
from watermark.placement import Placement
from watermark.search import AGREED, PART
from watermark.spectrum import Spectrum, flatten
from watermark.warp import warp

Maker = Callable[..., np.ndarray]
BENT = {"turn": 3, "scale": 0.9, "bend": 7e-5}
POINTS = np.array([[200.0, 200, 1], [700, 150, 1], [400, 900, 1], [420, 500, 1]])
NOISE = 8.0
"""Grey levels, of 255, under which no part shows the pilots by itself."""
UNIT = np.diag([SIDE / 1200, SIDE / 1200, 1])


@pytest.fixture(scope="module")
def truth(about: Maker) -> np.ndarray:
    return UNIT @ about(**BENT) @ np.linalg.inv(UNIT)


@pytest.fixture(scope="module")
def faint(sealed: np.ndarray, moved: Maker, about: Maker) -> np.ndarray:
    """A picture in noise, flattened."""
    view = moved(sealed, about(**BENT)).astype(np.float64)
    view += np.random.default_rng(5).normal(0, NOISE, view.shape)
    return flatten(to_canvas(view.astype(np.float32), Geometry.of(view.shape)))


def _parts(flat: np.ndarray) -> list[Spectrum]:
    return [
        Spectrum.of(flat[top : top + PART, left : left + PART], corner=(left, top))
        for top in (0, 171, 341, 512)
        for left in (0, 171, 341)
    ]


def _middle(flat: np.ndarray) -> tuple[float, float]:
    return flat.shape[1] / 2, flat.shape[0] / 2


def _error(matrix: np.ndarray, truth: np.ndarray) -> float:
    ours, right = (POINTS @ m.T for m in (matrix, truth))
    return float(np.abs(ours[:, :2] / ours[:, 2:] - right[:, :2] / right[:, 2:]).max())


def test_parts_together_show_what_none_shows_alone(
    faint: np.ndarray, truth: np.ndarray, key: bytes, payload: bytes
) -> None:
    parts = _parts(faint)
    for part in parts:
        for guess in strained(part, STRAINS, key=key, most=6):
            assert _error(guess.matrix, truth) > 30
    found = foreshortened(parts, _middle(faint), key=key, most=3)
    assert len(found) == 3
    assert found[0].slot == slot_of(payload, key=key)
    assert found[0].strength > 1.1 * found[2].strength
    assert _error(found[0].matrix, truth) < 12
    matrix, agreement = align(Blocks.of(faint), found[0], constellations(key)[found[0].slot])
    assert _error(matrix, truth) < 1
    assert agreement > AGREED


def test_maps_of_parts_are_those_of_the_whole() -> None:
    """What a perspective does to frequencies at a place is its derivative there."""
    middle, centre = (427.0, 512.0), np.array([400.0, 530.0])
    linear, depth = np.array([[1.1, -0.05], [0.03, 1.12]]), np.array([0.04, -0.06])
    back = np.linalg.inv(placed(linear, depth, middle, centre))

    def grid(point: np.ndarray) -> np.ndarray:
        wide = back @ [*point, 1]
        return wide[:2] / wide[2]

    assert np.allclose(grid(np.array(middle)), centre)
    for away in ([0.0, 0.0], [0.5, -0.4], [-0.3, 0.5]):
        here = np.array(middle) + SIDE / 2 * np.array(away)
        slopes = np.stack([grid(here + step) - grid(here - step) for step in 0.5 * np.eye(2)])
        assert np.allclose(local_maps(linear, depth, np.array(away)), slopes, atol=1e-4)


def test_a_picture_without_pilots_has_none(
    radiograph: Maker, moved: Maker, about: Maker, key: bytes
) -> None:
    view = moved(radiograph(1200, 1000, bits=12), about(**BENT))
    flat = flatten(to_canvas(view, Geometry.of(view.shape)))
    blocks = Blocks.of(flat)
    for guess in foreshortened(_parts(flat), _middle(flat), key=key, most=4):
        assert guess.strength < 7
        assert align(blocks, guess, constellations(key)[guess.slot])[1] < AGREED


def test_an_empty_picture_is_looked_at_in_vain(key: bytes) -> None:
    found = foreshortened(
        [Spectrum.of(np.zeros((128, 512), np.float32))], (256, 64), key=key, most=2
    )
    assert all(guess.strength == 0 for guess in found)


def test_smearing_takes_means_of_neighbours() -> None:
    noise = np.random.default_rng(3).normal(size=(512, 512)).astype(np.float32)
    spectrum = Spectrum.of(noise)
    smeared = spectrum.smeared()
    around = spectrum.power[99:102, 199:202].mean()
    assert smeared.power[100, 200] == pytest.approx(around, rel=1e-5)
    assert smeared.power.mean() == pytest.approx(spectrum.power.mean(), rel=1e-2)
    assert smeared.power.std() < 0.8 * spectrum.power.std()


def test_blocks_agree_better_without_the_lens_that_bent_them(
    sealed: np.ndarray, moved: Maker, about: Maker, truth: np.ndarray, key: bytes, payload: bytes
) -> None:
    view = moved(sealed, about(**BENT))
    corner = (1200**2 + 1000**2) / 4
    as_it_is = Placement.of(np.eye(3), Lens(0.03 / corner, 500, 600))
    bent = warp(view, as_it_is, view.shape)[0]
    flat = flatten(to_canvas(bent, Geometry.of(bent.shape)))
    blocks = Blocks.of(flat)
    slot = slot_of(payload, key=key)
    guess = Guess(slot, truth, 1.0, 8.0, _middle(flat))

    def agreement(bend: float) -> tuple[np.ndarray, float]:
        lens = Lens(bend / corner, 500, 600).scaled(SIDE / 1200)
        return align(blocks.without(lens), guess, constellations(key)[slot])

    matrix, right = agreement(-0.03)
    assert _error(matrix, truth) < 0.5
    assert right > 1.05 * agreement(0.0)[1]
    assert right > 1.2 * agreement(0.03)[1]
