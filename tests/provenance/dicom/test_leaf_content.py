"""What a leaf says is the CBOR of group, tag and value, put together or not."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.dicom.attribute_table import PRIVATE_TAG, Group, Severity
from provenance.dicom.attributes import Attribute, CanonicalValue
from provenance.dicom.leaf_content import leaf_content

plain = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1), st.text(max_size=9), st.binary(max_size=40)
)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=20)
sizes = st.integers(0, 300) | st.integers(0, 1 << 32)
digests = st.tuples(sizes, st.binary(min_size=32, max_size=32) | st.binary(max_size=33))
private_tags = st.integers(0, (1 << 32) - 1)
paths = st.just(()) | st.lists(st.integers(0, (1 << 32) - 1), max_size=4).map(tuple)
entries = st.tuples(paths, private_tags, digests | values)


def _whole(tag: int, group: Group, value: CanonicalValue | None) -> bytes:
    return cbor2.dumps([group.value, tag, value], canonical=True)


@given(st.integers(0, (1 << 32) - 1), st.sampled_from(Group), values | st.none())
def test_any_attribute(tag: int, group: Group, value: CanonicalValue | None) -> None:
    assert leaf_content(tag, group, value) == _whole(tag, group, value)
    attribute = Attribute(tag, "Any", group, Severity.LOW, value)
    assert attribute.content == _whole(tag, group, value)


@given(st.lists(entries, max_size=30))
def test_private_elements(found: list[tuple[tuple[int, ...], int, CanonicalValue]]) -> None:
    value = tuple(found)
    expected = _whole(PRIVATE_TAG, Group.PRIVATE, value)
    assert leaf_content(PRIVATE_TAG, Group.PRIVATE, value) == expected


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_any_number_of_private_elements(count: int) -> None:
    value = tuple(((), 0x00091000 + i, (2 + i % 400, bytes(32))) for i in range(count))
    expected = _whole(PRIVATE_TAG, Group.PRIVATE, value)
    assert leaf_content(PRIVATE_TAG, Group.PRIVATE, value) == expected
