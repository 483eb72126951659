"""The attacks of the watermark benchmark do the same each time, and say what they return."""

import numpy as np
import pytest

from benchmarks.watermark.attacks import ATTACKS, inpaint, seed_of
from benchmarks.watermark.goals import GOALS
from benchmarks.watermark.picture import Pixels

KEEPS_DEPTH = ("identity", "inversion", "J2K", "noise", "crop", "10 % off", "mirrored", "upside")
QUARTERS = ("rotation 90", "rotation 180", "rotation 270")
SHAPES = {
    "50 %": (160, 128),
    "25 % + JPEG 75": (80, 64),
    "1024 px": (1024, 819),
    "256 px": (256, 205),
    "upscale 1.5": (480, 384),
    "crop 25 %": (160, 128),
    "crop 50 % off centre": (226, 181),
    "10 % off the left": (320, 230),
    "rotation 90": (256, 320),
    "rotation 180": (320, 256),
    "rotation 3": (333, 273),
    "perspective 3 %": (320, 256),
    "shear 5 %, aspect 0.9": (320, 247),
    "black borders 10 %": (384, 308),
    "black bars 16:9": (320, 569),
    "slide": (1080, 1920),
    "photo phone 1": (1600, 1280),
    "inpainted 20 %": (320, 256),
}


@pytest.fixture(scope="module")
def radiograph() -> Pixels:
    """A generated picture of 12 bits: shades, an edge, grain, black ground at the left."""
    y, x = np.mgrid[0:320, 0:256]
    shades = 1800 + 900 * np.sin(x / 40) * np.cos(y / 55) + 500 * (x > y)
    grain = np.random.default_rng(3).normal(0, 25, shades.shape)
    picture = np.clip(np.rint(shades + grain), 1, 4095).astype(np.uint16)
    picture[:, :20] = 0
    return picture


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_repeats_itself_and_leaves_its_input_alone(name: str, radiograph: Pixels) -> None:
    before = radiograph.copy()
    first = ATTACKS[name](radiograph, 12)
    assert np.array_equal(radiograph, before)
    if not name.startswith("photo") or name.endswith("1"):
        assert np.array_equal(first, ATTACKS[name](radiograph, 12))
    deep = (name.startswith(KEEPS_DEPTH) and "JPEG" not in name) or name in QUARTERS
    assert first.dtype == (np.uint16 if deep else np.uint8)
    assert first.ndim == 2
    assert int(first.max()) <= (4095 if deep else 255)
    assert first.std() > 0
    if name in SHAPES:
        assert first.shape == SHAPES[name]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("name", ["identity", "inversion", "J2K 20:1", "noise 2 %", "crop 50 %"])
def test_depth_and_sign_are_kept(name: str, dtype: type[np.generic], radiograph: Pixels) -> None:
    signed = dtype == np.int16
    picture = (radiograph.astype(np.int64) - 2048 if signed else radiograph // 16).astype(dtype)
    attacked = ATTACKS[name](picture, 12 if signed else 8)
    assert attacked.dtype == dtype
    middle = attacked if name == "crop 50 %" else attacked[47:273, 38:219]
    alike = np.corrcoef(middle.ravel(), picture[47:273, 38:219].ravel())[0, 1]
    assert alike == pytest.approx(-1 if name == "inversion" else 1, abs=0.02)


def test_undoing_what_can_be_undone(radiograph: Pixels) -> None:
    """Turns and flips are their own or each other's inverse."""

    def after(*names: str) -> Pixels:
        image = radiograph
        for name in names:
            image = ATTACKS[name](image, 12)
        return image

    assert np.array_equal(after("rotation 90", "rotation 270"), radiograph)
    assert np.array_equal(after("rotation 180", "rotation 180"), radiograph)
    assert np.array_equal(after("mirrored", "upside down", "rotation 180"), radiograph)
    assert np.array_equal(after("inversion", "inversion"), radiograph)


def test_a_turn_keeps_places(radiograph: Pixels) -> None:
    """A small square lands where the rotation says: counter-clockwise about the middle."""
    picture = np.zeros((301, 301), np.uint8)
    picture[145:156, 245:256] = 200  # 100 to the right of the middle
    turned = ATTACKS["rotation 33"](picture, 8)
    y, x = np.nonzero(turned > 100)
    middle = (np.array(turned.shape) - 1) / 2
    angle = np.degrees(np.arctan2(middle[0] - y.mean(), x.mean() - middle[1]))
    assert angle == pytest.approx(33, abs=0.5)
    assert np.hypot(y.mean() - middle[0], x.mean() - middle[1]) == pytest.approx(100, abs=0.5)


def test_the_median_is_the_median(radiograph: Pixels) -> None:
    picture = (radiograph >> 4).astype(np.uint8)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(picture, 3, "edge"), (7, 7))
    assert np.array_equal(ATTACKS["median 7"](picture, 8), np.median(around, axis=(2, 3)))


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_inpainting_changes_its_mask_alone(share: float, radiograph: Pixels) -> None:
    attacked, mask = inpaint(radiograph, 12, share, seed=5)
    assert attacked.dtype == radiograph.dtype
    assert mask.mean() == pytest.approx(share, rel=0.25)
    assert np.array_equal(attacked[~mask], radiograph[~mask])
    assert (attacked[mask] != radiograph[mask]).mean() > 0.8


def test_seeds_are_those_of_names() -> None:
    assert seed_of("noise 2 %") == 0xE0741CCE
    assert len({seed_of(name) for name in ATTACKS}) == len(ATTACKS)
    flat = np.full((64, 64), 128, np.uint8)
    assert not np.array_equal(ATTACKS["noise 2 %"](flat, 8), ATTACKS["noise 4 %"](flat, 8))


def test_goals_name_attacks_that_exist() -> None:
    assert {name for goal in GOALS for name in goal.attacks} <= set(ATTACKS)
