import math

import numpy as np
import pytest

from watermark import measure


def _images(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    before = rng.integers(100, 3900, shape).astype(np.uint16)
    return before, (before + rng.integers(-9, 10, shape)).astype(np.uint16)


def test_equal_images_lose_nothing() -> None:
    before, _ = _images((200, 150))
    quality = measure(before, before, bits_stored=12, margin=0)
    assert quality.psnr_db == math.inf
    assert quality.ssim == 1
    assert quality.max_change == 0
    assert quality.mark_to_noise_p99 == 0


@pytest.mark.parametrize("shape", [(300, 150), (64, 64)])
def test_figures_match_their_definitions(shape: tuple[int, int]) -> None:
    before, after = _images(shape)
    quality = measure(before, after, bits_stored=12, margin=2.5)
    step = after.astype(float) - before
    assert quality.psnr_db == pytest.approx(10 * np.log10(4095**2 / np.mean(step**2)))
    assert quality.max_change == np.abs(step).max()
    assert quality.margin == 2.5
    assert quality.ssim == pytest.approx(_plain_ssim(before, after, 4095), abs=1e-9)


def test_the_mark_to_noise_ratio_of_white_noise() -> None:
    rng = np.random.default_rng(6)
    before = np.rint(rng.normal(2000, 40, (1100, 1100)))
    after = np.rint(before + rng.normal(0, 10, before.shape))
    quality = measure(
        before.astype(np.uint16), after.astype(np.uint16), bits_stored=12, margin=0
    )  # fmt: skip
    assert quality.mark_to_noise_median == pytest.approx(0.25, rel=0.15)


def _plain_ssim(before: np.ndarray, after: np.ndarray, peak: float) -> float:
    """Wang et al. 2004, equation 13, window by window."""
    values = []
    for row in range(before.shape[0] - 6):
        for column in range(before.shape[1] - 6):
            window = slice(row, row + 7), slice(column, column + 7)
            x, y = before[window].astype(float).ravel(), after[window].astype(float).ravel()
            cov = np.cov(x, y)
            first, second = (0.01 * peak) ** 2, (0.03 * peak) ** 2
            values.append(
                (2 * x.mean() * y.mean() + first)
                * (2 * cov[0, 1] + second)
                / (x.mean() ** 2 + y.mean() ** 2 + first)
                / (cov[0, 0] + cov[1, 1] + second)
            )
    return float(np.mean(values))
