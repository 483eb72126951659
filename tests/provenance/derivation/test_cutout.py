"""Where a part lies in a picture, and that it lies in no other."""

import numpy as np
import pytest

from provenance.derivation.cutout import Cutout, find_cutout


def picture(seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    coarse = np.kron(chance.integers(0, 3000, (60, 50)), np.ones((10, 10), np.int64))
    return (coarse + chance.integers(0, 400, coarse.shape)).astype(np.int32)


WHOLE = picture(1)
PART = WHOLE[130:370, 90:340]


def place(part: np.ndarray, *scales: float) -> Cutout:
    found = find_cutout(WHOLE, part.astype(np.int32), scales or (1.0,))
    assert found is not None
    return found


def assert_there(found: Cutout, quarters: int = 0) -> None:
    assert found.found
    assert found.quarters == quarters
    assert abs(found.x - 90) <= 3
    assert abs(found.y - 130) <= 3


def test_a_part_as_it_was() -> None:
    found = place(PART)
    assert_there(found)
    assert found.correlation > 0.9
    assert (found.w, found.h) == (250, 240)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_by_quarters(quarters: int) -> None:
    assert_there(place(np.rot90(PART, -quarters)), quarters)


def test_whatever_grey_curve_noise_or_inversion() -> None:
    noise = np.random.default_rng(2).normal(0, 6, PART.shape)
    assert_there(place((PART / 3400) ** 0.6 * 255 + noise))
    assert_there(place(4095 - PART))


def test_at_another_scale() -> None:
    half = PART.reshape(120, 2, 125, 2).mean(axis=(1, 3))
    assert_there(place(half, 2.0))
    assert not place(half, 1.0).found
    assert_there(place(half, 1.0, 2.0))


def test_a_part_of_another_or_mirrored() -> None:
    assert not place(picture(2)[130:370, 90:340]).found
    assert not place(PART[:, ::-1]).found  # left would be read as right


@pytest.mark.parametrize(
    "part",
    [
        np.zeros((240, 250), np.int32),  # flat
        PART[:40, :40],  # too small to tell
        np.zeros((900, 900), np.int32),  # larger than the whole
        PART[:1, :1],
    ],
)
def test_nothing_to_compare(part: np.ndarray) -> None:
    assert find_cutout(WHOLE, part, [1.0]) is None


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e-9, 1e9])
def test_scales_that_make_no_sense(scale: float) -> None:
    assert find_cutout(WHOLE, PART, [scale]) is None
