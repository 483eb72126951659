"""Random damage to pictures: a verdict each time, and no other errors than ours."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import Site, UnreadableError, Word, verify
from provenance.pictures.picture_file import (
    MAX_SAMPLES,
    is_picture,
    probe_picture,
    read_head,
    read_picture_file,
)

Encode = Callable[..., bytes]
WORDS = (Word.UNREADABLE, Word.UNSEALED)
PLACES = st.integers(0, 200) | st.integers(0, 1 << 20)
DAMAGE = st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def pictures(encode: Encode) -> dict[str, bytes]:
    levels = np.random.default_rng(3).integers(0, 255, (40, 36), dtype=np.uint8)
    deep = levels.astype(np.uint16) * 16
    return {
        "PNG": encode(levels, "PNG"),
        "PNG 16": encode(deep, "PNG"),
        "PNG colour": encode(np.stack([levels] * 3, axis=2), "PNG"),
        "JPEG": encode(levels, "JPEG"),
        "JPEG progressive": encode(levels, "JPEG", progressive=True),
        "TIFF": encode(levels, "TIFF"),
        "TIFF deflated": encode(deep, "TIFF", compression="tiff_adobe_deflate"),
    }


@pytest.mark.parametrize(
    "kind",
    ["PNG", "PNG 16", "PNG colour", "JPEG", "JPEG progressive", "TIFF", "TIFF deflated"],
)
@settings(max_examples=60)
@given(damage=DAMAGE, cut=st.none() | st.tuples(PLACES, st.integers(1, 60)))
def test_damaged_bytes(
    pictures: dict[str, bytes],
    site: Site,
    kind: str,
    damage: list[tuple[int, int]],
    cut: tuple[int, int] | None,
) -> None:
    data = bytearray(pictures[kind])
    for place, flip in damage:
        data[place % len(data)] ^= flip
    if cut is not None:
        at = cut[0] % len(data)
        del data[at : at + cut[1]]
    head = bytes(data[:132])
    verdict = verify(bytes(data), trust=site.trust, mark_key=site.mark_key)
    assert verdict.word in WORDS
    if is_picture(head):
        try:
            picture = read_picture_file(bytes(data))
        except UnreadableError:
            assert verdict.word is Word.UNREADABLE
        else:
            assert picture.samples.dtype.kind in "iu"
            assert picture.plane.ndim == 2
            assert picture.samples.size <= MAX_SAMPLES


@given(
    head=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*"]),
    tail=st.binary(max_size=300),
)
def test_garbage_behind_a_signature(head: bytes, tail: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_picture_file(head + tail)


def test_a_claim_of_size_is_bounded_before_anything_is_decoded() -> None:
    huge = struct.pack(">II", 1 << 20, 1 << 20)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + huge + b"\x08\0\0\0\0"
    with pytest.raises(UnreadableError, match="too large"):
        read_picture_file(png)


def test_a_jpeg_of_endless_segments_ends() -> None:
    with pytest.raises(UnreadableError, match="without a frame header"):
        probe_picture(b"\xff\xd8" + b"\xff\xfe\x00\x02" * (1 << 17))


def test_sizes_that_contradict_each_other(encode: Encode) -> None:
    levels = np.zeros((24, 24), np.uint8)
    jpeg = encode(levels, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", jpeg, start + 2)
    twice = jpeg[:start] + jpeg[start : start + 2 + length] + jpeg[start:]
    with pytest.raises(UnreadableError, match="twice"):
        probe_picture(twice)
    tiff = bytearray(encode(levels, "TIFF"))
    (directory,) = struct.unpack_from("<I", tiff, 4)
    width = directory + 2
    while tiff[width : width + 2] != b"\x00\x01":
        width += 12
    tiff[width + 12 : width + 14] = b"\x00\x01"
    with pytest.raises(UnreadableError, match="twice"):
        probe_picture(bytes(tiff))


def test_what_a_picture_is() -> None:
    assert is_picture(b"\x89PNG\r\n\x1a\n" + bytes(124))
    assert is_picture(b"II*\0")
    assert not is_picture(b"II*\0" + bytes(124) + b"DICM")
    assert not is_picture(bytes(128) + b"DICM")
    assert not is_picture(b"")
    assert read_head(bytes(200)) == bytes(132)
