"""Heat maps: regions where they are, differences as they are."""

import numpy as np
import pytest

from provenance.image_tree import Region
from provenance.pictures.heatmap import bounds, difference, heat, locate

GREY = np.full((100, 200), 120, np.uint8)


class TestLocate:
    def test_the_region_stays_light_and_the_rest_is_dimmed(self) -> None:
        drawn = locate(GREY, [Region(0, 80, 20, 40, 40)], frame=0, scale=1.0)
        assert drawn.shape == (100, 200, 3)
        assert (drawn[5, 5] == round(120 * 0.45)).all()
        assert drawn[40, 100].min() > 100

    def test_the_outline_goes_around_the_region(self) -> None:
        drawn = locate(GREY, [Region(0, 80, 20, 40, 40)], frame=0, scale=1.0)
        amber = (drawn == [255, 176, 0]).all(axis=2)
        rows, columns = np.nonzero(amber)
        assert (rows.min(), rows.max()) == (19, 60)
        assert (columns.min(), columns.max()) == (79, 120)
        assert not amber[20:60, 80:120].any()

    def test_scale(self) -> None:
        drawn = locate(GREY, [Region(0, 160, 40, 80, 80)], frame=0, scale=0.5)
        assert np.array_equal(drawn, locate(GREY, [Region(0, 80, 20, 40, 40)], frame=0, scale=1.0))

    def test_a_single_pixel_of_a_large_image_can_be_seen(self) -> None:
        drawn = locate(GREY, [Region(0, 5000, 2000, 1, 1)], frame=0, scale=0.02)
        assert (drawn == [255, 176, 0]).all(axis=2).any()

    def test_a_region_at_the_edge_is_outlined_inside(self) -> None:
        drawn = locate(GREY, [Region(0, 0, 0, 200, 100)], frame=0, scale=1.0)
        assert (drawn[0, 50] == [255, 176, 0]).all()
        assert (drawn[-1, 50] == [255, 176, 0]).all()

    def test_other_frames_are_left_out(self) -> None:
        drawn = locate(GREY, [Region(1, 80, 20, 40, 40)], frame=0, scale=1.0)
        assert (drawn == 120).all()


class TestDifference:
    def test_unsigned_samples_do_not_wrap_around(self) -> None:
        before, after = np.array([[5, 10]], np.uint8), np.array([[10, 5]], np.uint8)
        assert difference(before, after).tolist() == [[5, 5]]

    def test_colour_takes_the_largest_channel(self) -> None:
        before = np.zeros((1, 1, 3), np.uint8)
        assert difference(before, before + np.array([1, 9, 4], np.uint8)).tolist() == [[9]]

    def test_heat_rises_in_lightness(self) -> None:
        colours = heat(np.linspace(0, 7, 50, dtype=np.float32)[None, :], most=7.0)
        lightness = colours[0].astype(float) @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(lightness) > 0).all()
        assert lightness[0] < 3
        assert lightness[-1] > 230

    def test_nothing_differs(self) -> None:
        assert not heat(np.zeros((2, 2), np.float32), most=0.0)[..., 0].any()


class TestBounds:
    @pytest.mark.parametrize("at", [(0, 0), (50, 100), (99, 199), (99, 0)])
    def test_a_cut_holds_the_difference_and_lies_inside(self, at: tuple[int, int]) -> None:
        values = np.zeros((100, 200), np.float32)
        values[at] = 1
        cut = bounds(values, margin=0.5, least=24)
        assert cut is not None
        assert values[cut].shape == (24, 32)
        assert values[cut].sum() == 1

    def test_margin(self) -> None:
        values = np.zeros((100, 200), np.float32)
        values[40:60, 90:110] = 1
        cut = bounds(values, margin=0.5, least=1)
        assert cut == (slice(30, 70), slice(73, 126))

    def test_nothing(self) -> None:
        assert bounds(np.zeros((4, 4), np.float32), margin=1.0, least=2) is None
