import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watermark import CapacityError
from watermark.canvas import to_canvas
from watermark.grid import (
    Columns,
    ExactColumns,
    Geometry,
    Taps,
    area_taps,
    from_grid,
    linear_taps,
    to_grid,
)

sides = st.integers(16, 3000)


def dense(taps: Taps) -> np.ndarray:
    block = taps.block(0, len(taps.first))
    whole = np.zeros((len(taps.first), taps.inputs))
    whole[:, block.inputs] = block.matrix
    return whole


@given(sides, sides)
def test_every_output_of_either_direction_is_a_mean(rows: int, columns: int) -> None:
    assume(64 * min(rows, columns) > max(rows, columns) >= 64)
    geometry = Geometry.of((rows, columns))
    for make in (to_grid, from_grid):
        pair = (rows, geometry.canvas[0])
        taps = make(*pair, longer=geometry.longer)
        assert np.array_equal(taps.weights, np.rint(taps.weights))
        assert (taps.weights >= 0).all()
        assert (taps.weights.sum(axis=1) == 64).all()
        assert dense(taps).sum() == 64 * len(taps.first)


def test_interpolation_follows_a_ramp() -> None:
    taps = linear_taps(300, 100, scale=(1, 3))
    ramp = dense(taps) @ (np.arange(100) + 0.5) / 64
    assert np.abs(ramp[3:-3] - (np.arange(300)[3:-3] + 0.5) / 3).max() < 1 / 32


def test_areas_are_means_where_the_ratio_is_whole() -> None:
    taps = area_taps(50, 200, scale=(4, 1))
    values = np.random.default_rng(1).integers(0, 1000, 200).astype(float)
    assert np.array_equal(dense(taps) @ values / 64, values.reshape(50, 4).mean(axis=1))


def test_blocks_of_any_size_agree() -> None:
    taps = area_taps(256, 901, scale=(901, 256))
    image = np.random.default_rng(2).integers(0, 99, (5, 901)).astype(np.float32)
    assert np.array_equal(Columns(taps, step=7).of(image), Columns(taps, step=256).of(image))
    assert np.array_equal(Columns(taps, step=7).of(image), ExactColumns(taps, step=32).of(image))


@pytest.mark.parametrize("shape", [(1500, 1300), (90, 300)])
def test_a_small_span_changes_nothing_but_the_time(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(4).integers(500, 500 + 4096, shape).astype(np.uint16)
    image[0, :2] = 500, 500 + 4095
    geometry = Geometry.of(shape)
    assert np.array_equal(to_canvas(image, geometry), to_canvas(image, geometry, span=4095))


def test_the_grid_sees_the_same_picture_at_any_size() -> None:
    y, x = np.mgrid[0:1:2000j, 0:0.8:1600j]
    scene = 1000 * np.sin(40 * x + 3) * np.cos(30 * y)
    half = scene.reshape(1000, 2, 800, 2).mean(axis=(1, 3))
    large, small = (to_canvas(image, Geometry.of(image.shape)) for image in (scene, half))
    large, small = large - large.mean(), small - small.mean()
    assert large.shape == small.shape
    assert np.corrcoef(large.ravel(), small.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize("shape", [(15, 100), (63, 63), (20, 1280), (70000, 2000), (0, 0)])
def test_impossible_sizes_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(CapacityError):
        Geometry.of(shape)


@pytest.mark.parametrize("shape", [(16, 64), (20, 1279), (65535, 1025)])
def test_the_last_possible_sizes_have_two_cells_either_way(shape: tuple[int, int]) -> None:
    assert min(Geometry.of(shape).cells) >= 2
    assert max(Geometry.of(shape).cells) == 64
