from collections.abc import Callable

import numpy as np
import pytest

from watermark import ArgumentError, Placement
from watermark.canvas import to_canvas
from watermark.grid import Geometry
from watermark.warp import shown_canvas, warp

Maker = Callable[..., np.ndarray]


def _smooth(rows: int, columns: int) -> np.ndarray:
    """Return a scene in units of the longer side, as float32 with its centres at halves."""
    longer = max(rows, columns)
    y, x = ((np.arange(n) + 0.5) / longer for n in (rows, columns))
    return 500 + 300 * np.sin(25 * x + 1) * np.cos(19 * y)[:, np.newaxis]


def _scene(points: np.ndarray) -> np.ndarray:
    x, y = points[..., 0] / 1024, points[..., 1] / 1024
    return 500 + 300 * np.sin(25 * x + 1) * np.cos(19 * y)


def _centres(rows: int, columns: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), axis=-1)


@pytest.mark.parametrize("shape", [(1024, 1024), (2048, 1600), (700, 512), (1333, 1024)])
def test_upright_is_nearly_the_canonical_grid(shape: tuple[int, int]) -> None:
    image = _smooth(*shape)
    geometry = Geometry.of(shape)
    grid, inside = warp(image, Placement.upright(geometry), geometry.canvas)
    exact = to_canvas(image, geometry) * (image.max() - image.min())  # floats come over their span
    assert grid.dtype == np.float32
    whole = inside.copy()
    whole[-8:], whole[:, -8:] = False, False
    assert inside.mean() > 0.95
    assert float(np.abs(grid - exact)[whole].max()) < 3


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 30.5], [0, 1, -12.25], [0, 0, 1]],
        [[2.5, 0, 10], [0, 2.5, 4], [0, 0, 1]],
        [[0.6, 0, 0], [0, 0.8, 100], [0, 0, 1]],
        [[0, -1, 1024], [1, 0, 0], [0, 0, 1]],
        [[-1, 0, 1024], [0, 1, 0], [0, 0, 1]],
        [[1, 0.1, 0], [0.05, 1, 0], [0.00005, 0.0001, 1]],
    ],
)
def test_a_known_map_is_undone(matrix: list[list[float]]) -> None:
    """The picture shows the scene through the map; on the grid it is the plain scene again."""
    placement = Placement.of(np.array(matrix, np.float64))
    picture = _scene(placement.to_grid(_centres(1100, 1200).reshape(-1, 2)))
    picture = picture.reshape(1100, 1200)
    grid, inside = warp(picture, placement, (1024, 1024))
    scene = _scene(_centres(1024, 1024))
    pedestal = picture[0, 0]
    assert inside.any()
    error = np.abs(grid + pedestal - scene)
    deep = inside.copy()
    for axis in (0, 1):
        for step in (-3, 3):
            deep &= np.roll(inside, step, axis=axis)
    assert float(error[deep].max()) < 3
    if not inside.all():
        assert np.ptp(grid[~inside]) == 0
        assert float(grid[~inside][0]) == pytest.approx(float(grid[inside].mean()), abs=0.5)


def test_outside_is_where_no_pixel_is() -> None:
    image = _smooth(300, 400)
    placement = Placement.of(np.array([[1.0, 0, -50], [0, 1, -100], [0, 0, 1]]))
    _, inside = warp(image, placement, (512, 512))
    expected = np.zeros((512, 512), np.bool_)
    expected[100:400, 50:450] = True
    assert np.array_equal(inside, expected)


def test_nothing_inside_is_a_flat_grid() -> None:
    placement = Placement.of(np.array([[1.0, 0, 5000], [0, 1, 5000], [0, 0, 1]]))
    grid, inside = warp(_smooth(100, 100), placement, (64, 64))
    assert not inside.any()
    assert not grid.any()


@pytest.mark.parametrize("bend", [-0.002, -0.01, 0.01])
def test_a_horizon_in_the_picture_does_no_harm(bend: float) -> None:
    placement = Placement.of(np.array([[1.0, 0, 0], [0, 1, 0], [bend, 0, 1]]))
    grid, inside = warp(_smooth(400, 400), placement, (1024, 1024))
    assert np.isfinite(grid).all()
    rows, columns = shown_canvas(_smooth(400, 400), placement)
    assert 32 <= rows <= 1024
    assert 32 <= columns <= 1024
    assert inside.dtype == np.bool_


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "int16", "uint32", "float32", "float64"])
def test_any_container(dtype: str) -> None:
    image = (_smooth(300, 200) / 8).astype(dtype)
    geometry = Geometry.of(image.shape)
    grid, _ = warp(image, Placement.upright(geometry), geometry.canvas)
    assert grid.std() == pytest.approx(image.astype(np.float64).std(), rel=0.1)


def test_the_shown_canvas_holds_what_the_picture_shows() -> None:
    image = _smooth(1200, 900)
    upright = Placement.upright(Geometry.of(image.shape))
    assert shown_canvas(image, upright) == Geometry.of(image.shape).canvas
    cut = Placement.of(np.array([[1.0, 0, -100], [0, 1, -100], [0, 0, 1]]))
    assert shown_canvas(image[:400, :600], cut) == (512, 704)


@pytest.mark.parametrize("image", [np.zeros((1, 9)), np.zeros((9, 9, 3)), np.zeros((0, 0))])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ArgumentError):
        warp(image, Placement.upright(Geometry(64, 64)), (64, 64))
