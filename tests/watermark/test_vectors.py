"""The frozen vectors, and a second implementation of what is added, in plain numbers."""

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from watermark import payload as framing
from watermark import polar
from watermark.grid import Geometry
from watermark.imprint import MASK, Mask, imprint
from watermark.pattern import pattern
from watermark.spreading import spreads

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "mark"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_mark_vectors", VECTORS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_worked_example(make: ModuleType) -> None:
    frozen = json.loads((VECTORS / "example.json").read_text())
    assert make.example() == frozen
    text = (VECTORS.parents[2] / "docs" / "spec" / "mark.md").read_text()
    squeezed = "".join(text.split())
    for name in ("key", "payload", "message", "word", "pattern_1024x1024", "change_48x64"):
        assert frozen[name] in squeezed


def test_what_is_added_is_frozen(make: ModuleType) -> None:
    frozen = json.loads((VECTORS / "accumulated.json").read_text())
    assert frozen["cases"] >= 500
    assert make.accumulated(frozen["cases"]) == frozen["sha256"]


# --- the spec once more, sample by sample, in Python's own integers -------------------------------


def _lift(low: list[int], high: list[int]) -> list[int]:
    count = len(low)
    signal = [0] * (2 * count)

    def at(index: int) -> int:  # mirrored on the end samples
        last = 2 * count - 1
        index = abs(index)
        return 2 * last - index if index > last else index

    signal[1::2] = high
    for n in range(count):
        p, q, r, s = (signal[at(2 * n + k)] for k in (-3, -1, 1, 3))
        signal[2 * n] = low[n] - ((9 * (q + r) - p - s + 16) >> 5)
    for n in range(count):
        p, q, r, s = (signal[at(2 * n + 1 + k)] for k in (-3, -1, 1, 3))
        signal[2 * n + 1] = high[n] + ((9 * (q + r) - p - s + 8) >> 4)
    return signal


def _turn(rows: list[list[int]]) -> list[list[int]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _waves(bands: list[list[list[int]]]) -> list[list[int]]:
    low = [[0] * len(bands[-1][0]) for _ in bands[-1]]
    for level in (4, 3, 2, 1):
        blank = [[0] * len(low[0]) for _ in low]
        across, down, both = bands[3 * (level - 2) :][:3] if level > 1 else (blank,) * 3
        top = [_lift(a, b) for a, b in zip(low, across, strict=True)]
        bottom = [_lift(a, b) for a, b in zip(down, both, strict=True)]
        pairs = zip(_turn(top), _turn(bottom), strict=True)
        low = _turn([_lift(a, b) for a, b in pairs])
    return low


def _linear(values: list[int], outputs: int, p: int, q: int) -> list[int]:
    result = []
    for i in range(outputs):
        t = (2 * i + 1) * 64 * p // (2 * q) - 32
        t = min(max(t, 0), 64 * (len(values) - 1))
        k, r = divmod(t, 64)
        after = values[k + 1] if r else 0
        result.append((64 - r) * values[k] + r * after)
    return result


def _area(values: list[int], outputs: int, p: int, q: int) -> list[int]:
    result = [0] * outputs
    edges = [64 * j * q // p for j in range(len(values) + 1)]
    for j, value in enumerate(values):
        for i in range(edges[j] // 64, min(outputs, edges[j + 1] // 64 + 1)):
            overlap = min(edges[j + 1], 64 * i + 64) - max(edges[j], 64 * i)
            result[i] += value * max(overlap, 0)
    return result


def _round(number: int, bits: int) -> int:
    whole, rest = number >> bits, number & ((1 << bits) - 1)
    half = 1 << bits >> 1
    return whole + (rest > half or (rest == half and bits > 0 and whole & 1 == 1))


@pytest.mark.parametrize(("shape", "shift"), [((64, 16), 11), ((30, 1100), 12), ((1024, 17), 10)])
def test_a_second_implementation_agrees(shape: tuple[int, int], shift: int, key: bytes) -> None:
    payload = b"another one!"
    geometry = Geometry.of(shape)
    codes = np.random.default_rng(9).integers(0, len(MASK), geometry.cells).astype(np.uint8)
    word = polar.encode(framing.frame(payload, key=key))
    bands = []
    for number, spread in enumerate(spreads(key)):
        level = 2 + number // 3
        height = {2: 92, 3: 171, 4: 243}[level]
        rows, columns = geometry.canvas[0] >> level, geometry.canvas[1] >> level
        signs = (
            spread.chips[:rows, :columns]
            * (1 - 2 * word.astype(int))[spread.slots[:rows, :columns]]
        )
        bands.append((signs * height).tolist())
    wave = [[min(max(v, -400), 400) for v in row] for row in _waves(bands)]
    ours = pattern(payload, key=key, canvas=geometry.canvas)
    assert ours.tolist() == wave

    longer = geometry.longer
    stretch = _linear if longer >= 1024 else _area
    across = [[_round(v, 6) for v in stretch(r, shape[1], 1024, longer)] for r in wave]
    waves = _turn([stretch(column, shape[0], 1024, longer) for column in _turn(across)])
    cells = MASK[codes].astype(int).tolist()
    wide = [[_round(v, 6) for v in _linear(r, shape[1], 64, longer)] for r in cells]
    heights = _turn([[_round(v, 6) for v in _linear(c, shape[0], 64, longer)] for c in _turn(wide)])
    expected = [
        [_round(h * w, shift + 6) for h, w in zip(a, b, strict=True)]
        for a, b in zip(heights, waves, strict=True)
    ]
    parts = imprint(ours, Mask(codes, shift), geometry)
    assert np.concatenate([change.copy() for _, change in parts]).astype(int).tolist() == expected


def test_the_spreads_follow_from_the_streams(key: bytes) -> None:
    """Chips and slots of every band, from AES in counter mode, sorted one by one."""
    from watermark.keys import Purpose, derive, keystream

    total = 3 * (256**2 + 128**2 + 64**2)
    signs = keystream(derive(key, Purpose.CHIPS), total // 8)
    lots = keystream(derive(key, Purpose.SLOTS), total * 8)
    start = 0
    for spread in spreads(key):
        size = spread.chips.size
        places = range(start, start + size)
        chips = [1 - 2 * (signs[i // 8] >> (7 - i % 8) & 1) for i in places]
        assert spread.chips.ravel().tolist() == chips
        drawn = [int.from_bytes(lots[8 * i : 8 * i + 8], "little") for i in places]
        order = sorted(range(size), key=drawn.__getitem__)
        slots = [0] * size
        for rank, place in enumerate(order):
            slots[place] = rank % 1024
        assert spread.slots.ravel().tolist() == slots
        start += size
    digest = hashlib.sha256(spreads(key)[0].chips.tobytes()).hexdigest()
    assert digest != hashlib.sha256(spreads(bytes(32))[0].chips.tobytes()).hexdigest()
