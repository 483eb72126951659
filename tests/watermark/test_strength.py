from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import watermark
from watermark.canvas import to_canvas
from watermark.grid import Geometry
from watermark.imprint import MASK, Mask
from watermark.noise import estimate_noise
from watermark.pattern import RMS
from watermark.profile import PROFILES, Profile, named
from watermark.strength import choose_mask
from watermark.threshold import THRESHOLD

Maker = Callable[..., np.ndarray]


def _choose(image: np.ndarray, bits: int, profile: Profile) -> tuple[Mask, float]:
    geometry = Geometry.of(image.shape)
    noise = estimate_noise(image, geometry, ends=(int(image.min()), int(image.max())))
    canvas = to_canvas(image, geometry)
    return choose_mask(canvas, noise, geometry, bits_stored=bits, profile=profile)


def _heights(mask: Mask) -> np.ndarray:
    return MASK[mask.codes] * RMS / 2.0**mask.shift


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


def test_no_cell_passes_its_ceiling(radiograph: Maker, radiograph_profile: Profile) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.02)
    free = replace(radiograph_profile, dissimilarity=1.0, plenty=1e9, least=0)
    mask, _ = _choose(image, 12, free)
    noise = 0.02 * 4095
    heights = _heights(mask)
    assert float(np.median(heights)) == pytest.approx(0.44 * noise, rel=0.25)
    assert heights.max() < 0.44 * noise * 1.5


def test_enough_is_enough(radiograph: Maker, radiograph_profile: Profile) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.02)
    much, score = _choose(image, 12, replace(radiograph_profile, plenty=1e9))
    little, less = _choose(image, 12, replace(radiograph_profile, plenty=5.0))
    assert less <= 5 * THRESHOLD < score
    assert _heights(little).mean() < _heights(much).mean()


def test_too_little_is_raised_up_to_the_last_resort(
    radiograph: Maker, radiograph_profile: Profile
) -> None:
    image = radiograph(1100, 900, bits=12, noise=0.004)
    gentle = replace(radiograph_profile, dissimilarity=2e-5, least=0)
    meek, score = _choose(image, 12, gentle)
    raised, more = _choose(image, 12, replace(gentle, least=4.0))
    assert score < 4 * THRESHOLD <= more
    last, most = _choose(image, 12, replace(gentle, least=1e9))
    assert _heights(meek).mean() < _heights(raised).mean() < _heights(last).mean()
    assert float(np.median(_heights(last))) < 0.7 * 0.004 * 4095 * 1.4
    assert most < 1e9 * THRESHOLD


@pytest.mark.parametrize("bits", [8, 12])
def test_the_cost_stays_within_the_profile(
    bits: int, radiograph: Maker, key: bytes, payload: bytes
) -> None:
    image = radiograph(1100, 900, bits=bits, noise=0.008)
    made = watermark.embed(image, payload, key=key, bits_stored=bits, profile="radiograph")
    if bits == 8:
        assert made.quality.psnr_db > 50
    else:
        assert made.quality.ssim > 1 - 2 * 0.0008


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
            assert profile.ceiling <= profile.resort
            assert profile.least < profile.plenty
