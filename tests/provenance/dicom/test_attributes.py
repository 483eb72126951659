"""The signed attributes: the same for every way to write a dataset, another for every edit."""

import copy
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from provenance.dicom.attribute_table import Rule, attribute_table
from provenance.dicom.attributes import (
    MAX_ATTRIBUTES,
    Attribute,
    Group,
    Kind,
    Severity,
    canonical_attributes,
)
from provenance.dicom.carrier import Carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.errors import RadsealError, Unreadable, UnreadableError
from provenance.header_tree import changed_attributes, hash_header

SEED = bytes(range(32))
SHIPPED = sorted(
    path
    for folder in ("test_files", "charset_files")
    for path in (Path(pydicom.data.__file__).parent / folder).glob("*.dcm")
)
_SWAPPED = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def values(dataset: Dataset) -> dict[str, object]:
    return {a.keyword: a.value for a in canonical_attributes(dataset)}


def changes(before: Dataset, after: Dataset) -> list[tuple[str, str, str]]:
    signed = hash_header(canonical_attributes(before), SEED)
    return [
        (change.keyword, change.kind, change.severity)
        for change in changed_attributes(signed, canonical_attributes(after))
    ]


def reencoded(dataset: Dataset, *, implicit: bool, little: bool) -> Dataset:
    """Write a copy in another encoding, as pydicom does, and read it back."""
    dataset = copy.deepcopy(dataset)
    was_little = dataset.original_encoding[1] is not False
    for element in dataset.iterall():
        width = _SWAPPED.get(element.VR)
        if width and was_little != little:
            value = element.value  # pydicom leaves the byte order of these to its caller
            element.value = b"".join(
                value[i : i + width][::-1] for i in range(0, len(value), width)
            )
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = little, implicit
    write_dataset(fp, dataset)
    return read_dataset(BytesIO(fp.getvalue()), implicit, little)


@pytest.fixture
def radiograph() -> Dataset:
    """A small projection radiograph's header; no pixels."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = "2.25.1"
    dataset.Modality = "DX"
    dataset.PatientName = "Müller^Jörg"
    dataset.PatientID = "P1"
    dataset.ImageLaterality = "L"
    dataset.ImagerPixelSpacing = ["0.143", "0.143"]
    dataset.WindowCenter = "2048"
    dataset.KVP = "70"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D3000", "SRT", "Chest"
    dataset.AnatomicRegionSequence = [code]
    dataset.Rows, dataset.BitsStored, dataset.PixelRepresentation = 4, 12, 0
    dataset.add_new(0x00280120, "US", 4095)
    return dataset


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_re_saving_means_nothing(path: Path) -> None:
    """Matrix rows 1 and 2, for every whole file that pydicom ships and can write again."""
    try:
        read_instance(path)
    except UnreadableError:
        pytest.skip("this file is cut short or no DICOM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
    before = canonical_attributes(dataset)
    tree = hash_header(before, SEED)
    written = 0
    for implicit, little in ((True, True), (False, True), (False, False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                again = reencoded(dataset, implicit=implicit, little=little)
            except (OSError, AttributeError, TypeError, ValueError, NotImplementedError):
                continue  # pydicom cannot write this file so
        after = canonical_attributes(again)
        assert changed_attributes(tree, after) == ()
        assert hash_header(after, SEED).root == tree.root
        written += 1
    assert written


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_does_not_matter_who_decoded_the_values(path: Path) -> None:
    try:
        ours = canonical_attributes(read_instance(path).dataset)
    except UnreadableError:
        pytest.skip("this file is cut short or no DICOM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        assert canonical_attributes(dataset) == ours
        for element in dataset.iterall():
            assert element.value is not dataset  # decode everything
    assert canonical_attributes(dataset) == ours


def test_reading_changes_nothing() -> None:
    path = next(path for path in SHIPPED if path.stem == "CT_small")
    dataset = pydicom.dcmread(path)
    before = dict(dataset._dict)
    canonical_attributes(dataset)
    assert all(dataset._dict[tag] is element for tag, element in before.items())
    assert any(isinstance(element, RawDataElement) for element in before.values())


def test_padding_group_lengths_and_encoding_attributes_mean_nothing(radiograph: Dataset) -> None:
    other = copy.deepcopy(radiograph)
    other.add(DataElement(BaseTag(0x00080000), "UL", 1234))
    other.add(DataElement(BaseTag(0x00280000), "UL", 99))
    other.add(DataElement(BaseTag(0xFFFCFFFC), "OB", bytes(64)))
    other.add(DataElement(BaseTag(0x7FE00010), "OW", bytes(8)))
    other.PatientID = " P1 "
    other.ImagerPixelSpacing = [".1430", "143E-3"]
    other.KVP = "70.000"
    other.Rows, other.BitsStored, other.PixelRepresentation = 8, 16, 1
    other.BitsAllocated = 16
    other.SpecificCharacterSet = "ISO_IR 192"
    other.AccessionNumber = ""  # empty and absent are one
    other.AnatomicRegionSequence[0].CodeMeaning = "Chest "
    other.AnatomicRegionSequence[0].add(DataElement(BaseTag(0x00080000), "UL", 30))
    other.MACParametersSequence = [Dataset()]
    assert changes(radiograph, other) == []


def test_padding_value_is_one_pattern_whatever_the_sign(radiograph: Dataset) -> None:
    unsigned, signed = copy.deepcopy(radiograph), copy.deepcopy(radiograph)
    unsigned.add_new(0x00280120, "US", 63536)
    signed.add_new(0x00280120, "SS", -2000)
    signed.PixelRepresentation = 1
    assert changes(unsigned, signed) == []


@pytest.mark.parametrize(
    ("signed", "found", "same"),
    [
        ("RGB", "YBR_RCT", True),
        ("RGB", "YBR_ICT", True),
        ("YBR_FULL", "YBR_FULL_422", True),
        ("YBR_FULL", "RGB", False),
        ("MONOCHROME1", "MONOCHROME2", False),
        ("PALETTE COLOR", "MONOCHROME2", False),
    ],
)
def test_photometric_class(radiograph: Dataset, signed: str, found: str, same: bool) -> None:
    other = copy.deepcopy(radiograph)
    radiograph.PhotometricInterpretation = signed
    other.PhotometricInterpretation = found
    expected = [] if same else [("PhotometricInterpretation", "changed", "clinical")]
    assert changes(radiograph, other) == expected


_SAMPLES: dict[str, tuple[object, object]] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), ("ONE", "TWO")),
    "AS": ("042Y", "043Y"),
    "AT": (0x00280010, 0x00280011),
    "DA": ("20240101", "20240102"),
    "DS": ("1.5", "1.25"),
    "DT": ("20240101", "20240102"),
    **dict.fromkeys(("FL", "FD"), (0.5, 0.25)),
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), (1, 2)),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW"), (b"onevalue", b"twovalue")),
    "TM": ("101500", "101501"),
    "UI": ("1.2.3", "1.2.4"),
    "UR": ("urn:one", "urn:two"),
}


def _element(tag: int, choice: int) -> DataElement:
    vr = dictionary_VR(tag).split(" or ")[0]
    if vr != "SQ":
        return DataElement(BaseTag(tag), vr, _SAMPLES[vr][choice])
    item = Dataset()
    item.CodeValue = ("ONE", "TWO")[choice]
    return DataElement(BaseTag(tag), "SQ", Sequence([item]))


def test_every_edit_of_every_attribute_is_that_edit() -> None:
    rows = [row for row in attribute_table().signed.values() if not _is_class(row.keyword)]
    full = Dataset()
    for row in rows:
        full.add(_element(row.tag, 0))
    signed = hash_header(canonical_attributes(full), SEED)
    empty = hash_header(canonical_attributes(Dataset()), SEED)
    for row in rows:
        edited, removed, alone = Dataset(dict(full.items())), Dataset(dict(full.items())), Dataset()
        edited[row.tag] = _element(row.tag, 1)
        del removed[row.tag]
        alone.add(_element(row.tag, 0))
        for tree, dataset, kind in (
            (signed, edited, Kind.CHANGED),
            (signed, removed, Kind.REMOVED),
            (empty, alone, Kind.ADDED),
        ):
            (change,) = changed_attributes(tree, canonical_attributes(dataset))
            assert (change.tag, change.keyword, change.kind) == (row.tag, row.keyword, kind)
            noted = row.rule is Rule.MAY_BE_ADDED and kind is Kind.ADDED
            severity = Severity.INFORMATIONAL if noted else row.severity
            assert (change.group, change.severity) == (row.group, severity)


def _is_class(keyword: str) -> bool:
    return keyword == "PhotometricInterpretation"


def test_what_is_not_in_the_table_is_signed_when_present(radiograph: Dataset) -> None:
    other = copy.deepcopy(radiograph)
    other.RetrieveAETitle = "PACS"
    assert changes(radiograph, other) == [("RetrieveAETitle", "added", "administrative")]
    assert changes(other, radiograph) == [("RetrieveAETitle", "removed", "administrative")]
    again = copy.deepcopy(other)
    again.RetrieveAETitle = "OTHER"
    assert changes(other, again) == [("RetrieveAETitle", "changed", "administrative")]


def test_each_overlay_attribute_is_its_own_leaf(radiograph: Dataset) -> None:
    other = copy.deepcopy(radiograph)
    other.add(DataElement(BaseTag(0x60020010), "US", 4))
    other.add(DataElement(BaseTag(0x60023000), "OW", b"\1\0"))
    assert changes(radiograph, other) == [
        ("OverlayRows", "added", "low"),
        ("OverlayData", "added", "low"),
    ]


def test_an_emptied_attribute_is_noticed(radiograph: Dataset) -> None:
    other = copy.deepcopy(radiograph)
    other.ImageLaterality = ""
    other.AnatomicRegionSequence = []
    assert changes(radiograph, other) == [
        ("AnatomicRegionSequence", "removed", "clinical"),
        ("ImageLaterality", "removed", "clinical"),
    ]


def test_an_edit_deep_in_a_sequence_is_noticed(radiograph: Dataset) -> None:
    other = copy.deepcopy(radiograph)
    other.AnatomicRegionSequence[0].CodeMeaning = "Hand"
    assert changes(radiograph, other) == [("AnatomicRegionSequence", "changed", "clinical")]


def test_private_attributes_are_one_informational_leaf(radiograph: Dataset) -> None:
    bare = copy.deepcopy(radiograph)
    block = radiograph.private_block(0x0019, "ACME", create=True)
    block.add_new(0x01, "LO", "x")
    item = Dataset()
    item.private_block(0x0021, "ACME", create=True).add_new(0x02, "DS", "1.5")
    block.add_new(0x02, "SQ", [item])
    radiograph.AnatomicRegionSequence[0].private_block(0x0009, "ACME", create=True)
    attribute = next(a for a in canonical_attributes(radiograph) if a.tag == 0)
    assert attribute.group is Group.PRIVATE
    assert isinstance(attribute.value, tuple)
    assert [(entry[0], entry[1]) for entry in attribute.value] == [  # type: ignore[index]
        ((), 0x00190010),
        ((), 0x00191001),
        ((), 0x00191002),
        ((0x00082218, 0), 0x00090010),
    ]
    assert changes(radiograph, bare) == [("PrivateAttributes", "removed", "informational")]
    assert changes(bare, radiograph) == [("PrivateAttributes", "added", "informational")]


def test_our_own_block_is_not_signed_but_a_false_one_is(radiograph: Dataset) -> None:
    carrying = copy.deepcopy(radiograph)
    write_carrier(carrying, Carrier(b"statement", b"annex"))
    assert changes(radiograph, carrying) == []
    foreign = copy.deepcopy(radiograph)
    foreign.private_block(0x5253, "ACME", create=True).add_new(0x01, "OB", b"xx")
    assert changes(radiograph, foreign) == [("PrivateAttributes", "added", "informational")]


def test_objects_without_pixels_are_signed_by_their_content() -> None:
    text = Dataset()
    text.TextValue = "No fracture."
    report = Dataset()
    report.ContentSequence = [text]
    other = copy.deepcopy(report)
    other.ContentSequence[0].TextValue = "Fracture."
    assert changes(report, other) == [("ContentSequence", "changed", "clinical")]
    document, forged = Dataset(), Dataset()
    document.EncapsulatedDocument = b"%PDF-1 a"
    forged.EncapsulatedDocument = b"%PDF-1 b"
    assert changes(document, forged) == [("EncapsulatedDocument", "changed", "clinical")]


def test_attributes_come_by_tag_and_only_once(radiograph: Dataset) -> None:
    tags = [attribute.tag for attribute in canonical_attributes(radiograph)]
    assert tags == sorted(set(tags))
    assert tags[0] == 0


def test_too_many_attributes_are_unreadable() -> None:
    dataset = Dataset()
    for number in range(1, MAX_ATTRIBUTES + 1):
        tag = BaseTag(0x00060000 | number)
        dataset[tag] = RawDataElement(tag, "CS", 2, b"X ", 0, False, True)
    with pytest.raises(UnreadableError) as caught:
        canonical_attributes(dataset)
    assert caught.value.code is Unreadable.TOO_MANY


def test_a_deferred_value_is_fetched_or_refused(tmp_path: Path) -> None:
    source = next(path for path in SHIPPED if path.stem == "rtplan")
    path = tmp_path / "plan.dcm"
    shutil.copy(source, path)
    whole = canonical_attributes(pydicom.dcmread(path))
    assert canonical_attributes(pydicom.dcmread(path, defer_size=16)) == whole
    deferred = pydicom.dcmread(path, defer_size=16)
    path.unlink()
    with pytest.raises(UnreadableError):
        canonical_attributes(deferred)


def _encoded(dataset: Dataset) -> bytes:
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = True, False
    write_dataset(fp, dataset)
    return fp.getvalue()


@settings(max_examples=150)
@given(data=st.data())
def test_mutated_files_raise_only_ours(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([p for p in SHIPPED if p.stat().st_size < 20_000]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(132, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        attributes = canonical_attributes(read_instance(bytes(content)).dataset)
    except RadsealError:
        return
    assert all(isinstance(attribute, Attribute) for attribute in attributes)
    hash_header(attributes, SEED)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(sorted(attribute_table().signed)) | st.integers(0x00080001, 0x00FF00FF),
        st.tuples(
            st.sampled_from(["", "UN", "SQ", "OW", "US", "LO", "FD"]), st.binary(max_size=40)
        ),
        max_size=12,
    )
)
def test_any_elements_can_be_hashed(elements: dict[int, tuple[str, bytes]]) -> None:
    dataset = Dataset()
    for number, (vr, value) in elements.items():
        tag = BaseTag(number)
        dataset._dict[tag] = RawDataElement(tag, vr or None, len(value), value, 0, not vr, True)
    attributes = canonical_attributes(dataset)
    tree = hash_header(attributes, SEED)
    assert changed_attributes(tree, attributes) == ()


# What other people's tools do to the encoding, and must not do to the header.
ENCODINGS = {
    "implicit little endian": ("dcmconv", "+ti"),
    "explicit little endian": ("dcmconv", "+te"),
    "explicit big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "group lengths": ("dcmconv", "+te", "+g"),
    "defined lengths": ("dcmconv", "+te", "+e"),
    "undefined lengths": ("dcmconv", "+te", "-e"),
    "UTF-8": ("dcmconv", "+te", "+U8"),
    "gdcm explicit": ("gdcmconv", "--explicit"),
    "gdcm implicit": ("gdcmconv", "--implicit"),
}


def _convert(command: tuple[str, ...], source: Path, target: Path) -> bool:
    target.unlink(missing_ok=True)
    named = (source, target) if command[0] == "dcmconv" else ("-i", source, "-o", target)
    outcome = subprocess.run([*command, *named], capture_output=True, check=False)
    return outcome.returncode == 0 and target.exists()


def _round_trips(
    paths: list[Path], command: tuple[str, ...], target: Path
) -> Iterator[tuple[Path, tuple[object, ...]]]:
    for path in paths:
        try:
            dataset = read_instance(path).dataset
        except UnreadableError:
            continue
        if _convert(command, path, target):
            signed = hash_header(canonical_attributes(dataset), SEED)
            found = canonical_attributes(read_instance(target).dataset)
            yield path, changed_attributes(signed, found)


@pytest.mark.parametrize("command", ENCODINGS.values(), ids=list(ENCODINGS))
def test_other_tools_keep_the_header(command: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    paths = [path for path in SHIPPED if path.stat().st_size < 100_000][::2]
    trips = list(_round_trips(paths, command, tmp_path / "out.dcm"))
    assert [(path.name, found) for path, found in trips if found] == []
    assert len(trips) > 10


@pytest.mark.corpus
@pytest.mark.parametrize("command", ENCODINGS.values(), ids=list(ENCODINGS))
def test_other_tools_keep_the_header_of_the_corpus(
    command: tuple[str, ...], corpus_data: Path, tmp_path: Path
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    paths = [p for p in sorted(corpus_data.rglob("*.dcm")) if p.stat().st_size < 400_000][::3]
    trips = list(_round_trips(paths, command, tmp_path / "out.dcm"))
    assert [(path.name, found) for path, found in trips if found] == []
    assert len(trips) > 8


# What lossless codecs write about themselves, and nothing else.
CODECS = {
    "JPEG lossless": (("dcmcjpeg", "+e1"), {"DerivationDescription", "IconImageSequence"}),
    "JPEG-LS": (("dcmcjpls",), {"IconImageSequence"}),
    "RLE": (("dcmcrle",), {"IconImageSequence"}),
}


@pytest.mark.parametrize(("command", "may_change"), CODECS.values(), ids=list(CODECS))
def test_lossless_codecs_leave_only_information(
    command: tuple[str, ...], may_change: set[str], tmp_path: Path
) -> None:
    """Matrix row 3: authentic, whatever the codec writes about itself."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    trips = 0
    for stem in ("CT_small", "MR_small", "examples_overlay", "MR_small_implicit"):
        source = next(path for path in SHIPPED if path.stem == stem)
        target = tmp_path / "out.dcm"
        target.unlink(missing_ok=True)
        outcome = subprocess.run([*command, source, target], capture_output=True, check=False)
        if outcome.returncode:
            continue
        signed = hash_header(canonical_attributes(read_instance(source).dataset), SEED)
        found = changed_attributes(signed, canonical_attributes(read_instance(target).dataset))
        assert {change.keyword for change in found} <= may_change
        assert {change.severity for change in found} <= {Severity.INFORMATIONAL}
        trips += 1
    assert trips >= 3
