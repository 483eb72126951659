"""The frozen vectors, and a second implementation of what is added, in plain numbers."""

import hashlib
import hmac
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from watermark import payload as framing
from watermark import polar
from watermark.grid import Geometry
from watermark.imprint import MASK, Mask, imprint
from watermark.pattern import pattern
from watermark.pilots import constellations, pilot_wave, slot_of
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
    names = ("key", "payload", "message", "word", "pattern_1024x1024", "pattern_1024x832")
    for name in (*names, "change_48x64"):
        assert frozen[name] in squeezed
    for subkey in frozen["subkeys"].values():
        assert subkey in squeezed
    assert frozen["constellation"] == slot_of(bytes(range(100, 112)), key=bytes(range(32)))


def test_what_is_added_is_frozen(make: ModuleType) -> None:
    frozen = json.loads((VECTORS / "accumulated.json").read_text())
    assert frozen["cases"] >= 2000
    assert make.accumulated(frozen["cases"]) == frozen["sha256"]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_of_the_matrix_library_do_not_matter(threads: str, make: ModuleType) -> None:
    """Sums are taken in another order then; they are whole numbers, so it must not show."""
    limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    path = os.pathsep.join([str(VECTORS), str(VECTORS.parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", "import make; print(make.accumulated(24))"],
        env=os.environ | limits | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == make.accumulated(24)


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


def _hkdf(key: bytes, label: bytes) -> bytes:
    """RFC 5869, written out: one block of output is enough."""
    extracted = hmac.digest(b"radseal-mark-2", key, "sha256")
    return hmac.digest(extracted, label + b"\x01", "sha256")


def _stream(subkey: bytes, numbers: int) -> list[int]:
    """AES in counter mode, block by block, as u64le."""
    aes = Cipher(algorithms.AES256(subkey), modes.ECB()).encryptor()
    blocks = b"".join(aes.update(n.to_bytes(16, "big")) for n in range(-(-numbers // 2)))
    return [int.from_bytes(blocks[8 * i : 8 * i + 8], "little") for i in range(numbers)]


def _rings() -> list[list[tuple[int, int]]]:
    rings = []
    low = 2704
    for _ in range(32):
        high = low * 12 // 11
        ring = [
            (x, y)
            for y in range(8, 256)
            for x in range(-255, 256)
            if abs(x) >= 8 and low <= x * x + y * y < high
        ]
        rings.append(ring)
        low = high
    return rings


HEIGHTS = [36, 35, 34, 32, 31, 30, 29, 28, 27, 26, 25, 25, 24, 23, 22, 21, 21, 20, 19, 19]
HEIGHTS += [18, 17, 17, 16, 16, 15, 15, 14, 14, 13, 13, 12]
COSINES = [round(64 * math.cos(math.pi * i / 512)) for i in range(1024)]


def _pilots(key: bytes, payload: bytes) -> list[tuple[int, int, int, int]]:
    """Frequency along x and y, phase and height of every pilot, from key and id alone."""
    subkey = _hkdf(key, b"geometry")
    slot = hmac.new(subkey, payload, hashlib.sha256).digest()[0] % 16
    draws = _stream(subkey, 16 * 32 * 2)[slot * 64 : slot * 64 + 64]
    found = []
    for k, ring in enumerate(_rings()):
        x, y = ring[draws[2 * k] % len(ring)]
        found.append((x, y, draws[2 * k + 1] % 1024, HEIGHTS[k]))
    return found


def _pilot(pilots: list[tuple[int, int, int, int]], row: int, column: int) -> int:
    total = 0
    for x, y, phase, height in pilots:
        down, across = (row * y + phase) % 1024, column * x % 1024
        total += height * COSINES[down] * COSINES[across]
        total -= height * COSINES[(down - 256) % 1024] * COSINES[(across - 256) % 1024]
    return total // 4096


def test_the_tables_of_the_pilots_are_those_of_the_spec() -> None:
    table = b"".join(c.to_bytes(1, "little", signed=True) for c in COSINES)
    rings = b"".join(
        part.to_bytes(2, "little", signed=True)
        for ring in _rings()
        for point in ring
        for part in point
    )
    text = (VECTORS.parents[2] / "docs" / "spec" / "mark.md").read_text()
    for digest in (hashlib.sha256(table).hexdigest(), hashlib.sha256(rings).hexdigest()):
        assert digest in text
    assert ", ".join(map(str, HEIGHTS)) in text


@pytest.mark.parametrize("number", range(6))
def test_the_pilots_follow_from_key_and_id(number: int) -> None:
    key, payload = hashlib.sha256(bytes([number])).digest(), bytes([number] * 12)
    pilots = _pilots(key, payload)
    ours = constellations(key)[slot_of(payload, key=key)]
    numbers = zip(ours.frequencies.tolist(), ours.phases, ours.heights, strict=True)
    assert [(x, y, int(p), int(h)) for (x, y), p, h in numbers] == pilots
    wave = pilot_wave(ours, (1024, 96))
    places = np.random.default_rng(number).integers(0, (1024, 96), (400, 2)).tolist()
    assert [int(wave[row, column]) for row, column in places] == [
        _pilot(pilots, row, column) for row, column in places
    ]
    smooth = np.zeros((1024, 96))
    down, across = np.mgrid[0:1024, 0:96]
    for x, y, phase, height in pilots:
        smooth += height * np.cos(2 * np.pi * (x * across + y * down + phase) / 1024)
    assert float(np.abs(wave - smooth).max()) < 12  # the table's rounding, all pilots together


@pytest.mark.parametrize(("shape", "shift"), [((100, 16), 11), ((30, 1100), 12), ((1024, 17), 10)])
def test_a_second_implementation_agrees(shape: tuple[int, int], shift: int, key: bytes) -> None:
    payload = b"another one!"
    geometry = Geometry.of(shape)
    codes = np.random.default_rng(9).integers(0, len(MASK), geometry.cells).astype(np.uint8)
    word = polar.encode(framing.frame(payload, key=key))
    bands = []
    for number, spread in enumerate(spreads(key)):
        level = 2 + number // 3
        height = {2: 50, 3: 147, 4: 262}[level]
        rows, columns = geometry.canvas[0] >> level, geometry.canvas[1] >> level
        signs = (
            spread.chips[:rows, :columns]
            * (1 - 2 * word.astype(int))[spread.slots[:rows, :columns]]
        )
        bands.append((signs * height).tolist())
    pilots = _pilots(key, payload)
    wave = [
        [min(max(v + _pilot(pilots, i, j), -400), 400) for j, v in enumerate(row)]
        for i, row in enumerate(_waves(bands))
    ]
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
