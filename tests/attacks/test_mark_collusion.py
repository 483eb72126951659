"""Several marks in one image never read as an id that none of them spells."""

from collections.abc import Callable

import numpy as np
import pytest

import watermark

KEY = bytes(range(32))
COLLUDERS = 8


@pytest.fixture(scope="module")
def host() -> np.ndarray:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:1:1024j, 0:1:896j]
    levels = 0.5 + 0.2 * np.sin(7 * x + 3 * y) + 0.15 * np.cos(11 * y - 2 * x)
    levels += rng.normal(0, 0.008, levels.shape)
    return np.clip(np.rint(levels * 4095), 1, 4094).astype(np.uint16)


def payload(number: int) -> bytes:
    return np.random.default_rng(number).bytes(12)


def mark(image: np.ndarray, number: int) -> np.ndarray:
    return watermark.embed(
        image, payload(number), key=KEY, bits_stored=12, profile="radiograph"
    ).image


@pytest.fixture(scope="module")
def copies(host: np.ndarray) -> np.ndarray:
    """The same image, marked with eight ids."""
    return np.stack([mark(host, number) for number in range(COLLUDERS)]).astype(np.int64)


def mosaic(stack: np.ndarray) -> np.ndarray:
    """Take strips of 16 rows from each in turn."""
    rows = np.arange(stack.shape[1])
    return stack[rows // 16 % len(stack), rows]


WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "average": lambda stack: stack.mean(axis=0),
    "median": lambda stack: np.median(stack, axis=0),
    "least": lambda stack: stack.min(axis=0),
    "greatest": lambda stack: stack.max(axis=0),
    "middle of the ends": lambda stack: (stack.min(axis=0) + stack.max(axis=0)) / 2,
    "mosaic": mosaic,
}


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("way", WAYS)
def test_colluders_never_make_a_third_id(copies: np.ndarray, way: str, count: int) -> None:
    forged = np.rint(WAYS[way](copies[:count])).astype(np.uint16)
    reading = watermark.detect(forged, key=KEY)
    assert reading is None or reading.payload in {payload(n) for n in range(count)}


def test_known_ids_do_not_accuse_a_third(copies: np.ndarray) -> None:
    """Asked about strangers only, an image with other marks of the same key names none."""
    strangers = [payload(1000 + n) for n in range(2000)]
    for count in (1, 2, 4):
        forged = np.rint(copies[:count].mean(axis=0)).astype(np.uint16)
        assert watermark.recognise(forged, key=KEY, payloads=strangers, seconds=0) is None


def test_a_mark_upon_a_mark_is_one_of_the_two(copies: np.ndarray) -> None:
    twice = copies[0].astype(np.uint16)
    for number in (50, 51, 52):
        twice = mark(twice, number)
        reading = watermark.detect(twice, key=KEY)
        known = {payload(0)} | {payload(n) for n in range(50, number + 1)}
        assert reading is None or reading.payload in known


def test_a_mark_subtracted_twice_is_the_same_id(host: np.ndarray, copies: np.ndarray) -> None:
    """Whoever turns a mark over reads it still, as inverted: not another id."""
    turned = np.clip(2 * host.astype(np.int64) - copies[0], 0, 4095).astype(np.uint16)
    reading = watermark.detect(turned, key=KEY)
    assert reading is not None
    assert reading.payload == payload(0)
    assert reading.inverted
