"""Looking half a point around a placement."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from watermark import search
from watermark.detect import Allowance, read
from watermark.evidence import WEIGHTS, gather, terms
from watermark.nearby import KEPT, LOOKS, SHIFT, nearby
from watermark.placement import Placement
from watermark.warp import shown_canvas, warp

Maker = Callable[..., np.ndarray]

POINT = 1200 / 1024
"""Pixels of the picture to a point of the grid."""


def _off(x: float, y: float) -> Placement:
    """Return a placement of the sealed picture that is off by so many points."""
    return Placement.of(np.array([[POINT, 0, x * POINT], [0, POINT, y * POINT], [0, 0, 1]]))


def _weak(sealed: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, WEAK, sealed.shape)
    return sealed + noise


WEAK = 299.0
"""Noise under which the mark is read where it lies, and not half a point away."""


def test_the_best_place_around_is_the_right_one(sealed: np.ndarray, key: bytes) -> None:
    allowance = Allowance()
    before = allowance.readings
    found = nearby(sealed, _off(-SHIFT, SHIFT), allowance, key=key)
    assert before - allowance.readings == LOOKS * len(WEIGHTS)
    assert len(found) == KEPT
    excesses = [gathered.excess for _, gathered in found]
    assert excesses == sorted(excesses, reverse=True)
    assert np.abs(found[0][0].array - _off(0, 0).array).max() < 1e-9


def test_the_places_of_a_fine_picture_are_in_its_own_pixels(sealed: np.ndarray, key: bytes) -> None:
    fine = sealed.repeat(3, axis=0).repeat(3, axis=1)
    found = nearby(fine, _off(0, SHIFT).scaled(3), Allowance(), key=key)
    assert np.abs(found[0][0].array - _off(0, 0).scaled(3).array).max() < 1e-9


def test_it_is_not_looked_where_the_allowance_ends(sealed: np.ndarray, key: bytes) -> None:
    allowance = Allowance(readings=LOOKS * len(WEIGHTS) - 1)
    assert nearby(sealed, _off(0, 0), allowance, key=key) == []
    assert allowance.readings == LOOKS * len(WEIGHTS) - 1


def test_a_weak_mark_is_read_half_a_point_from_where_it_was_looked_for(
    sealed: np.ndarray, key: bytes, payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = _weak(sealed)[20:]
    off = Placement.of(np.array([[1, 0, 0], [0, 1, -20], [0, 0, 1]]) @ _off(0.5, 0.5).array)
    gathered = gather(terms(*warp(weak, off, shown_canvas(weak, off))), key=key)
    assert read(gathered, Allowance(), key=key, placement=off) is None
    monkeypatch.setattr(sys.modules["watermark.search"], "placements", lambda *_, **__: iter([off]))
    reading = search(weak, key=key, seconds=60)
    assert reading is not None
    assert reading.payload == payload
    assert np.abs(reading.placement.array - off.array)[:2, 2].max() == pytest.approx(0.5 * POINT)
