"""A character set that was swapped is named as the cause, and proven by the signed leaf."""

from collections.abc import Callable
from io import BytesIO

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from provenance import Site, Word, seal, verify
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.header_tree import changed_attributes, hash_header
from provenance.judging.charset_swap import CHARSETS, find_charset_swap

Make = Callable[..., bytes]
SEED = bytes(range(32))
NAMES = {
    "ISO_IR 100": "Þórður^Æsa",
    "ISO_IR 101": "Dvořák^Jiří",
    "ISO_IR 144": "Люкceмбypг",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 192": "Wang^XiaoDong=王^小东",
    "GB18030": "Wang^XiaoDong=王^小东",
}


def named(make_dicom: Make, charset: str, name: str, **more: str) -> bytes:
    return make_dicom(SpecificCharacterSet=charset, PatientName=name, **more)


def relabelled(data: bytes, charset: str | None) -> bytes:
    """Swap what is declared, and leave the text as it lies there."""
    instance = read_instance(data)
    tag = BaseTag(0x00080005)
    instance.dataset._dict.pop(tag, None)
    if charset is not None:
        value = charset.encode()
        instance.dataset._dict[tag] = RawDataElement(tag, "CS", len(value), value, 0, False, True)
    return instance_bytes(instance)


def swap_of(before: bytes, after: bytes):  # type: ignore[no-untyped-def]
    signed = hash_header(canonical_attributes(read_instance(before).dataset), SEED)
    dataset = read_instance(after).dataset
    changes = changed_attributes(signed, canonical_attributes(dataset))
    return find_charset_swap(signed, dataset, changes), changes


@pytest.mark.parametrize("charset", NAMES)
@pytest.mark.parametrize("now", ["ISO_IR 109", "ISO_IR 192", None])
def test_the_set_of_then_is_named(make_dicom: Make, charset: str, now: str | None) -> None:
    before = named(make_dicom, charset, NAMES[charset])
    found, changes = swap_of(before, relabelled(before, now))
    if charset == now or (charset, now) == ("ISO_IR 100", None):  # read as everyone reads it
        assert (found, changes) == (None, ())
        return
    assert [change.keyword for change in changes] == ["PatientName"]
    assert found is not None
    assert found.keywords == ("PatientName",)
    assert found.declared == (now or "the default repertoire")


def test_an_edit_is_no_swap(make_dicom: Make) -> None:
    before = named(make_dicom, "ISO_IR 100", "Müller^Jürgen")
    after = named(make_dicom, "ISO_IR 100", "Möller^Jürgen")
    found, changes = swap_of(before, after)
    assert "PatientName" in {change.keyword for change in changes}
    assert found is None


def test_what_was_edited_beside_a_swap_is_not_excused(make_dicom: Make) -> None:
    before = named(make_dicom, "ISO_IR 100", "Müller^Jürgen", StudyDescription="Schädel")
    edited = pydicom.dcmread(BytesIO(before))
    edited.StudyDescription = "Schädel, böse"
    buffer = BytesIO()
    edited.save_as(buffer)
    found, changes = swap_of(before, relabelled(buffer.getvalue(), "ISO_IR 144"))
    assert {change.keyword for change in changes} == {"PatientName", "StudyDescription"}
    assert found is not None
    assert found.keywords == ("PatientName",)


def test_text_in_sequences(make_dicom: Make) -> None:
    item = pydicom.Dataset()
    item.CodeMeaning = "Schädel"
    before = named(make_dicom, "ISO_IR 100", "Doe^Jane", ProcedureCodeSequence=[item])
    found, _ = swap_of(before, relabelled(before, "ISO_IR 144"))
    assert found is not None
    assert found.keywords == ("ProcedureCodeSequence",)


def test_the_verdict_says_it(make_dicom: Make, site: Site) -> None:
    with site.device() as device:
        data = seal(named(make_dicom, "ISO_IR 100", "Müller^Jürgen"), device=device).to_bytes()
    verdict = verify(relabelled(data, "ISO_IR 144"), trust=site.trust)
    assert verdict.word is Word.HEADER_CHANGED
    (said,) = (c.detail for c in verdict.checks if c.code is Code.CHARSET_SWAPPED)
    assert "PatientName: the bytes are as sealed, and were text in ISO_IR 100" in said
    assert "ISO_IR 144 is declared now" in said


@settings(max_examples=150, deadline=None)
@given(
    name=st.binary(min_size=1, max_size=30),
    declared=st.sampled_from([c for c in CHARSETS if c]) | st.binary(max_size=20),
    signed=st.sampled_from([c for c in CHARSETS if c]),
)
def test_whatever_is_declared_it_raises_nothing(
    name: bytes, declared: str | bytes, signed: str
) -> None:
    def made(charset: str | bytes) -> pydicom.Dataset:
        terms = charset.encode() if isinstance(charset, str) else charset
        parts = ((0x00080005, "CS", terms), (0x00100010, "PN", name))
        held = {}
        for tag, vr, value in parts:
            key = BaseTag(tag)
            held[key] = pydicom.dataelem.RawDataElement(key, vr, len(value), value, 0, False, True)
        dataset = pydicom.Dataset(held)
        dataset.set_original_encoding(False, True, "iso8859")
        return dataset

    tree = hash_header(canonical_attributes(made(signed)), SEED)
    now = made(declared)
    changes = changed_attributes(tree, canonical_attributes(now))
    found = find_charset_swap(tree, now, changes)
    changed = {change.tag for change in changes}
    if 0x00100010 in changed and (not name.isascii() or b"\x1b" in name):
        assert found is None or found.keywords == ("PatientName",)
    else:
        assert found is None
