import sys
from collections.abc import Callable

import numpy as np
import pytest

import watermark
from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.detect import HOPELESS, PROMISING, RESERVED, Allowance, Reading, read
from watermark.evidence import WEIGHTS, Evidence, Gathered, gather, terms
from watermark.grid import Geometry
from watermark.placement import Placement
from watermark.threshold import (
    FALSE_ALARM,
    READINGS,
    TAGS,
    THRESHOLD,
    false_alarm_log10,
    least_score,
)

Maker = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def marked(radiograph: Maker, key: bytes, payload: bytes) -> np.ndarray:
    image = radiograph(1400, 1100, bits=12)
    return watermark.embed(
        image, payload, key=key, bits_stored=12, profile="radiograph"
    ).image  # fmt: skip


def _read(gathered: Gathered, key: bytes, allowance: Allowance | None = None) -> Reading | None:
    placement = Placement.upright(Geometry(1024, 1024))
    return read(gathered, allowance or Allowance(), key=key, placement=placement)


def _only_coarsest(sums: np.ndarray, power: float) -> Gathered:
    """Return evidence of level 4 alone: all weighings see the same word with the same score."""
    return Gathered(np.array([0 * sums, 0 * sums, sums]), np.array([0.0, 0.0, power]))


def _among_noise(
    word: np.ndarray, score: float, *, noise: float = 880.0, seed: int = 1
) -> np.ndarray:
    """Return sums in which a word of signs has just that score over a power of 1024."""
    drawn = np.random.default_rng(seed).normal(size=len(word))
    drawn -= word * (word @ drawn) / len(word)
    drawn *= np.sqrt(noise) / np.linalg.norm(drawn)
    return np.sqrt(score / len(word)) * word + drawn


def _to8(image: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (image.astype(float) - low) / (high - low)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def _half(image: np.ndarray) -> np.ndarray:
    rows, columns = (side // 2 * 2 for side in image.shape)
    parts = image[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2)
    return np.rint(parts.mean(axis=(1, 3))).astype(image.dtype)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: _to8(image, 0, 4095),
        lambda image: _to8(image, 800, 3300),
        lambda image: 255 - _to8(image, 0, 4095),
        lambda image: np.rint(255 * (image / 4095) ** 0.5).astype(np.uint8),
        lambda image: (image / 4095) ** 2,
        lambda image: image.astype(np.float32) * 1e-30,
        lambda image: image.astype(np.int64) << 40,
        _half,
        lambda image: _half(_half(image)),
        lambda image: np.repeat(np.repeat(image, 2, axis=0), 2, axis=1),
        lambda image: np.clip(
            image + np.random.default_rng(1).normal(0, 60, image.shape), 0, 4095
        ).astype(np.uint16),
    ],
)
def test_the_id_is_read_after(
    change: Callable[[np.ndarray], np.ndarray], marked: np.ndarray, key: bytes, payload: bytes
) -> None:
    reading = watermark.detect(change(marked), key=key)
    assert reading is not None
    assert reading.payload == payload
    assert reading.score >= reading.threshold == THRESHOLD
    assert reading.false_alarm_log10 <= -12


def test_inversion_is_reported(marked: np.ndarray, key: bytes) -> None:
    straight = watermark.detect(marked, key=key)
    turned = watermark.detect(4095 - marked, key=key)
    assert straight is not None
    assert turned is not None
    assert (straight.inverted, turned.inverted) == (False, True)
    assert turned.score == pytest.approx(straight.score, rel=1e-3)


def test_unmarked_images_and_wrong_keys_read_nothing(
    radiograph: Maker, marked: np.ndarray, key: bytes
) -> None:
    assert watermark.detect(radiograph(1400, 1100, bits=12), key=key) is None
    levelled = terms(to_canvas(marked, Geometry.of(marked.shape)))
    for number in range(1, 20):
        other = number.to_bytes(32, "little")
        assert _read(gather(levelled, key=other), other) is None


def test_a_restored_image_reads_nothing(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(700, 700, bits=12)
    made = watermark.embed(image, payload, key=key, bits_stored=12, profile="mammogram")
    assert watermark.detect(made.image, key=key) is not None
    original = watermark.restore(made.image, made.restore_data, key=key)
    assert watermark.detect(original, key=key) is None


def test_a_strong_word_without_the_tag_reads_nothing(key: bytes, payload: bytes) -> None:
    framed = bytearray(framing.frame(payload, key=key))
    sums = 1 - 2.0 * polar.encode(bytes(framed))
    assert _read(_only_coarsest(sums, 1.0), key) is not None
    framed[15] ^= 1
    sums = 1 - 2.0 * polar.encode(bytes(framed))
    assert _read(_only_coarsest(sums, 1.0), key) is None


def test_a_right_tag_below_the_threshold_reads_nothing(key: bytes, payload: bytes) -> None:
    sums = _among_noise(1 - 2.0 * polar.encode(framing.frame(payload, key=key)), THRESHOLD)
    assert _read(_only_coarsest(sums, 1024 * 0.999), key) is not None
    assert _read(_only_coarsest(sums, 1024 * 1.001), key) is None


def test_evidence_without_excess_is_not_decoded(
    key: bytes, payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def decode(evidence: np.ndarray, *, paths: int) -> tuple[np.ndarray, list[bytes]]:
        decoded.append(paths)
        return np.zeros((0, 1024), np.uint8), []

    monkeypatch.setattr(polar, "decode", decode)
    word = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    for score in (HOPELESS - 1, HOPELESS + 1, PROMISING + 1):
        evidence = Evidence(_among_noise(word, score, noise=1024), 1024.0)
        assert evidence.excess == pytest.approx(score)
        allowance = Allowance()
        assert _read(_only_coarsest(evidence.sums, 1024.0), key, allowance) is None
        assert allowance.readings == READINGS - len(WEIGHTS)
    few = [polar.FEW] * len(WEIGHTS)
    assert decoded == [*few, *few, polar.MANY]


def test_more_paths_and_tags_read_what_few_do_not(
    key: bytes, payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    weak = [_among_noise(word, 1.1 * THRESHOLD, noise=1023, seed=seed) for seed in range(20)]

    def read_of_weak() -> int:
        found = [_read(_only_coarsest(sums, 1024.0), key) for sums in weak]
        assert all(one is None or one.payload == payload for one in found)
        return sum(one is not None for one in found)

    with_many = read_of_weak()
    monkeypatch.setattr(sys.modules["watermark.detect"], "PROMISING", np.inf)
    assert read_of_weak() + 3 <= with_many


def test_strong_words_have_tags_that_weak_ones_cannot_spend(key: bytes, payload: bytes) -> None:
    word = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    other = 1 - 2.0 * polar.encode(bytes(18))  # its tag is wrong
    allowance = Allowance()
    for seed in range(40):
        sums = _among_noise(other, 1.05 * THRESHOLD, noise=1023, seed=seed)
        assert _read(_only_coarsest(sums, 1024.0), key, allowance) is None
        allowance.readings = READINGS
    assert allowance.tags == RESERVED
    strong = _among_noise(word, 1.5 * THRESHOLD, noise=1023)
    assert _read(_only_coarsest(strong, 1024.0), key, allowance) is not None


def test_evidence_that_is_no_number_reads_nothing(key: bytes) -> None:
    allowance = Allowance()
    assert _read(_only_coarsest(np.full(1024, np.nan), np.nan), key, allowance) is None
    assert allowance.tags == TAGS


def test_a_wrong_tag_is_looked_at_once(key: bytes) -> None:
    other = _only_coarsest(1 - 2.0 * polar.encode(bytes(18)), 1.0)  # its tag is wrong
    allowance = Allowance()
    assert _read(other, key, allowance) is None
    assert len(allowance.wrong) == TAGS - allowance.tags > 1


def test_each_weighing_of_the_levels_is_a_reading(key: bytes, payload: bytes) -> None:
    sums = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    hum = np.random.default_rng(2).normal(0, 3, (2, 1024))
    gathered = Gathered(np.array([*hum, sums]), np.array([1e6, 1e4, 1500.0]))
    scores = [gathered.weighed(w).scores((sums < 0)[np.newaxis])[0] for w in WEIGHTS]
    assert max(scores[:2]) < THRESHOLD
    assert scores[2] == max(scores)
    reading = _read(_only_coarsest(sums, 500.0), key)
    assert reading is not None
    assert reading.attempts == 1
    allowance = Allowance()
    weak = _among_noise(sums, 60.0, noise=1024)
    assert _read(_only_coarsest(weak, 1024.0), key, allowance) is None
    assert allowance.readings == READINGS - len(WEIGHTS)
    assert allowance.tags == TAGS  # below the threshold no tag is looked at


def test_no_more_is_tried_than_the_bounds_allow(key: bytes, payload: bytes) -> None:
    sums = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    assert _read(_only_coarsest(sums, 1.0), key, Allowance(readings=0)) is None
    assert _read(_only_coarsest(sums, 1.0), key, Allowance(tags=0)) is None
    other = _only_coarsest(1 - 2.0 * polar.encode(bytes(18)), 1.0)  # its tag is wrong
    allowance = Allowance(tags=3)
    assert _read(other, key, allowance) is None
    assert allowance.tags == 0


def test_the_threshold_is_what_the_bound_says() -> None:
    assert pytest.approx(201.72, abs=0.01) == THRESHOLD
    assert false_alarm_log10(THRESHOLD) == pytest.approx(np.log10(FALSE_ALARM))
    assert (READINGS, TAGS) == (400, 256)
    assert TAGS * 2.0**-48 < 1e-12
    assert least_score(2) == pytest.approx(68.63, abs=0.01)


def test_scores_of_chance_are_as_the_bound_supposes(radiograph: Maker) -> None:
    """A word fixed beforehand scores like the square of a normal number, or less."""
    image = radiograph(700, 600, bits=12)
    levelled = terms(to_canvas(image, Geometry.of(image.shape)))
    word = polar.encode(bytes(18))[np.newaxis]
    keys = [n.to_bytes(32, "big") for n in range(80)]
    gathered = [gather(levelled, key=key) for key in keys]
    for weights in WEIGHTS:
        scores = [float(each.weighed(weights).scores(word)[0]) for each in gathered]
        assert 0.5 < float(np.mean(scores)) < 1.7
        assert max(scores) < 20


def test_what_lies_outside_the_picture_says_nothing(radiograph: Maker) -> None:
    canvas = to_canvas(radiograph(700, 700, bits=12), Geometry.of((700, 700)))
    inside = np.zeros(canvas.shape, np.bool_)
    inside[:512] = True
    for whole, part in zip(terms(canvas), terms(canvas, inside), strict=True):
        half = len(part) // 2
        assert not part[half:].any()
        assert np.count_nonzero(part[:half]) > 0.99 * whole[:half].size


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((0, 0), np.uint8),
        np.zeros((200, 200), np.uint16),
        np.full((300, 200), 1e300),
        np.eye(128, dtype=np.int8),
        np.full((100, 100), 2**63, np.uint64),
    ],
)
def test_hopeless_images_read_nothing(image: np.ndarray, key: bytes) -> None:
    assert watermark.detect(image, key=key) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((64, 64), np.complex128),
        np.zeros((64, 64), np.bool_),
        np.full((64, 64), np.nan),
        np.array([[np.inf, 0.0]] * 64).repeat(32, axis=1),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, key: bytes) -> None:
    with pytest.raises(watermark.ArgumentError):
        watermark.detect(image, key=key)
