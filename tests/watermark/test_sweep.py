from collections.abc import Callable

import numpy as np
import pytest

from watermark.align import Blocks, align
from watermark.canvas import to_canvas
from watermark.grid import SIDE, Geometry
from watermark.pilots import constellations, slot_of
from watermark.spectrum import flatten
from watermark.sweep import sweep

Maker = Callable[..., np.ndarray]


@pytest.mark.parametrize("strain", [{"shear": 0.12, "turn": 20}])
def test_a_strained_picture_is_placed(
    strain: dict[str, float],
    sealed: np.ndarray,
    moved: Maker,
    about: Maker,
    key: bytes,
    payload: bytes,
) -> None:
    view = moved(sealed, about(**strain))
    flat = flatten(to_canvas(view, Geometry.of(view.shape)))
    blocks = Blocks.of(flat)
    found = sweep(flat, blocks, key=key, most=6)
    assert len(found) == 6
    assert found[0].slot == slot_of(payload, key=key)
    assert found[0].strength > 6
    sharp = align(blocks, found[0].matrix, constellations(key)[found[0].slot], found[0].sign)
    unit = np.diag([SIDE / 1200, SIDE / 1200, 1])
    truth = unit @ about(**strain) @ np.linalg.inv(unit)
    points = np.array([[200.0, 300, 1], [600, 300, 1], [400, 700, 1]])
    ours, right = (points @ m.T for m in (sharp, truth))
    apart = ours[:, :2] / ours[:, 2:] - right[:, :2] / right[:, 2:]
    assert float(np.abs(apart).max()) < 0.5
