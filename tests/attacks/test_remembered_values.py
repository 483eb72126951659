"""Values of attributes are remembered by all that decides what they say, and never a patient's."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance import Site, Word, seal, verify
from provenance.dicom import attributes
from provenance.dicom.attribute_table import Group, attribute_table
from provenance.dicom.attributes import Attribute, canonical_attributes
from provenance.dicom.carrier import read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes

PROTOCOL, ROWS, WINDOW, NAME = 0x00181030, 0x00280010, 0x00281050, 0x00100010
SPACING, SEQUENCE, VENDOR = 0x00280030, 0x00081140, 0x00091001
TAGS = (PROTOCOL, ROWS, WINDOW, NAME, SPACING, SEQUENCE, VENDOR, 0x00280106, 0x00081155)
CHARSETS = (b"", b"ISO_IR 100", b"ISO_IR 144", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030")
ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 12) + struct.pack("<HHL", 0x0008, 0x1155, 4) + b"1.2\0"

values = st.sampled_from(
    [b"M\xfcller", b"M\xc3\xbcller", b"1.50\\2 ", b"15e-1 ", b"\x01\x02", b"\x02\x01", b"12", ITEM]
) | st.binary(min_size=1, max_size=140)
elements = st.tuples(
    st.sampled_from(TAGS),
    st.sampled_from([None, "LO", "DS", "US", "SS", "UI", "UN", "SQ", "OB"]),
    values,
    st.booleans(),
    st.booleans(),
)
datasets = st.tuples(
    st.sampled_from(CHARSETS),
    st.lists(elements, min_size=1, max_size=5, unique_by=lambda each: each[0]),
)


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    _forget()
    yield
    _forget()


def _forget() -> None:
    attributes._read_flat.cache_clear()
    attributes._number_digest.cache_clear()


def _dataset(charset: bytes, held: list[tuple[int, str | None, bytes, bool, bool]]) -> Dataset:
    raw = {
        BaseTag(tag): RawDataElement(BaseTag(tag), vr, len(value), value, 0, implicit, little)  # type: ignore[arg-type]
        for tag, vr, value, implicit, little in held
    }
    if charset:
        tag = BaseTag(0x00080005)
        raw[tag] = RawDataElement(tag, "CS", len(charset), charset, 0, False, True)
    return Dataset(raw)  # type: ignore[arg-type]


@settings(max_examples=400, deadline=None)
@given(st.lists(datasets, min_size=2, max_size=6))
def test_what_is_remembered_is_what_is_read_anew(
    asked: list[tuple[bytes, list[tuple[int, str | None, bytes, bool, bool]]]],
) -> None:
    """Whatever was read before: the same bytes of another attribute, VR, order or character set."""
    _forget()
    warm = [canonical_attributes(_dataset(*each)) for each in asked]
    for each, found in zip(asked, warm, strict=True):
        _forget()
        anew = canonical_attributes(_dataset(*each))
        assert found == anew
        assert [a.content for a in found] == [a.content for a in anew]


def test_the_same_bytes_in_another_character_set() -> None:
    assert attribute_table().describe(PROTOCOL).group is not Group.IDENTITY

    def said(charset: bytes) -> object:
        dataset = _dataset(charset, [(PROTOCOL, "LO", b"M\xfcller", False, True)])
        return {a.tag: a.value for a in canonical_attributes(dataset)}[PROTOCOL]

    assert said(b"ISO_IR 100") == ("Müller",)
    assert said(b"ISO_IR 144") == ("Mќller",)
    assert said(b"ISO_IR 192") != ("Müller",)
    assert said(b"ISO_IR 100") == ("Müller",)


def test_a_remembered_value_vouches_for_no_other(
    tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    site = Site.init(tmp_path / "site", name="hospital")
    pixels = np.random.default_rng(5).integers(0, 4096, (64, 64), dtype=np.uint16)
    with site.device() as device:
        sealed = seal(make_dicom(pixels), device=device).to_bytes()
        other = seal(make_dicom(pixels + 1), device=device).to_bytes()
    for _ in range(2):
        assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC
        assert verify(other, trust=site.trust).word is Word.AUTHENTIC
    changed = read_instance(sealed)
    changed.dataset.add_new(SPACING, "DS", ["0.9", "0.9"])
    found = verify(instance_bytes(changed), trust=site.trust)
    assert found.word is Word.ALTERED
    assert {change.tag for change in found.changes} == {SPACING}
    # the seal of one on the other: every value of both is known by now
    moved, carrier = read_instance(other), read_carrier(read_instance(sealed).dataset)
    assert carrier is not None
    write_carrier(moved.dataset, carrier)
    assert verify(instance_bytes(moved), trust=site.trust).word is Word.ALTERED
    assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC


def test_threads_that_verify_at_once_get_each_its_own_answer(
    tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    sites = [Site.init(tmp_path / name, name=name) for name in ("one", "two")]
    pixels = np.random.default_rng(6).integers(0, 4096, (64, 64), dtype=np.uint16)
    asked = []
    for site in sites:
        with site.device() as device:
            sealed = seal(make_dicom(pixels), device=device).to_bytes()
        changed = read_instance(sealed)
        changed.dataset.add_new(SPACING, "DS", ["0.9", "0.9"])
        asked += [(sealed, site, Word.AUTHENTIC), (instance_bytes(changed), site, Word.ALTERED)]
        asked += [(sealed, other, Word.UNTRUSTED) for other in sites if other is not site]
    trust = {site.folder: site.trust for site in sites}
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda each: verify(each[0], trust=trust[each[1].folder]), asked * 8)
    assert [found.word for found in answers] == [word for _, _, word in asked * 8]


def test_who_the_patient_is_is_never_remembered() -> None:
    known = {tag for tag, row in attribute_table().signed.items() if row.group is Group.IDENTITY}
    assert {NAME, 0x00100020, 0x00100030} <= known
    held = [(tag, "LO", b"Test^Phantom", False, True) for tag in sorted(known)]
    held += [(VENDOR, "LO", b"Test^Phantom", False, True)]
    canonical_attributes(_dataset(b"", held))
    assert attributes._read_flat.cache_info().currsize == 0
    assert attributes._number_digest.cache_info().currsize == 0


def test_what_is_remembered_has_an_end() -> None:
    def read(value: bytes) -> None:
        held = [(PROTOCOL, "LO", value, False, True), (VENDOR, "UL", value, False, True)]
        found: tuple[Attribute, ...] = canonical_attributes(_dataset(b"", held))
        assert found

    for number in range(attributes.REMEMBERED + 3):
        read(b"%06d" % number)
    for each in (attributes._read_flat, attributes._number_digest):
        kept = each.cache_info()
        assert kept.maxsize == kept.currsize == attributes.REMEMBERED
    before = attributes._read_flat.cache_info().misses
    read(b"x" * (attributes.MAX_REMEMBERED + 2))
    assert attributes._read_flat.cache_info().misses == before
