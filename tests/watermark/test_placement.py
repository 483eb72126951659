import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import ArgumentError, Placement
from watermark.grid import Geometry

small = st.floats(-0.3, 0.3)


def test_upright_is_the_scale_of_the_longer_side() -> None:
    placement = Placement.upright(Geometry(2048, 1000))
    corners = np.array([[0.0, 0.0], [500.0, 1024.0]])
    assert placement.to_picture(corners).tolist() == [[0, 0], [1000, 2048]]
    assert placement.to_grid(np.array([[1000.0, 2048.0]])).tolist() == [[500, 1024]]


@given(st.lists(small, min_size=6, max_size=6), st.lists(small, min_size=2, max_size=2))
def test_there_and_back(linear: list[float], bend: list[float]) -> None:
    a, b, c, d, e, f = linear
    matrix = np.array(
        [
            [1 + a, b, 900 * c],
            [d / 2, 1 + e, 900 * f],
            [bend[0] / 2000, bend[1] / 2000, 1],
        ]
    )
    placement = Placement.of(matrix * 7.0)
    assert placement.matrix[8] == 1
    points = np.random.default_rng(1).uniform(0, 1024, (20, 2))
    back = placement.to_grid(placement.to_picture(points))
    assert np.abs(back - points).max() < 1e-6
    assert np.allclose(placement.array, matrix)


def test_a_homography_foreshortens() -> None:
    placement = Placement.of(np.array([[1.0, 0, 0], [0, 1, 0], [0.001, 0, 1]]))
    assert placement.to_picture(np.array([[1000.0, 500.0]])).tolist() == [[500, 250]]


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(2),
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.diag([1.0, 1.0, 0.0]),
        np.diag([1.0, np.nan, 1.0]),
        np.diag([np.inf, 1.0, 1.0]),
    ],
)
def test_what_cannot_be_undone_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ArgumentError):
        Placement.of(matrix)
