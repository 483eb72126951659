"""What someone without the mark key learns from many marked images: not the pilots, not the ids."""

from collections import Counter

import numpy as np

import watermark
from watermark.canvas import to_canvas
from watermark.grid import Geometry
from watermark.pilots import SLOTS, constellations, slot_of
from watermark.spectrum import Spectrum, flatten

KEY, STRANGER = bytes(range(32)), bytes(range(1, 33))


def body(seed: int) -> np.ndarray:
    """Smooth shapes under noise, 1024 x 640."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:1024j, -1:1:640j]
    shape = np.zeros(x.shape)
    for _ in range(8):
        a, b, wide, high = (*rng.uniform(-0.8, 0.8, 2), *rng.uniform(0.1, 0.6, 2))
        shape += rng.uniform(-1, 1) * np.exp(-(((x - a) / wide) ** 2) - ((y - b) / high) ** 2)
    levels = 0.15 + 0.7 * (shape - shape.min()) / np.ptp(shape)
    levels += rng.normal(0, 0.008, levels.shape)
    return np.clip(np.rint(levels * 4095), 0, 4095).astype(np.uint16)


def ids() -> list[bytes]:
    rng = np.random.default_rng(20)
    return [rng.bytes(12) for _ in range(20_000)]


def mark(image: np.ndarray, payload: bytes, key: bytes = KEY) -> np.ndarray:
    marked = watermark.embed(image, payload, key=key, bits_stored=12, profile="radiograph")
    return marked.image


def powers(slots: list[int]) -> tuple[float, float]:
    """Return the mean power at slot 0's pilots in one image of it, and in the mean of all."""
    x, y = constellations(KEY)[0].frequencies.T.astype(np.float32)
    chosen = {slot: next(i for i in ids() if slot_of(i, key=KEY) == slot) for slot in set(slots)}
    alone, together = [], []
    for number, slot in enumerate(slots):
        image = mark(body(number), chosen[slot])
        spectrum = Spectrum.of(flatten(to_canvas(image, Geometry.of(image.shape))))
        power = float(np.square(spectrum.amplitudes_at(x, y)).mean())
        together.append(power)
        if slot == 0:
            alone.append(power)
    return float(np.mean(alone)), float(np.mean(together))


def test_an_average_over_the_slots_shows_no_pilot_at_full_height() -> None:
    """Over the noise, which has power 1, a pilot keeps a sixteenth of its height."""
    alone, average = powers(list(range(SLOTS)))
    assert alone > 4
    assert average - 1 < (alone - 1) / 4


def test_a_single_constellation_would_stand_at_full_height() -> None:
    """The control: what slots are for."""
    _, average = powers([0] * 4)
    assert average > 4


def test_ids_fall_into_all_slots_alike() -> None:
    counts = Counter(slot_of(payload, key=KEY) for payload in ids())
    share = len(ids()) / SLOTS
    chi_square = sum((counts[slot] - share) ** 2 / share for slot in range(SLOTS))
    assert chi_square < 44.3  # 15 degrees of freedom: exceeded by chance once in 10,000


def test_an_id_does_not_tell_its_slot_without_the_key() -> None:
    same = sum(slot_of(i, key=KEY) == slot_of(i, key=STRANGER) for i in ids())
    assert abs(same / len(ids()) - 1 / SLOTS) < 0.007  # four standard deviations


def test_no_two_constellations_are_alike() -> None:
    places = [
        frozenset(map(tuple, slot.frequencies.tolist()))
        for key in (KEY, STRANGER)
        for slot in constellations(key)
    ]
    for number, one in enumerate(places):
        assert all(len(one & other) <= len(one) // 4 for other in places[number + 1 :])


def test_a_wrong_key_reads_nothing() -> None:
    payload = ids()[0]
    image = mark(body(1), payload)
    reading = watermark.detect(image, key=KEY)
    assert reading is not None
    assert reading.payload == payload
    turned = bytes([KEY[0] ^ 1]) + KEY[1:]
    for key in (STRANGER, turned, bytes(32)):
        assert watermark.detect(image, key=key) is None
        assert watermark.recognise(image, key=key, payloads=[payload], seconds=0) is None


def test_a_marked_image_bears_the_mark_of_each_key_alone() -> None:
    """Keys of two sites, or of two periods, do not speak for each other."""
    first, second = ids()[:2]
    both = mark(mark(body(2), first), second, key=STRANGER)
    for key, payload in ((KEY, first), (STRANGER, second)):
        reading = watermark.detect(both, key=key)
        assert reading is not None
        assert reading.payload == payload
