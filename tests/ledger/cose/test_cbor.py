"""Deterministic CBOR: one encoding per value, and nothing hostile gets to the decoder."""

import math

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import MalformedError, UsageError, decode_cbor, encode_cbor

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=300)
    | st.text(max_size=30)
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=4)
        | st.dictionaries(st.text(max_size=30), inner, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: _depth(value) <= 8)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(VALUES)
def test_what_is_encoded_decodes_to_itself(value: object) -> None:
    encoded = encode_cbor(value)
    assert decode_cbor(encoded, max_size=len(encoded)) == value
    with pytest.raises(MalformedError):
        decode_cbor(encoded, max_size=len(encoded) - 1)
    with pytest.raises(MalformedError):
        decode_cbor(encoded + b"\x00", max_size=100_000)
    with pytest.raises(MalformedError):
        decode_cbor(encoded[:-1], max_size=100_000)


@given(st.binary(max_size=64))
def test_arbitrary_bytes_decode_to_their_own_encoding_or_not_at_all(data: bytes) -> None:
    try:
        value = decode_cbor(data, max_size=64)
    except MalformedError:
        return
    assert encode_cbor(value) == data


@pytest.mark.parametrize(
    "text",
    [
        "",  # nothing
        "1800",  # an integer in two bytes where one does
        "1900ff",
        "5800",  # a length in two bytes
        "a2020101 01",  # keys out of order
        "a201010102",  # a key twice
        "a2010161 6102",  # keys of two kinds
        "a12001",  # a negative key
        "a1410102",  # a byte string as key
        "a1f501",
        "9f01ff",  # indefinite lengths
        "bf0101ff",
        "5f4101ff",
        "1f",
        "3f",
        "c074323031332d30332d32315432303a30343a30305a",  # tags: a date
        "c249010000000000000000",  # a bignum
        "d8236128",  # a regular expression
        "c5821a7fffffff03",  # a bigfloat that would fill the memory
        "f7",  # undefined
        "e0",
        "f818",
        "fb3ff0000000000000",  # a double where half does
        "f97e01",  # a NaN with a payload
        "61ff",  # not UTF-8
        "62eda080",
        "9bffffffffffffffff",  # more items than bytes
        "bbffffffffffffffff",
        "5bffffffffffffffff",
        "818181818181818180",  # nine deep
        "8201",
    ],
)
def test_what_the_profile_does_not_hold(text: str) -> None:
    with pytest.raises(MalformedError):
        decode_cbor(bytes.fromhex(text), max_size=1_000)


def test_eight_deep_is_enough_and_nine_is_not() -> None:
    assert decode_cbor(bytes.fromhex("8181818181818180"), max_size=8)
    assert decode_cbor(b"\x80", max_size=1, max_depth=1) == []
    with pytest.raises(MalformedError):
        decode_cbor(b"\x80", max_size=1, max_depth=0)


@pytest.mark.parametrize(
    "value",
    [
        {1: 1, "a": 2},
        {-1: 1},
        {b"": 1},
        {1},
        2**64,
        -(2**64) - 1,
        "\ud800",
        cbor2.CBORTag(1, 2),
        [[[[[[[[[]]]]]]]]],
        object(),
        cbor2.undefined,
    ],
)
def test_values_that_are_refused(value: object) -> None:
    with pytest.raises(UsageError):
        encode_cbor(value)


def test_a_loop_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(UsageError):
        encode_cbor(loop)


def test_examples_of_the_standard() -> None:
    """RFC 8949, appendix A, where the profile has the value."""
    for value, encoded in (
        (24, "1818"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-18446744073709551616, "3bffffffffffffffff"),
        (1.5, "f93e00"),
        (100000.0, "fa47c35000"),
        (1.1, "fb3ff199999999999a"),
        (-math.inf, "f9fc00"),
        ("ü", "62c3bc"),
        ({1: 2, 3: 4}, "a201020304"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
    ):
        assert encode_cbor(value).hex() == encoded
        assert decode_cbor(bytes.fromhex(encoded), max_size=100) == value


def test_integer_keys_are_in_the_order_of_their_bytes() -> None:
    assert (
        encode_cbor({100: 0, 9: 0, 70_000: 0, 24: 0}).hex()
        == "a40900181800186400" + "1a00011170" + "00"
    )


_INTEGERS = ["00", "17", "1817", "1818", "1900ff", "190100", "1a0000ffff", "1a00010000"]
_INTEGERS += ["1b00000000ffffffff", "1b0000000100000000", "1b" + 8 * "00"]
_STRINGS = ["40", "50" + 16 * "ab", "580100", "5820" + 32 * "ab", "5841" + 65 * "ab"]
_OTHERS = ["f5", "f6", "80", "a0", "c000", "f90000"]
ITEMS = [bytes.fromhex(each) for each in _INTEGERS + _STRINGS + _OTHERS]
PAIRS = st.tuples(st.sampled_from([b"\x00", b"\x01", b"\x02", b"\x17"]), st.sampled_from(ITEMS))


@given(st.lists(PAIRS, max_size=4), st.sampled_from([0, 0, 0, 1, -1]))
def test_flat_maps_are_taken_as_all_others_are(pairs: list[tuple[bytes, bytes]], off: int) -> None:
    count = max(0, len(pairs) + off)
    data = bytes([0xA0 + count]) + b"".join(key + item for key, item in pairs)
    try:
        inside = decode_cbor(b"\x81" + data, max_size=512)  # not flat: by the general way
    except MalformedError:
        with pytest.raises(MalformedError):
            decode_cbor(data, max_size=512)
    else:
        assert [decode_cbor(data, max_size=512)] == inside
        assert cbor2.dumps(inside, canonical=True) == b"\x81" + data
