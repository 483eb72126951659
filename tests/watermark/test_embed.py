from collections.abc import Callable

import numpy as np
import pytest

import watermark
from watermark import ArgumentError, CapacityError
from watermark.grid import Geometry, strips
from watermark.imprint import MASK, TOP_SHIFT, Mask, imprint
from watermark.pattern import PEAK, pattern

Maker = Callable[..., np.ndarray]


def _embed(image: np.ndarray, key: bytes, **other: object) -> watermark.Marked:
    arguments = {"bits_stored": 12, "profile": "radiograph", "payload": bytes(12)} | other
    payload = arguments.pop("payload")
    return watermark.embed(image, payload, key=key, **arguments)  # type: ignore[arg-type]


def test_the_mark_stays_below_the_noise_and_within_its_bound(radiograph: Maker, key: bytes) -> None:
    image = radiograph(1300, 1000, bits=12)
    quality = _embed(image, key).quality
    assert quality.psnr_db > 50
    assert quality.ssim > 0.99
    assert quality.mark_to_noise_median < 0.8
    assert quality.mark_to_noise_p99 < 1.3
    assert quality.max_change <= 3 * 0.006 * 4095  # noise of the picture: 0.006 of its range
    assert quality.margin > 1.5


def test_gentler_profiles_are_gentler(radiograph: Maker, key: bytes) -> None:
    image = radiograph(900, 900, bits=12, noise=0.004)
    marks = [_embed(image, key, profile=name) for name in ("radiograph", "cross-section")]
    assert marks[0].quality.psnr_db < marks[1].quality.psnr_db
    assert {"radiograph", "mammogram", "cross-section", "none"} <= set(watermark.PROFILES)


@pytest.mark.parametrize(
    "image",
    [
        np.full((800, 800), 7, np.uint16),
        np.zeros((10, 800), np.uint16),
        np.zeros((0, 0), np.uint16),
        np.random.default_rng(0).integers(0, 2, (800, 800)).astype(np.uint16) * 4095,
        np.add.outer(np.arange(800), np.arange(800)).astype(np.uint16),
        np.random.default_rng(0).integers(100, 900, (64, 64)).astype(np.uint16),
    ],
    ids=["flat", "narrow", "empty", "saturated", "noiseless", "small"],
)
def test_what_cannot_carry_a_mark_is_refused(image: np.ndarray, key: bytes) -> None:
    with pytest.raises(CapacityError):
        _embed(image, key)


def test_a_refusal_says_the_margin(key: bytes) -> None:
    image = np.add.outer(np.arange(800), np.arange(800)).astype(np.uint16)
    with pytest.raises(CapacityError, match=r"0\.00 times the threshold, 1\.5 are needed"):
        _embed(image, key)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": np.zeros((64, 64, 3), np.uint8)},
        {"image": np.zeros((64, 64), np.float32)},
        {"image": np.zeros((64, 64), np.int64)},
        {"image": np.full((64, 64), 4096, np.uint16)},
        {"image": np.full((64, 64), -2049, np.int16)},
        {"bits_stored": 0},
        {"bits_stored": 17},
        {"profile": "loud"},
        {"payload": bytes(11)},
        {"key": bytes(16)},
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, object], key: bytes) -> None:
    arguments: dict[str, object] = {"image": np.zeros((64, 64), np.uint16), "key": key} | wrong
    with pytest.raises(ArgumentError):
        _embed(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1300, 1100), (70, 96), (1023, 400), (2000, 40)])
def test_what_is_added_is_exact_in_any_strips(
    shape: tuple[int, int], key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = Geometry.of(shape)
    codes = np.random.default_rng(1).integers(0, len(MASK), geometry.cells).astype(np.uint8)
    wave = pattern(bytes(12), key=key, canvas=geometry.canvas)

    def added() -> np.ndarray:
        parts = imprint(wave, Mask(codes, 9), geometry)
        return np.concatenate([change.copy() for _, change in parts])

    whole = added()
    assert np.array_equal(whole, np.rint(whole))
    assert np.abs(whole).max() <= np.rint(PEAK * int(MASK[-1]) / 2**9)
    monkeypatch.setattr("watermark.imprint.STRIP_SAMPLES", 4096)
    assert sum(1 for _ in strips(geometry, 4096)) > 1
    assert np.array_equal(added(), whole)


@pytest.mark.parametrize("mask", [Mask(np.zeros((64, 52), np.uint8), 4), TOP_SHIFT])
def test_no_strength_changes_nothing(mask: Mask | int, key: bytes) -> None:
    geometry = Geometry.of((640, 520))
    if isinstance(mask, int):
        mask = Mask(np.full(geometry.cells, len(MASK) - 1, np.uint8), mask)
    wave = pattern(bytes(12), key=key, canvas=geometry.canvas)
    assert not any(change.any() for _, change in imprint(wave, mask, geometry))
