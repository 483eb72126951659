"""The thumbnail: the same bytes everywhere, alike through grey curves, unlike for another image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.claims.descriptor import (
    DESCRIPTOR_SIZE,
    SIDE,
    Thumbnail,
    describe,
    resemble,
)


def picture(seed: int, rows: int = 480, columns: int = 400) -> np.ndarray:
    """Smooth structure of several sizes, with grain."""
    chance = np.random.default_rng(seed)
    total = np.zeros((rows, columns))
    for size in (4, 8, 16, 32):
        coarse = chance.normal(0, 1, (size, size))
        total += np.kron(coarse, np.ones((-(-rows // size), -(-columns // size))))[:rows, :columns]
    total += chance.normal(0, 0.05, total.shape)
    scaled = (total - total.min()) / np.ptp(total)
    return (scaled * 4095).astype(np.uint16)


def by_the_book(frame: np.ndarray) -> bytes:
    """docs/spec/seal.md, "Descriptor", loop by loop."""
    rows, columns = frame.shape
    means = []
    for i in range(SIDE):
        top = min(i * rows // SIDE, rows - 1)
        bottom = max((i + 1) * rows // SIDE, top + 1)
        for j in range(SIDE):
            left = min(j * columns // SIDE, columns - 1)
            right = max((j + 1) * columns // SIDE, left + 1)
            cell = frame[top:bottom, left:right]
            means.append(sum(int(v) for v in cell.flat) * 16 // cell.size)
    low, high = min(means), max(means)
    return bytes(0 if high == low else (m - low) * 255 // (high - low) for m in means)


@pytest.mark.parametrize("shape", [(480, 400), (64, 64), (65, 130), (10, 300), (1, 1)])
def test_as_specified(shape: tuple[int, int]) -> None:
    frame = (
        picture(3, *shape)
        if min(shape) > 32
        else np.arange(shape[0] * shape[1], dtype=np.int16).reshape(shape) - 7
    )
    assert describe(frame) == by_the_book(frame)


def test_flat_is_zero() -> None:
    assert describe(np.full((90, 90), 7, np.uint8)) == bytes(DESCRIPTOR_SIZE)
    assert not resemble(bytes(DESCRIPTOR_SIZE), describe(picture(1))).same_image


@pytest.mark.parametrize(
    "copy",
    [
        lambda p: (p >> 4).astype(np.uint8),
        lambda p: 4095 - p,
        lambda p: (4095 * (p / 4095) ** 0.5).astype(np.uint16),
        lambda p: np.clip((p.astype(int) - 400) * 5 // 4, 0, 4095),
        lambda p: p[::2, ::2],
        lambda p: p + np.random.default_rng(9).integers(0, 80, p.shape),
    ],
    ids=["8 bit", "inverted", "gamma", "windowed", "halved", "noisy"],
)
def test_a_copy_resembles(copy) -> None:  # type: ignore[no-untyped-def]
    original = picture(1)
    alike = resemble(describe(original), describe(copy(original)))
    assert alike.same_image
    assert not alike.cells


def test_another_picture_does_not() -> None:
    signed = describe(picture(1))
    for seed in range(2, 30):
        assert not resemble(signed, describe(picture(seed))).same_image


def test_a_replaced_eighth_is_named() -> None:
    original, other = picture(1), picture(2)
    forged = original.copy()
    forged[120:240, 100:200] = other[120:240, 100:200]
    alike = resemble(describe(original), describe(forged))
    assert alike.same_image
    assert alike.cells
    assert all(14 <= row < 34 and 14 <= column < 34 for row, column in alike.cells)


def test_a_part_resembles_its_place() -> None:
    signed, other = describe(picture(1)), Thumbnail.of(describe(picture(2)))
    whole = Thumbnail.of(describe(4095 - picture(1)))
    known = np.zeros((SIDE, SIDE), np.bool_)
    known[10:40, 20:50] = True
    alike = resemble(signed, Thumbnail(np.where(known, whole.grey * 3, 0), known))
    assert alike.enough
    assert alike.correlation > 0.95
    assert not alike.cells
    assert not resemble(signed, Thumbnail(np.where(known, other.grey, 0), known)).same_image


def test_too_small_a_part_is_not_enough() -> None:
    signed = describe(picture(1))
    known = np.zeros((SIDE, SIDE), np.bool_)
    known[:14, :14] = True
    assert not resemble(signed, Thumbnail(Thumbnail.of(signed).grey, known)).enough
    assert not resemble(signed, Thumbnail(np.zeros((SIDE, SIDE)), ~known)).enough
    assert not resemble(signed, Thumbnail(np.zeros((SIDE, SIDE)), known & ~known)).enough


def test_what_was_flattened_is_named() -> None:
    signed = describe(picture(1))
    grey = Thumbnail.of(signed).grey.copy()
    grey[16:40, 16:40] = 0
    cells = resemble(signed, Thumbnail(grey, np.ones((SIDE, SIDE), np.bool_))).cells
    inside = [14 <= row < 42 and 14 <= column < 42 for row, column in cells]
    assert sum(inside) > 400
    assert sum(inside) >= 0.9 * len(inside)


@given(tiles=st.tuples(st.binary(min_size=1, max_size=97), st.binary(min_size=1, max_size=97)))
def test_any_bytes_compare(tiles: tuple[bytes, bytes]) -> None:
    a, b = ((tile * DESCRIPTOR_SIZE)[:DESCRIPTOR_SIZE] for tile in tiles)
    assert 0.0 <= resemble(a, b).correlation <= 1.0 + 1e-9
