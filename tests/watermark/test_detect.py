from collections.abc import Callable

import numpy as np
import pytest

import watermark
from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.detect import read
from watermark.evidence import Evidence, gather, terms
from watermark.grid import Geometry
from watermark.threshold import ATTEMPTS, FALSE_ALARM, THRESHOLD, false_alarm_log10

Maker = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def marked(radiograph: Maker, key: bytes, payload: bytes) -> np.ndarray:
    image = radiograph(1400, 1100, bits=12)
    return watermark.embed(
        image, payload, key=key, bits_stored=12, profile="radiograph"
    ).image  # fmt: skip


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
        assert read(gather(levelled, key=other), key=other) is None


def test_a_restored_image_reads_nothing(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(700, 700, bits=12)
    made = watermark.embed(image, payload, key=key, bits_stored=12, profile="mammogram")
    assert watermark.detect(made.image, key=key) is not None
    original = watermark.restore(made.image, made.restore_data, key=key)
    assert watermark.detect(original, key=key) is None


def test_a_strong_word_without_the_tag_reads_nothing(key: bytes, payload: bytes) -> None:
    framed = bytearray(framing.frame(payload, key=key))
    sums = 1 - 2.0 * polar.encode(bytes(framed))
    assert read(Evidence(sums, 1.0), key=key) is not None
    framed[15] ^= 1
    assert read(Evidence(1 - 2.0 * polar.encode(bytes(framed)), 1.0), key=key) is None


def test_a_right_tag_below_the_threshold_reads_nothing(key: bytes, payload: bytes) -> None:
    sums = 1 - 2.0 * polar.encode(framing.frame(payload, key=key))
    just = 1024**2 / THRESHOLD
    assert read(Evidence(sums, just * 0.999), key=key) is not None
    assert read(Evidence(sums, just * 1.001), key=key) is None


def test_the_threshold_is_what_the_bound_says() -> None:
    assert pytest.approx(290.43, abs=0.01) == THRESHOLD
    assert false_alarm_log10(THRESHOLD) == pytest.approx(np.log10(FALSE_ALARM))
    assert ATTEMPTS == 400


def test_scores_of_chance_are_as_the_bound_supposes(radiograph: Maker) -> None:
    """A word fixed beforehand scores like the square of a normal number, or less."""
    image = radiograph(700, 600, bits=12)
    levelled = terms(to_canvas(image, Geometry.of(image.shape)))
    word = polar.encode(bytes(20))
    scores = [gather(levelled, key=n.to_bytes(32, "big")).score(word) for n in range(150)]
    assert 0.6 < float(np.mean(scores)) < 1.5
    assert max(scores) < 20


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
