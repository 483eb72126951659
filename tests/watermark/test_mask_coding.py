import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from watermark import MalformedError
from watermark.mask_coding import pack, unpack

SHAPES = st.tuples(st.integers(1, 64), st.integers(1, 64))
MASKS = arrays.arrays(np.uint8, SHAPES, elements=st.integers(0, 14))


@given(codes=MASKS)
@settings(max_examples=60, deadline=None)
def test_what_was_packed_is_unpacked(codes: np.ndarray) -> None:
    assert np.array_equal(unpack(pack(codes), codes.shape), codes)


def test_the_largest_mask_of_the_worst_codes_fits() -> None:
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 15, (64, 64), dtype=np.uint8)
    packed = pack(noise)
    assert len(packed) < 4096  # a byte a code, as it lies in memory
    assert np.array_equal(unpack(packed, (64, 64)), noise)


def test_neighbours_foretell() -> None:
    even = np.full((64, 64), 9, np.uint8)
    assert len(pack(even)) < 30
    even[:, 32:] = 11
    assert len(pack(even)) < 100


def test_the_example_of_the_spec() -> None:
    codes = np.array([[9, 9, 10, 10], [9, 10, 10, 11], [0, 0, 10, 11]], np.uint8)
    assert pack(codes).hex() == "309b76e065f2"


@given(packed=st.binary(max_size=200), shape=SHAPES)
@settings(deadline=None)
def test_bytes_are_refused_or_the_only_ones_of_their_mask(
    packed: bytes, shape: tuple[int, int]
) -> None:
    try:
        codes = unpack(packed, shape)
    except MalformedError:
        return
    assert pack(codes) == packed


@pytest.mark.parametrize("packed", [b"", b"\0", b"\0\x01", bytes(20_000), b"\xff" * 20_000])
def test_no_mask(packed: bytes) -> None:
    with pytest.raises(MalformedError):
        unpack(packed, (64, 64))
