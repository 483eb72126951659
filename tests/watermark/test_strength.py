from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import watermark
from watermark.canvas import to_canvas
from watermark.grid import Geometry
from watermark.harm import Harm
from watermark.imprint import MASK, Mask
from watermark.noise import estimate_noise
from watermark.pattern import RMS, pattern
from watermark.profile import PROFILES, Profile, named
from watermark.quality import measure
from watermark.rounding import height_after, power_after
from watermark.stamp import stamp
from watermark.strength import _greatest, choose_mask
from watermark.threshold import THRESHOLD

Maker = Callable[..., np.ndarray]


def _choose(image: np.ndarray, bits: int, profile: Profile) -> tuple[Mask, float]:
    geometry = Geometry.of(image.shape)
    noise = estimate_noise(image, geometry, ends=(int(image.min()), int(image.max())))
    canvas = to_canvas(image, geometry)
    return choose_mask(canvas, noise, geometry, bits_stored=bits, profile=profile)


def _heights(mask: Mask) -> np.ndarray:
    return (MASK[mask.codes] * RMS / 2.0**mask.shift).astype(np.float32)


def _stamped(image: np.ndarray, mask: Mask, *, key: bytes, payload: bytes) -> np.ndarray:
    geometry = Geometry.of(image.shape)
    ends = int(image.min()), int(image.max())
    wave = pattern(payload, key=key, canvas=geometry.canvas)
    return stamp(image, wave, mask, geometry, ends=ends, payload=payload, key=key)[0]


@pytest.fixture(scope="module")
def radiograph_profile() -> Profile:
    profile = named("radiograph")
    assert profile is not None
    return profile


def test_what_is_foretold_comes_true(radiograph: Maker, key: bytes, payload: bytes) -> None:
    profile = named("cross-section")
    assert profile is not None
    for noise in (0.003, 0.02):
        image = radiograph(1100, 900, bits=12, noise=noise)
        _, expected = _choose(image, 12, profile)
        made = watermark.embed(image, payload, key=key, bits_stored=12, profile="cross-section")
        assert 0.6 < made.margin * THRESHOLD / expected < 20  # the worse of two


def test_the_limits_of_the_ratio_are_used_and_kept(
    radiograph: Maker, radiograph_profile: Profile, key: bytes, payload: bytes
) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.02)
    free = replace(radiograph_profile, dissimilarity=1.0, plenty=1e9, least=0)
    mask, _ = _choose(image, 12, free)
    made = _stamped(image, mask, key=key, payload=payload)
    found = measure(image, made, bits_stored=12, margin=0)
    assert 0.4 < found.mark_to_noise_median <= 0.5
    assert found.mark_to_noise_p99 <= 1


def test_enough_is_enough(radiograph: Maker, radiograph_profile: Profile) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.02)
    much, score = _choose(image, 12, replace(radiograph_profile, plenty=1e9))
    little, less = _choose(image, 12, replace(radiograph_profile, plenty=5.0))
    assert less <= 5 * THRESHOLD < score
    assert _heights(little).mean() < _heights(much).mean()


def test_limits_are_passed_only_where_the_mark_would_be_lost(
    radiograph: Maker, radiograph_profile: Profile
) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.004)
    gentle = replace(radiograph_profile, dissimilarity=2e-5, least=0, rescued=0.4)
    meek, score = _choose(image, 12, gentle)
    just, _ = _choose(image, 12, replace(gentle, least=0.99 * score / THRESHOLD))
    assert np.array_equal(just.codes, meek.codes)
    raised, more = _choose(image, 12, replace(gentle, least=0.4))
    assert score < 0.37 * THRESHOLD < more <= 0.4 * THRESHOLD
    last, most = _choose(image, 12, replace(gentle, least=1e9, rescued=1e9))
    assert _heights(meek).mean() < _heights(raised).mean() < _heights(last).mean()
    noise = 0.004 * 4095
    resort = radiograph_profile.resort * radiograph_profile.median
    assert float(np.median(_heights(last))) < resort * noise * 1.4
    assert most < 1e9 * THRESHOLD


@pytest.mark.parametrize("noise", [0.003, 0.008, 0.03])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_the_finished_image_is_within_the_limits(
    bits: int, noise: float, radiograph: Maker, key: bytes, payload: bytes
) -> None:
    image = radiograph(1100, 900, bits=bits, noise=noise)
    made = watermark.embed(image, payload, key=key, bits_stored=bits, profile="radiograph")
    found = made.quality
    assert found.psnr_db >= 50 if bits == 8 else found.ssim >= 0.999
    assert found.mark_to_noise_median <= 0.5
    assert found.mark_to_noise_p99 <= 1


def test_what_the_mark_costs_is_foretold(
    radiograph: Maker, radiograph_profile: Profile, key: bytes, payload: bytes
) -> None:
    for bits, noise in ((8, 0.003), (8, 0.01), (12, 0.01), (16, 0.002)):
        image = radiograph(1300, 900, bits=bits, noise=noise)
        geometry = Geometry.of(image.shape)
        estimate = estimate_noise(image, geometry, ends=(int(image.min()), int(image.max())))
        canvas = to_canvas(image, geometry)
        harm = Harm(canvas, estimate, geometry, bits_stored=bits, profile=radiograph_profile)
        mask, _ = _choose(image, bits, radiograph_profile)
        made = _stamped(image, mask, key=key, payload=payload)
        found = measure(image, made, bits_stored=bits, margin=0)
        spent = (
            10 ** ((radiograph_profile.coarse_fidelity_db - found.psnr_db) / 10)
            if bits == 8
            else (1 - found.ssim) / radiograph_profile.dissimilarity
        )
        ratio = found.mark_to_noise_median / radiograph_profile.median
        ratio = max(ratio, found.mark_to_noise_p99 / radiograph_profile.top)
        assert harm.cost(_heights(mask)) == pytest.approx(spent, rel=0.2)
        assert harm.prominence(_heights(mask)) == pytest.approx(ratio, rel=0.12)


def test_what_rounding_leaves() -> None:
    wave = pattern(bytes(12), key=bytes(32), canvas=(512, 512)) / RMS
    for height in (0.2, 0.3, 0.6, 1.5, 6.0):
        change = np.rint(height * wave)
        cells = np.full((4, 4), height, np.float32)
        power, left = float(power_after(cells)[0, 0]), float(height_after(cells)[0, 0])
        assert power == pytest.approx(float(np.mean(change**2)), rel=0.1, abs=0.002)
        assert left == pytest.approx(float(np.mean(change * wave)), rel=0.1, abs=0.002)


def test_dead_and_flat_cells_stay(radiograph: Maker, radiograph_profile: Profile) -> None:
    image = radiograph(1024, 1024, bits=12)
    image[:, :300] = image.min()
    image[:300, 400:] = 2000
    mask, _ = _choose(image, 12, radiograph_profile)
    assert not mask.codes[:, :18].any()
    assert not mask.codes[1:17, 27:].any()
    assert (mask.codes[22:, 22:] > 0).all()


def test_every_profile_has_a_name() -> None:
    assert named("none") is None
    for name, profile in PROFILES.items():
        assert named(name) is profile
        if profile is not None:
            assert profile.median < profile.top
            assert profile.resort > 1
            assert profile.least < profile.rescued < profile.plenty


def test_a_measure_in_steps_at_the_smallest_numbers_comes_to_an_end() -> None:
    """As an image of all 16 bits measured it, which nearly nothing may be added to."""
    steps = (1.2e-4, 8.8e-5, 8.3e-5, 7.8e-5, 6e-5), (1.4235, 1.0671, 0.9679, 0.9353, 0.8341, 0.7245)

    def measure(number: float) -> float:
        if number == 1:
            return 8006.84
        return next((v for s, v in zip(*steps, strict=False) if number >= s), steps[1][-1])

    assert 0 < _greatest(measure) < 8.8e-5
