from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watermark.pilots import PILOTS, SLOTS, constellations, pilot_wave, slot_of

keys = st.binary(min_size=32, max_size=32)


@given(keys)
@settings(max_examples=20, deadline=None)
def test_constellations_stay_in_their_rings(key: bytes) -> None:
    found = constellations(key)
    assert len(found) == SLOTS == 16
    for constellation in found:
        x, y = constellation.frequencies.T
        assert len(x) == PILOTS == 32
        assert (y >= 8).all()
        assert (np.abs(x) >= 8).all()
        square = x * x + y * y
        assert (np.diff(square) > 0).all()
        assert square[0] >= 52**2
        assert square[-1] < 210**2
        assert (constellation.phases >= 0).all()
        assert (constellation.phases < 1024).all()
        assert (np.diff(constellation.heights) <= 0).all()


def test_constellations_of_keys_and_slots_have_little_in_common(key: bytes) -> None:
    found = [{tuple(f) for f in c.frequencies.tolist()} for c in constellations(key)]
    found += [{tuple(f) for f in c.frequencies.tolist()} for c in constellations(bytes(32))]
    shared = [len(a & b) for n, a in enumerate(found) for b in found[:n]]
    assert max(shared) <= 2
    directions = np.concatenate([np.arctan2(*c.frequencies.T[::-1]) for c in constellations(key)])
    counts = np.histogram(directions, bins=8, range=(0, np.pi))[0]
    assert counts.min() > 0.5 * counts.mean()


def test_ids_spread_over_the_slots(key: bytes) -> None:
    slots = Counter(slot_of(n.to_bytes(12, "big"), key=key) for n in range(1600))
    assert set(slots) == set(range(SLOTS))
    assert 60 < min(slots.values()) <= max(slots.values()) < 150


@given(slot=st.integers(0, SLOTS - 1), rows=st.integers(1, 64), columns=st.integers(1, 64))
@settings(max_examples=15, deadline=None)
def test_the_wave_is_exact_in_whole_numbers(slot: int, rows: int, columns: int, key: bytes) -> None:
    """The matrix product in float32, against the same sum in int64, pilot by pilot."""
    pilots = constellations(key)[slot]
    canvas = 16 * rows, 16 * columns
    table = np.rint(64 * np.cos(2 * np.pi * np.arange(1024) / 1024)).astype(np.int64)
    total = np.zeros(canvas, np.int64)
    for (x, y), phase, height in zip(
        pilots.frequencies, pilots.phases, pilots.heights, strict=True
    ):
        down = (np.arange(canvas[0]) * y + phase)[:, np.newaxis]
        across = np.arange(canvas[1]) * x
        product = table[down % 1024] * table[across % 1024]
        product -= table[(down - 256) % 1024] * table[(across - 256) % 1024]
        total += height * product
    assert np.abs(total).max() < 1 << 24
    assert np.array_equal(pilot_wave(pilots, canvas), total >> 12)


@pytest.mark.parametrize("slot", [0, 7])
def test_a_pilot_is_a_pair_of_peaks(slot: int, key: bytes) -> None:
    pilots = constellations(key)[slot]
    waves = np.fft.fft2(pilot_wave(pilots, (1024, 1024))) / 1024**2
    x, y = pilots.frequencies.T
    peaks = waves[y, x]
    assert np.abs(peaks) == pytest.approx(pilots.heights / 2, rel=0.02)
    turns = np.angle(peaks) / (2 * np.pi) * 1024
    assert np.abs((turns - pilots.phases + 512) % 1024 - 512).max() < 2
    waves[y, x] = waves[-y, -x] = waves[0, 0] = 0
    assert np.abs(waves).max() < 0.3
