import numpy as np
import pytest

from watermark.region import busy_region


def _noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(1).integers(50, 200, (rows, columns)).astype(np.uint8)


@pytest.mark.parametrize("ground", [0, 255])
def test_a_picture_on_a_slide_is_boxed(ground: int) -> None:
    slide = np.full((768, 1024), ground, np.uint8)
    slide[180:600, 300:850] = _noise(420, 550)
    slide[30:45, 100:400:7] = 128  # a line of text
    box = busy_region(slide)
    assert box is not None
    sides = (box[0].start, box[0].stop, box[1].start, box[1].stop)
    assert sides == pytest.approx((180, 600, 300, 850), abs=16)
    assert box[0].start <= 180
    assert box[1].stop >= 850


@pytest.mark.parametrize(
    "image",
    [
        _noise(700, 600),
        np.zeros((500, 400), np.uint16),
        np.zeros((3, 900), np.uint8),
        np.full((64, 64), 0.5),
    ],
    ids=["whole", "flat", "narrow", "float"],
)
def test_there_is_no_part_to_look_at(image: np.ndarray) -> None:
    assert busy_region(image) is None


def test_a_speck_is_no_picture() -> None:
    image = np.zeros((1000, 1000), np.uint8)
    image[400:460, 500:560] = _noise(60, 60)
    assert busy_region(image) is None


def test_the_largest_of_several_is_taken() -> None:
    image = np.zeros((1000, 1000), np.uint8)
    image[50:300, 50:300] = _noise(250, 250)
    image[400:950, 350:900] = _noise(550, 550)
    box = busy_region(image)
    assert box is not None
    assert (box[0].start, box[1].start) == pytest.approx((400, 350), abs=16)
