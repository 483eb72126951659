"""A lens, alone and in a placement."""

import numpy as np
import pytest

from watermark import Placement
from watermark.lens import Lens
from watermark.warp import warp

CORNER = 4 / (800**2 + 600**2)
POINTS = np.array([[0.0, 0], [400, 300], [799, 10], [120, 580], [390, 310]])


@pytest.mark.parametrize("bend", [-0.03, -0.01, 0.02])
def test_without_and_through_undo_each_other(bend: float) -> None:
    lens = Lens(bend * CORNER, 400, 300)
    x, y = lens.without(*POINTS.T)
    assert np.hypot(x[0] - 400, y[0] - 300) == pytest.approx(500 * (1 + bend))
    assert np.allclose(lens.through(x, y), POINTS.T, atol=1e-3)


def test_slopes_are_the_derivatives() -> None:
    lens = Lens(-0.03 * CORNER, 400, 300)
    for way, step in enumerate(0.5 * np.eye(2)):
        ahead, behind = (np.stack(lens.without(*(POINTS + s).T), axis=1) for s in (step, -step))
        assert np.allclose(lens.slopes(POINTS)[:, :, way], ahead - behind, atol=1e-6)


def test_scaling_is_that_of_the_picture() -> None:
    lens = Lens(-0.03 * CORNER, 400, 300)
    half = lens.scaled(0.5).without(*(POINTS / 2).T)
    assert np.allclose(np.array(half) * 2, lens.without(*POINTS.T))


def test_far_points_stay_finite_and_apart_from_the_picture() -> None:
    lens = Lens(-0.03 * CORNER, 400, 300)
    far = np.array([1e6, -1e6])
    for x, y in (lens.through(far, far), lens.without(far, far)):
        assert np.isfinite(x).all()
        assert (np.abs(x) > 8e5).all()
        assert (np.abs(y) > 8e5).all()


def test_a_placement_goes_through_its_lens() -> None:
    matrix = np.array([[0.7, 0.05, 30], [-0.04, 0.68, 20], [1e-5, -2e-5, 1]])
    placement = Placement.of(matrix, Lens(-0.03 * CORNER, 400, 300))
    plain = Placement.of(matrix)
    seen = placement.to_picture(POINTS)
    assert np.abs(seen - plain.to_picture(POINTS)).max() > 3
    assert np.allclose(placement.to_grid(seen), POINTS, atol=0.01)
    assert plain != placement
    assert plain.lens is None


def test_warping_takes_grey_from_where_the_lens_shows_it() -> None:
    """A ramp tells the place that a point was taken from."""
    across, down = np.meshgrid(np.arange(800) + 0.5, np.arange(600) + 0.5)
    placement = Placement.of(np.diag([0.7, 0.7, 1]), Lens(-0.03 * CORNER, 400, 300))
    x, inside = warp(across, placement, (848, 1024))
    y, _ = warp(down, placement, (848, 1024))
    ends = across[0, 0], down[0, 0]  # grey levels are above the first pixel's
    for row, column in ((100, 100), (400, 600), (700, 900)):
        (right,) = placement.to_picture(np.array([[column + 0.5, row + 0.5]]))
        assert inside[row, column]
        assert x[row, column] + ends[0] == pytest.approx(right[0], abs=0.02)
        assert y[row, column] + ends[1] == pytest.approx(right[1], abs=0.02)
