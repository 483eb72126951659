import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from watermark import MalformedError, RestoreError
from watermark.mask_coding import pack, unpack
from watermark.restore_data import parse

VECTOR = Path(__file__).resolve().parents[1] / "vectors" / "mark" / "restore.json"

HEAD = 79
RAW = -15


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
    assert head[:4] == bytes.fromhex("72736d03")
    numbers = [int.from_bytes(head[a:b], "big") for a, b in ((4, 8), (8, 12), (12, 20), (20, 28))]
    assert numbers == [400, 300, 900, 3000]
    assert head[28] <= 30
    assert head[29:41] == payload
    kept, mask = int.from_bytes(head[73:77], "big"), int.from_bytes(head[77:79], "big")
    assert unpack(marked.restore_data[HEAD : HEAD + mask], (64, 48)).shape == (64, 48)
    assert len(zlib.decompress(marked.restore_data[HEAD + mask :], RAW)) == kept > 0


@pytest.mark.parametrize("version", ["2", "3"])
def test_what_was_marked_once_is_restored(version: str) -> None:
    vector = json.loads(VECTOR.read_text())
    pixels = zlib.decompress(bytes.fromhex(vector["marked"]))
    image = np.frombuffer(pixels, "<u2").reshape(vector["rows_columns"]).astype(np.uint16)
    data, key = bytes.fromhex(vector["restore_data"][version]), bytes.fromhex(vector["key"])
    original = watermark.restore(image, data, key=key)
    digest = hashlib.sha256(original.astype("<u2").tobytes()).hexdigest()
    assert digest == vector["original_sha256"]
    assert parse(data).encode() == bytes.fromhex(vector["restore_data"]["3"])
    for length in range(0, len(data), 7):
        with pytest.raises(MalformedError):
            parse(data[:length])
    with pytest.raises(MalformedError):
        parse(data + b"x")


def test_every_prefix_is_refused(marked: watermark.Marked) -> None:
    for length in range(len(marked.restore_data)):
        with pytest.raises(MalformedError):
            parse(marked.restore_data[:length])


def test_anything_after_the_end_is_refused(marked: watermark.Marked) -> None:
    for tail in (b"\x00", b"x" * 1000, marked.restore_data):
        with pytest.raises(MalformedError):
            parse(marked.restore_data + tail)


def test_a_bomb_is_not_unpacked(marked: watermark.Marked) -> None:
    size = int.from_bytes(marked.restore_data[77:79], "big")
    deflater = zlib.compressobj(9, zlib.DEFLATED, RAW)
    bomb = deflater.compress(bytes(1 << 26)) + deflater.flush()
    with pytest.raises(MalformedError):
        parse(marked.restore_data[: HEAD + size] + bomb)
    former = bytes.fromhex(json.loads(VECTOR.read_text())["restore_data"]["2"])
    with pytest.raises(MalformedError):
        parse(former[:93] + zlib.compress(bytes(1 << 26)))


@pytest.mark.parametrize("version", [0, 1, 2, 4, 255])
def test_other_versions_are_refused(marked: watermark.Marked, version: int) -> None:
    with pytest.raises(MalformedError):
        parse(b"rsm" + bytes([version]) + marked.restore_data[4:])


@pytest.mark.parametrize("code", [15, 255])
def test_unknown_codes_of_version_2_are_refused(code: int) -> None:
    former = bytes.fromhex(json.loads(VECTOR.read_text())["restore_data"]["2"])
    body = bytearray(zlib.decompress(former[93:]))
    body[5] = code
    with pytest.raises(MalformedError):
        parse(former[:93] + zlib.compress(bytes(body)))


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


@given(
    version=st.sampled_from([2, 3]),
    head=st.binary(min_size=HEAD - 4, max_size=HEAD + 10),
    body=st.binary(max_size=64),
)
def test_garbage_behind_the_magic_is_refused(version: int, head: bytes, body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(b"rsm" + bytes([version]) + head + body)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_body_never_restores_wrongly(
    marked: watermark.Marked, key: bytes, data: st.DataObject
) -> None:
    end = HEAD + int.from_bytes(marked.restore_data[77:79], "big")
    codes = unpack(marked.restore_data[HEAD:end], (64, 48)).copy()
    at = data.draw(st.integers(0, 63)), data.draw(st.integers(0, 47))
    codes[at] = data.draw(st.integers(0, 14).filter(lambda value: value != codes[at]))
    mask = pack(codes)
    head = marked.restore_data[:77] + len(mask).to_bytes(2, "big")
    try:
        restored = watermark.restore(marked.image, head + mask + marked.restore_data[end:], key=key)
    except (MalformedError, RestoreError):
        return
    assert np.array_equal(restored, marked.original)  # a dead cell's code may not matter


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_restore_wrongly(
    marked: watermark.Marked, key: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(marked.restore_data)
    at = data.draw(st.integers(HEAD, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    try:
        restored = watermark.restore(marked.image, bytes(damaged), key=key)
    except (MalformedError, RestoreError):
        return
    assert np.array_equal(restored, marked.original)
