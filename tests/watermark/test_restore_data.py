import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from watermark import MalformedError, RestoreError
from watermark.restore_data import parse

HEAD = 93


@pytest.fixture(scope="module")
def marked(radiograph: Callable[..., np.ndarray], key: bytes, payload: bytes) -> watermark.Marked:
    image = np.clip(radiograph(400, 300, bits=12), 900, 3000)
    return watermark.embed(image, payload, key=key, bits_stored=12, profile="radiograph")


def test_what_was_written_is_read(marked: watermark.Marked, payload: bytes) -> None:
    data = parse(marked.restore_data)
    assert data.encode() == marked.restore_data
    assert data.payload == payload
    assert data.geometry.rows == 400
    assert data.ends == (900, 3000)


def test_the_head_is_laid_out_as_the_spec_says(marked: watermark.Marked, payload: bytes) -> None:
    head = marked.restore_data[:HEAD]
    assert head[:4] == bytes.fromhex("72736d02")
    numbers = [int.from_bytes(head[a:b], "big") for a, b in ((4, 8), (8, 12), (12, 20), (20, 28))]
    assert numbers == [400, 300, 900, 3000]
    assert head[28] <= 30
    assert head[29:41] == payload
    body = zlib.decompress(marked.restore_data[HEAD:])
    assert len(body) == 64 * 48 + int.from_bytes(head[89:93], "big")


def test_every_prefix_is_refused(marked: watermark.Marked) -> None:
    for length in range(len(marked.restore_data)):
        with pytest.raises(MalformedError):
            parse(marked.restore_data[:length])


def test_anything_after_the_end_is_refused(marked: watermark.Marked) -> None:
    for tail in (b"\x00", b"x" * 1000, marked.restore_data):
        with pytest.raises(MalformedError):
            parse(marked.restore_data + tail)


def test_a_bomb_is_not_unpacked(marked: watermark.Marked) -> None:
    bomb = marked.restore_data[:HEAD] + zlib.compress(bytes(1 << 26))
    with pytest.raises(MalformedError):
        parse(bomb)


@pytest.mark.parametrize("version", [0, 1, 3, 255])
def test_other_versions_are_refused(marked: watermark.Marked, version: int) -> None:
    with pytest.raises(MalformedError):
        parse(b"rsm" + bytes([version]) + marked.restore_data[4:])


@pytest.mark.parametrize("code", [15, 255])
def test_unknown_codes_are_refused(marked: watermark.Marked, code: int) -> None:
    body = bytearray(zlib.decompress(marked.restore_data[HEAD:]))
    body[5] = code
    with pytest.raises(MalformedError):
        parse(marked.restore_data[:HEAD] + zlib.compress(bytes(body)))


@given(at=st.integers(0, HEAD * 8 - 1))
@settings(max_examples=120, deadline=None)
def test_a_flipped_bit_of_the_head_never_restores(
    marked: watermark.Marked, key: bytes, at: int
) -> None:
    data = bytearray(marked.restore_data)
    data[at // 8] ^= 1 << at % 8
    with pytest.raises((MalformedError, RestoreError)):
        watermark.restore(marked.image, bytes(data), key=key)


@given(data=st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(data)


@given(head=st.binary(min_size=HEAD - 4, max_size=HEAD - 4), body=st.binary(max_size=64))
def test_garbage_behind_the_magic_is_refused(head: bytes, body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(b"rsm\x02" + head + body)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_body_never_restores_wrongly(
    marked: watermark.Marked, key: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(zlib.decompress(marked.restore_data[HEAD:]))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] = data.draw(st.integers(0, 255).filter(lambda value: value != damaged[at]))
    packed = marked.restore_data[:HEAD] + zlib.compress(bytes(damaged))
    try:
        restored = watermark.restore(marked.image, packed, key=key)
    except (MalformedError, RestoreError):
        return
    assert np.array_equal(restored, marked.original)  # a dead cell's code may not matter
