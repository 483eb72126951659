"""Random damage to a sealed file: never AUTHENTIC with a changed meaning, never a traceback."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import Site, TrustStore, Word, seal, verify
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes
from provenance.header_tree import hash_header

SEED = bytes(32)


@pytest.fixture(scope="module")
def trust(site: Site) -> TrustStore:
    return site.trust


class Sealed(bytes):
    """Bytes that do not fill a failure report."""

    def __repr__(self) -> str:
        return f"{len(self)} sealed bytes"


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    with site.device() as device:
        return Sealed(seal(make_dicom(), device=device).to_bytes())


def meaning(instance: Instance) -> tuple[object, ...]:
    """What a reader of the object sees: samples, and the signed attributes."""
    geometry = pixel_geometry(instance)
    samples = [f.tobytes() for f in frames(instance, geometry)] if geometry else []
    signed = [a for a in canonical_attributes(instance.dataset) if a.group != "private"]
    return samples, hash_header(signed, SEED).root


@pytest.fixture(scope="module")
def sealed_meaning(sealed: bytes) -> tuple[object, ...]:
    return meaning(read_instance(sealed))


def check(data: bytes, trust: TrustStore, sealed_meaning: tuple[object, ...]) -> None:
    if verify(data, trust=trust).word is Word.AUTHENTIC:
        assert meaning(read_instance(data)) == sealed_meaning


# Half of the damage goes where the header and the carrier are.
PLACES = st.integers(0, 2_000) | st.integers(0, 1 << 20)


@settings(max_examples=300)
@given(
    flips=st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=3),
    cut=st.none() | st.tuples(PLACES, st.integers(1, 40)),
)
def test_bytes_of_the_file(
    sealed: bytes,
    trust: TrustStore,
    sealed_meaning: tuple[object, ...],
    flips: list[tuple[int, int]],
    cut: tuple[int, int] | None,
) -> None:
    damaged = bytearray(sealed)
    for place, flip in flips:
        damaged[place % len(damaged)] ^= flip
    if cut is not None:
        at = cut[0] % len(damaged)
        del damaged[at : at + cut[1]]
    check(bytes(damaged), trust, sealed_meaning)


@settings(max_examples=300)
@given(which=st.integers(0, 2), place=st.integers(0, 1 << 20), flip=st.integers(1, 255))
def test_bytes_of_the_seal(
    sealed: bytes, trust: TrustStore, which: int, place: int, flip: int
) -> None:
    instance = read_instance(sealed)
    values = read_carrier(instance.dataset)
    assert values is not None
    parts = [values.statement, values.annex, values.receipt, values.restore]
    part = bytearray(parts[which] or b"")
    part[place % len(part)] ^= flip
    parts[which] = bytes(part)
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, Carrier(*parts))
    word = verify(instance_bytes(instance), trust=trust).word
    if which == 2:  # a receipt may lose lines that are not its log's
        assert word in (Word.NOT_CHECKED, Word.AUTHENTIC)
    else:  # a label in the annex may name another attribute than the leaf it stands beside
        assert word in (Word.ALTERED, Word.STRIPPED, Word.HEADER_CHANGED)


@given(garbage=st.binary(max_size=600))
def test_garbage_is_unreadable(trust: TrustStore, garbage: bytes) -> None:
    assert verify(garbage, trust=trust).word in (Word.UNREADABLE, Word.UNSEALED)
