import numpy as np
import pytest

from watermark.bands import LEVELS, ORIENTATIONS, analyse, synthesise
from watermark.pattern import PEAK, RMS, pattern
from watermark.spreading import spreads


def _bands(rows: int, columns: int) -> list[np.ndarray]:
    return [
        np.zeros((rows >> level, columns >> level), np.int32)
        for level in LEVELS
        for _ in range(ORIENTATIONS)
    ]


def test_nothing_makes_nothing() -> None:
    assert not synthesise(_bands(64, 32)).any()


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("place", [(0, 0), (2, 3), (-1, -1)])
def test_a_wave_is_found_where_it_was_put(number: int, place: tuple[int, int]) -> None:
    bands = _bands(128, 96)
    bands[number][place] = 10_000
    found = analyse(synthesise(bands).astype(np.float32))
    assert found[number][place] == pytest.approx(10_000, abs=5)
    found[number][place] = 0
    assert max(float(np.abs(band).max()) for band in found) < 5


@pytest.mark.parametrize("shape", [(1024, 96), (272, 1024), (144, 32), (16, 1024)])
def test_strips_of_any_height_have_the_same_details(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(3).normal(0, 1000, shape).astype(np.float32)
    found = []
    for rows in (16, 128, 1024):
        monkeypatch.setattr("watermark.bands._ROWS", rows)
        found.append(analyse(image))
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_a_pedestal_and_a_slope_have_no_details() -> None:
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    bands = analyse(500 + 2 * x - y)
    assert max(float(np.abs(band[6:-6, 6:-6]).max()) for band in bands) < 1e-3


def test_every_code_bit_has_the_same_share_of_each_band(key: bytes) -> None:
    for spread in spreads(key):
        counts = np.bincount(spread.slots.ravel(), minlength=1024)
        assert counts.min() == counts.max()
        assert abs(int(spread.chips.sum(dtype=np.int64))) < 5 * spread.chips.size**0.5
        assert not spread.chips.flags.writeable


def test_patterns_are_bounded_and_alike_in_power(key: bytes) -> None:
    waves = [pattern(bytes([n] * 12), key=key, canvas=(1024, 512)) for n in range(3)]
    for wave in waves:
        assert wave.dtype == np.int16
        assert np.abs(wave).max() <= PEAK
        assert float(wave.std()) == pytest.approx(RMS, rel=0.1)
    assert abs(np.corrcoef(waves[0].ravel(), waves[1].ravel())[0, 1]) < 0.2
