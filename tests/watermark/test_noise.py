import numpy as np
import pytest

from watermark.grid import Geometry
from watermark.noise import estimate_noise


def _estimate(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ends = int(image.min()), int(image.max())
    noise = estimate_noise(image, Geometry.of(image.shape), ends=ends)
    return noise.deviation, noise.alive


@pytest.mark.parametrize("shape", [(1501, 1203), (1024, 1024), (700, 400)])
@pytest.mark.parametrize("deviation", [5.0, 80.0])
def test_white_noise_is_measured(shape: tuple[int, int], deviation: float) -> None:
    image = np.rint(np.random.default_rng(1).normal(2000, deviation, shape)).astype(np.uint16)
    found, alive = _estimate(image)
    assert float(np.median(found)) == pytest.approx(deviation, rel=0.2)
    assert float(alive.min()) > 0.85


@pytest.mark.parametrize("low", [0, 900, -12000])
def test_levels_are_summed_as_integers_or_floats_alike(
    low: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(5).integers(low, low + (1 << 15), (701, 403))
    image[0, :2] = low, low + (1 << 15) - 1
    found = [_estimate(image)]
    monkeypatch.setattr("watermark.noise._WORDS", 0)
    found.append(_estimate(image))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_a_slope_is_not_noise() -> None:
    y, x = np.mgrid[0:1200, 0:1000]
    found, _ = _estimate((3 * x + 2 * y).astype(np.uint16))
    assert float(found.max()) == 0


def test_dead_ground_has_no_noise_and_does_not_thin_that_of_the_rest() -> None:
    image = np.rint(np.random.default_rng(2).normal(900, 20, (1200, 1200))).astype(np.int16)
    image[:, 600:] = -2000
    found, alive = _estimate(image)
    assert not found[:, 33:].any()
    assert not alive[:, 33:].any()
    assert float(np.median(found[:, :31])) == pytest.approx(20, rel=0.2)


def test_an_edge_through_a_cell_does_not_count_as_noise() -> None:
    image = np.rint(np.random.default_rng(3).normal(900, 10, (1024, 1024))).astype(np.uint16)
    image[:, 520:] += 3000
    image[0, 0], image[0, 1] = 0, 4000
    assert float(_estimate(image)[0].max()) < 20
