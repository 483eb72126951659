from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from numpy.polynomial.laguerre import lagval

from watermark import ArgumentError, embed
from watermark.channels import COUNT, channels, lesion, radius
from watermark.observer import AREA, DIAMETERS, LEAST, MOST, observe

Maker = Callable[..., np.ndarray]


@pytest.mark.parametrize("diameter", DIAMETERS)
def test_channels_are_laguerre_gauss(diameter: int) -> None:
    place = np.arange(-radius(diameter), radius(diameter) + 1)
    square = (place[:, None] ** 2 + place**2).ravel()
    templates = channels(diameter)
    assert templates.shape == (COUNT, square.size)
    for order, template in enumerate(templates):
        coefficients = np.eye(COUNT)[order]
        plain = np.exp(-np.pi * square / diameter**2)
        plain *= lagval(2 * np.pi * square / diameter**2, coefficients)
        plain -= plain.mean()
        assert template == pytest.approx(plain / np.linalg.norm(plain), abs=1e-12)


@pytest.mark.parametrize("diameter", DIAMETERS)
def test_channels_see_nearly_all_of_a_lesion(diameter: int) -> None:
    """In white noise the best linear observer's d' squared is the signal's energy."""
    signal = lesion(diameter).ravel()
    templates = channels(diameter)
    seen = templates @ signal
    energy = seen @ np.linalg.solve(templates @ templates.T, seen)
    assert 0.97 < energy / np.sum(np.square(signal - signal.mean())) <= 1 + 1e-9


@pytest.mark.parametrize("diameter", DIAMETERS)
def test_a_lesion_has_its_volume_and_its_diameter(diameter: int) -> None:
    shape = lesion(diameter)
    volume = 2 * np.pi * (diameter / 2) ** 2 / 5  # integral of (1 - (r/R)^2)^1.5 over the disc
    assert shape.sum() == pytest.approx(volume, rel=0.01)
    middle = shape[radius(diameter)]
    assert np.count_nonzero(middle) == diameter + 1
    assert 0.9 < middle.max() <= 1


def test_an_image_is_as_good_as_itself(radiograph: Maker) -> None:
    image = radiograph(1000, 800)
    observation = observe(image, image.copy(), seed=1)
    assert [found.diameter for found in observation.detections] == list(DIAMETERS)
    for found in observation.detections:
        assert 2 * LEAST <= found.patches <= MOST
        assert found.area == pytest.approx(AREA, abs=1e-4)
        for change in (found.fixed, found.adapted):
            assert (change.difference, change.low, change.high) == (0, 0, 0)
            assert change.area == found.area
            assert change.unchanged


def test_a_seed_gives_the_same_figures(radiograph: Maker) -> None:
    image = radiograph(1000, 800)
    other = _grainy(image, 40)
    assert observe(image, other, seed=3) == observe(image, other, seed=3)
    assert observe(image, other, seed=3) != observe(image, other, seed=4)


def test_noise_as_strong_as_the_image_s_own_costs_what_theory_says() -> None:
    """d' falls by the square root of two: from that root itself to 1, the area to 0.760."""
    image = np.full((1024, 1024), 2000, np.uint16)
    once = _grainy(image, 40, seed=1)
    twice = _grainy(once, 40, seed=2)
    for found in observe(once, twice, seed=1).detections:
        for change in (found.fixed, found.adapted):
            assert change.area == pytest.approx(NormalDist().cdf(2**-0.5), abs=0.03)
            assert change.high < 0
            assert not change.unchanged


def test_other_noise_of_the_same_strength_is_no_harm() -> None:
    image = np.full((1024, 1024), 2000, np.uint16)
    observation = observe(_grainy(image, 40, seed=1), _grainy(image, 40, seed=2), seed=1)
    for found in observation.detections:
        assert found.adapted.unchanged
        assert found.fixed.unchanged


def test_a_mark_five_times_as_high_is_seen_to_harm(
    radiograph: Maker, key: bytes, payload: bytes
) -> None:
    image = radiograph(1100, 900)
    marked = embed(image, payload, key=key, bits_stored=12, profile="radiograph").image
    step = marked.astype(np.int32) - image
    strong = np.clip(image + 5 * step, 0, 4095).astype(np.uint16)
    for found in observe(image, strong, seed=1).detections:
        assert found.adapted.high < -0.02
        assert found.fixed.high < -0.02


def test_black_ground_and_saturated_places_are_not_read(radiograph: Maker) -> None:
    image = radiograph(1000, 800)
    image[:, 400:] = 0
    damaged = image.copy()
    damaged[:, 450:] = 4095  # beyond the reach of any patch that is nine tenths live
    for found in observe(image, damaged, seed=1).detections:
        assert found.adapted.difference == 0


def test_lesions_without_room_are_left_out(radiograph: Maker) -> None:
    image = radiograph(1024, 90)
    assert [found.diameter for found in observe(image, image, seed=1).detections] == [6, 12]
    flat = np.zeros((300, 300), np.uint8)
    assert observe(flat, flat, seed=1).detections == ()


def test_any_depth_and_sign(radiograph: Maker) -> None:
    image = radiograph(700, 500)
    noisy = _grainy(image, 60)
    wanted = observe(image, noisy, seed=1)
    signed = [(x.astype(np.int32) - 2048).astype(np.int16) for x in (image, noisy)]
    assert _differences(observe(*signed, seed=1)) == pytest.approx(_differences(wanted), abs=1e-3)


def test_images_of_different_sizes_are_refused(radiograph: Maker) -> None:
    image = radiograph(200, 150)
    with pytest.raises(ArgumentError, match="one size"):
        observe(image, image[:-1], seed=1)
    with pytest.raises(ArgumentError, match="planes"):
        observe(np.stack([image] * 3), np.stack([image] * 3), seed=1)


def _grainy(image: np.ndarray, deviation: float, *, seed: int = 5) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(np.rint(image + grain), 0, 4095).astype(np.uint16)


def _differences(observation: object) -> list[float]:
    return [found.adapted.difference for found in observation.detections]
