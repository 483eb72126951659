"""Traces of a person: found wherever a copy may hide them, and not where there are none."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, generate_uid

from provenance.deidentification.elements import every_element
from provenance.deidentification.search import search
from provenance.deidentification.traces import Traces, fold, traces_of, words_of
from provenance.dicom.read import read_instance
from provenance.errors import UnreadableError

Make = Callable[..., bytes]
Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def original(make_dicom: Make) -> bytes:
    return make_dicom(
        np.zeros((8, 8), np.uint16),
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Müller-Lüdenscheidt^Ömer",
        PatientID="H-4711/23",
        AccessionNumber="A0099887",
        PatientBirthDate="19620229",
        InstitutionName="Haus am See",
        DeviceSerialNumber="SN 0042-X",
        OtherPatientNames="山田^太郎",
        StudyInstanceUID="1.2.826.0.1.3680043.8.498.4711",
    )


@pytest.fixture(scope="module")
def traces(original: bytes) -> Traces:
    return traces_of(read_instance(original), [SEED])


@pytest.fixture(scope="module")
def clean(make_dicom: Make) -> bytes:
    return make_dicom(
        np.zeros((8, 8), np.uint16),
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Anon^A",
        PatientID="X9",
        PatientBirthDate="",
        StudyDescription="Thorax p.a., 3 Aufnahmen",
        PixelSpacing=[0.19620229, 0.15],  # the digits of the birth date, and no date
    )


def places(data: bytes, traces: Traces) -> dict[str, str]:
    return {str(r.place): r.what for r in search(read_instance(data), traces)}


def item(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_nothing_in_a_clean_copy(clean: bytes, traces: Traces) -> None:
    assert places(clean, traces) == {}


@pytest.mark.parametrize(
    ("keyword", "value", "what"),
    [
        ("StudyDescription", "Kontrolle MUELLER, Müller-Lüdenscheidt", "a name"),
        ("StudyDescription", "prior of muller-ludenscheidt", "a name"),
        ("ImageComments", "Herr ÖMER, nüchtern", "a name"),
        ("ImageComments", "see h 4711 23", "an identifier"),
        ("PatientComments", "xxMuellerxx 山田さん", "a name"),
        ("ProtocolName", "Order A0099887", "an identifier"),
        ("SeriesDescription", "HAUS AM SEE", "an identifier"),
        ("SoftwareVersions", ["1.0", "SN0042X"], "an identifier"),
        ("ImageComments", "geb. 1962-02-29", "a date"),
        ("AcquisitionDateTime", "19620229120000", "a date"),
        ("FrameOfReferenceUID", "1.2.826.0.1.3680043.8.498.4711", "a UID"),
        ("FrameOfReferenceUID", "1.2.826.0.1.3680043.8.498.4711.1", "a UID"),
        ("ImageComments", "study 1.2.826.0.1.3680043.8.498.4711!", "a UID"),
        (
            "ImageComments",
            "9." * 40 + "1.2.826.0.1.3680043.8.498.4711",
            "digits and dots, longer than any UID",
        ),
    ],
)
def test_in_text(
    clean: bytes, edit: Edit, traces: Traces, keyword: str, value: object, what: str
) -> None:
    assert places(edit(clean, lambda d: setattr(d, keyword, value)), traces) == {keyword: what}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageComments", "Kommen wir zur Sache"),  # short words within others
        ("ImageComments", "A00998871"[:7]),
        ("FrameOfReferenceUID", "1.2.826.0.1.3680043.8.498.47110"),
        ("ImageComments", "1962022"),
    ],
)
def test_what_is_not_theirs(
    clean: bytes, edit: Edit, traces: Traces, keyword: str, value: object
) -> None:
    assert places(edit(clean, lambda d: setattr(d, keyword, value)), traces) == {}


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("vr", "value", "what"),
    [
        ("LO", "Ömer", "a name"),
        ("OB", b"\0\1\2Patient=M\xfcller-L\xfcdenscheidt\0", "a name"),  # ISO 8859-1
        ("UN", "Müller-Lüdenscheidt".encode(), "a name"),
        ("OB", "M\0\xfc\0l\0l\0e\0r\0-\0L\0".encode("latin-1") + b"a0099887\0", "an identifier"),
        ("OB", b"\xff" * 9 + "A0099887".encode("utf-16-le"), "an identifier"),
        ("OB", b"\xff" * 9 + "Müller-Lüdenscheidt".encode("utf-16-le") + b"\0", "a name"),
        ("OB", b"\x01\x0219620229\x03", "a date"),
        ("OB", "born 19620229".encode("utf-16-le"), "a date"),
        ("OB", "1.2.826.0.1.3680043.8.498.4711".encode("utf-16-be"), "a UID"),
        ("OB", b"\x01" + b"1.2.826.0.1.3680043.8.498.4711\0", "a UID"),
        ("OB", b"\xaa" + SEED + b"\xaa", "its seal"),
        ("DS", "0099887", None),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_in_private_elements(
    clean: bytes, traces: Traces, vr: str, value: object, what: str | None, nested: bool,
    implicit: bool,
) -> None:  # fmt: skip
    dataset = pydicom.dcmread(BytesIO(clean))
    holder = dataset
    if nested:
        holder = Dataset()
        outer = item(ReferencedImageSequence=Sequence([holder]))
        dataset.add_new(0x00290010, "LO", "SOMEONE")
        dataset.add_new(0x00291000, "SQ", Sequence([outer]))
    holder.add(DataElement(0x00310010, "LO", "SOMEONE"))
    holder.add(DataElement(0x00311001, vr, value))
    if implicit:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    buffer = BytesIO()
    dataset.save_as(buffer, implicit_vr=implicit, enforce_file_format=True)
    found = places(buffer.getvalue(), traces)
    if what is None:
        assert found == {}
    else:
        within = "(0029,1000)[0].ReferencedImageSequence[0]." if nested else ""
        assert found[f"{within}(0031,1001)"] == what


@pytest.mark.parametrize("private", [False, True])
def test_in_sequences_of_undefined_length(
    clean: bytes, edit: Edit, traces: Traces, private: bool
) -> None:
    inner = item(RequestedProcedureID="A0099887")
    inner.is_undefined_length_sequence_item = True
    middle = item(RequestAttributesSequence=Sequence([inner]))
    middle["RequestAttributesSequence"].is_undefined_length = True
    middle.is_undefined_length_sequence_item = True

    def change(dataset: pydicom.Dataset) -> None:
        tag = 0x00291000 if private else 0x00400275
        dataset.add_new(0x00290010, "LO", "SOMEONE")
        dataset.add_new(tag, "SQ", Sequence([middle]))
        dataset[tag].is_undefined_length = True

    outer = "(0029,1000)" if private else "RequestAttributesSequence"
    place = f"{outer}[0].RequestAttributesSequence[0].RequestedProcedureID"
    assert places(edit(clean, change), traces) == {place: "an identifier"}


def test_a_long_run_takes_no_longer(clean: bytes, edit: Edit, traces: Traces) -> None:
    found = places(edit(clean, lambda d: d.add_new(0x00311001, "OB", b"1." * 500_000)), traces)
    assert found == {"(0031,1001)": "digits and dots, longer than any UID"}


def test_in_nested_sequences(clean: bytes, edit: Edit, traces: Traces) -> None:
    deep = item(RequestedProcedureID="A0099887")
    for _ in range(8):
        deep = item(RequestAttributesSequence=Sequence([item(), deep]))
    found = places(edit(clean, lambda d: d.update(deep)), traces)
    place = "RequestAttributesSequence[1]." * 8 + "RequestedProcedureID"
    assert found == {place: "an identifier"}


def test_an_item_has_its_own_character_set(clean: bytes, edit: Edit, traces: Traces) -> None:
    inner = item(SpecificCharacterSet="ISO_IR 100", PatientName="Ömer^X")

    def change(dataset: pydicom.Dataset) -> None:
        dataset.OtherPatientIDsSequence = Sequence([inner])

    assert places(edit(clean, change), traces) == {
        "OtherPatientIDsSequence[0].PatientName": "a name"
    }


def test_uids_of_classes_are_no_traces(original: bytes, edit: Edit) -> None:
    private_class = generate_uid()
    found = traces_of(
        read_instance(edit(original, lambda d: setattr(d, "SOPClassUID", private_class)))
    )
    assert private_class not in found.uids
    assert "1.2.826.0.1.3680043.8.498.4711" in found.uids


def test_what_is_too_short_is_no_trace(make_dicom: Make) -> None:
    data = make_dicom(np.zeros((8, 8), np.uint16), PatientName="Li^A", PatientID="12", StudyID="1")
    found = traces_of(read_instance(data))
    assert {t.compact for t in (*found.names, *found.numbers)} == set()


def test_values_are_not_shown(traces: Traces) -> None:
    assert "4711" not in repr(traces)
    assert "muller" not in repr(traces)


@given(st.text(max_size=40))
def test_words_are_folded(text: str) -> None:
    words = words_of(text)
    assert words == words_of(text.upper().lower()) or not text.isascii()
    assert all(words_of(word) == (word,) or not word.isascii() for word in words)
    assert fold("") == ""


@given(st.binary(max_size=200), st.sampled_from(["UN", "OB", "LO", "SQ", "UT"]))
def test_any_bytes_are_walked(value: bytes, vr: str) -> None:
    """Whatever an element holds: leaves come out, or the one error there is for it."""
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    dataset.add_new(0x00310010, "LO", "SOMEONE")
    dataset.add_new(0x00311001, "OB", value + b"\0" * (len(value) % 2))
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue().replace(b"\x31\0\x01\x10OB", b"\x31\0\x01\x10" + vr.encode())
    try:
        instance = read_instance(data)
        leaves = list(every_element(instance))
    except UnreadableError:
        return
    assert all(leaf.value for leaf in leaves)
