"""The carrier: what is put in comes out, after any tool, and nothing else is taken for it."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import (
    LIMITS,
    Carrier,
    read_carrier,
    remove_carrier,
    write_carrier,
)
from provenance.dicom.read import read_instance
from provenance.errors import MalformedError, SealError, UsageError

FULL = Carrier(b"statement", b"annex!", b"receipt", b"restore data")
carriers = st.builds(
    Carrier,
    st.binary(min_size=1, max_size=99),
    st.binary(min_size=1, max_size=99),
    st.none() | st.binary(min_size=1, max_size=99),
    st.none() | st.binary(min_size=1, max_size=99),
)


def stored(dataset: Dataset, *, implicit: bool = False, little: bool = True) -> Dataset:
    fp = DicomBytesIO()
    fp.is_implicit_VR, fp.is_little_endian = implicit, little
    write_dataset(fp, dataset)
    return read_dataset(BytesIO(fp.getvalue()), implicit, little)


def carrying(carrier: Carrier = FULL) -> Dataset:
    dataset = Dataset()
    dataset.PatientID = "P1"
    write_carrier(dataset, carrier)
    return dataset


@given(carriers)
def test_it_survives_every_native_encoding(carrier: Carrier) -> None:
    dataset = carrying(carrier)
    assert read_carrier(dataset) == carrier
    for implicit, little in ((True, True), (False, True), (False, False)):
        assert read_carrier(stored(dataset, implicit=implicit, little=little)) == carrier


def test_it_survives_being_unknown() -> None:
    dataset = stored(carrying())
    for tag in list(dataset.keys()):
        if tag >> 16 == 0x5253:
            element = dataset._dict[tag]
            assert isinstance(element, RawDataElement)
            dataset._dict[tag] = element._replace(VR="UN")
    assert read_carrier(dataset) == FULL
    assert read_carrier(stored(dataset)) == FULL
    assert all(element.value is not None for element in dataset)  # pydicom decodes them all
    assert read_carrier(dataset) == FULL


def test_there_may_be_none() -> None:
    assert read_carrier(Dataset()) is None
    foreign = Dataset()
    foreign.private_block(0x5253, "ACME", create=True).add_new(0x01, "OB", b"\0\0\0\1xx")
    assert read_carrier(foreign) is None
    assert remove_carrier(foreign) is False
    assert len(foreign) == 2


def test_reading_does_not_change_the_dataset() -> None:
    dataset = stored(carrying())
    read_carrier(dataset)
    assert all(isinstance(element, RawDataElement) for element in dataset._dict.values())


def test_blocks_of_others_are_respected() -> None:
    dataset = Dataset()
    dataset.private_block(0x5253, "ACME", create=True).add_new(0x01, "OB", b"theirs")
    dataset.add(DataElement(BaseTag(0x52531101), "OB", b"orphan"))  # block 11 without a creator
    write_carrier(dataset, FULL)
    assert dataset[0x5253, 0x0012].value == "RADSEAL 1"
    assert dataset[0x5253, 0x0012].VR == "LO"
    assert dataset[0x5253, 0x1201].VR == "OB"
    assert read_carrier(stored(dataset)) == FULL
    assert remove_carrier(dataset) is True
    assert sorted(dataset.keys()) == [0x52530010, 0x52531001, 0x52531101]


def test_another_carrier_takes_the_place_of_the_first() -> None:
    dataset = carrying()
    bare = Carrier(b"other", b"annex")
    write_carrier(dataset, bare)
    assert read_carrier(dataset) == bare
    assert len([tag for tag in dataset.keys() if tag >> 16 == 0x5253]) == 3  # noqa: SIM118


def test_removing_leaves_what_was_there_before() -> None:
    dataset = Dataset()
    dataset.PatientID = "P1"
    before = dict(dataset._dict)
    write_carrier(dataset, FULL)
    assert remove_carrier(dataset) is True
    assert dataset._dict == before
    assert read_carrier(dataset) is None
    assert remove_carrier(dataset) is False


def test_all_blocks_taken() -> None:
    dataset = Dataset()
    for block in range(0x10, 0x100):
        dataset.add(DataElement(BaseTag(0x52530000 | block), "LO", "ACME"))
    with pytest.raises(SealError) as caught:
        write_carrier(dataset, FULL)
    assert caught.value.code == "no-private-block"
    assert len(dataset) == 0xF0


@pytest.mark.parametrize(
    "carrier",
    [
        Carrier(b"", b"a"),
        Carrier(b"s", b""),
        Carrier(b"s", b"a", receipt=b""),
        Carrier(b"s", b"a", restore=b""),
        Carrier(bytes(LIMITS[1] + 1), b"a"),
        Carrier(b"s", b"a", receipt=bytes(LIMITS[3] + 1)),
    ],
)
def test_values_that_do_not_fit_are_the_callers_mistake(carrier: Carrier) -> None:
    dataset = carrying()
    with pytest.raises(UsageError):
        write_carrier(dataset, carrier)
    assert read_carrier(dataset) == FULL


def _broken(tag: int, value: object, vr: str = "OB") -> Dataset:
    dataset = carrying()
    dataset.add(DataElement(BaseTag(tag), vr, value))
    return dataset


def _without(tag: int) -> Dataset:
    dataset = carrying()
    del dataset[BaseTag(tag)]
    return dataset


@pytest.mark.parametrize(
    "dataset",
    [
        _broken(0x52530011, "RADSEAL 1", "LO"),  # two blocks of ours
        _broken(0x52531005, b"\0\0\0\1x\0"),  # an unknown element
        _broken(0x52531000, b"\0\0\0\1x\0"),
        _broken(0x52531001, b""),
        _broken(0x52531001, b"\0\0"),
        _broken(0x52531001, b"\0\0\0\0"),  # an empty value
        _broken(0x52531001, b"\0\0\0\3ab"),  # shorter than it says
        _broken(0x52531001, b"\0\0\0\1ab"),  # a pad byte that is not zero
        _broken(0x52531001, b"\0\0\0\1a\0\0\0"),  # more than one pad byte
        _broken(0x52531001, b"\0\0\0\1a"),  # an odd length
        _broken(0x52531001, b"\xff\xff\xff\xffab"),
        _broken(0x52531001, b"\0\1\0\0" + bytes(0x10000)),  # beyond the limit
        _broken(0x52531001, "text", "LO"),
        _without(0x52531001),
        _without(0x52531002),
    ],
)
def test_any_other_form_is_malformed(dataset: Dataset) -> None:
    with pytest.raises(MalformedError):
        read_carrier(dataset)


def test_a_creator_alone_is_malformed() -> None:
    dataset = Dataset()
    dataset.add(DataElement(BaseTag(0x52530010), "LO", "RADSEAL 1"))
    with pytest.raises(MalformedError):
        read_carrier(dataset)


@pytest.mark.parametrize("creator", ["RADSEAL 2", "RADSEAL", "radseal 1", "", "RADSEAL 1\\X"])
def test_other_creators_are_not_ours(creator: str) -> None:
    dataset = Dataset()
    tag = BaseTag(0x52530010)
    value = creator.encode()
    dataset[tag] = RawDataElement(tag, "LO", len(value), value, 0, False, True)
    assert read_carrier(dataset) is None


@settings(max_examples=200)
@given(
    st.sampled_from([0x52530010, 0x52531001, 0x52531002, 0x52531003, 0x52531004]),
    st.sampled_from([0x52530010, 0x52530011, 0x525310FF]) | st.integers(0x52530000, 0x5253FFFF),
    st.binary(max_size=20),
)
def test_mutated_carriers_are_read_or_malformed(out: int, into: int, value: bytes) -> None:
    dataset = stored(carrying())
    del dataset[BaseTag(out)]
    tag = BaseTag(into)
    dataset._dict[tag] = RawDataElement(tag, "OB", len(value), value, 0, False, True)
    try:
        carrier = read_carrier(dataset)
    except MalformedError:
        return
    assert carrier is None or carrier.statement


def _file(path: Path) -> None:
    source = Path(pydicom.data.__file__).parent / "test_files" / "MR_small.dcm"
    dataset = pydicom.dcmread(source)
    write_carrier(dataset, FULL)
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    "steps",
    [
        [("dcmconv", "+ti")],
        [("dcmconv", "+tb")],
        [("dcmconv", "+td")],
        [("dcmconv", "+te", "+g", "-e")],
        [("dcmconv", "+ti"), ("dcmconv", "+te")],
        [("dcmconv", "+ti"), ("dcmconv", "+tb"), ("dcmconv", "+ti")],
        [("dcmcrle",)],
        [("dcmcjpls",), ("dcmdjpls",)],
        [("gdcmconv", "--implicit")],
        [("gdcmconv", "--explicit")],
        [("gdcmconv", "--implicit"), ("gdcmconv", "--explicit")],
        [("gdcmconv", "--j2k"), ("gdcmconv", "--raw"), ("dcmconv", "+ti")],
        [("gdcmconv", "--jpegls"), ("dcmdjpls",)],
    ],
    ids=lambda steps: ", ".join(" ".join(step) for step in steps),
)
def test_it_survives_other_tools(steps: list[tuple[str, ...]], tmp_path: Path) -> None:
    for command in {step[0] for step in steps}:
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")
    path = tmp_path / "0.dcm"
    _file(path)
    before = canonical_attributes(read_instance(path).dataset)
    for number, step in enumerate(steps, 1):
        target = tmp_path / f"{number}.dcm"
        named = ("-i", path, "-o", target) if step[0] == "gdcmconv" else (path, target)
        subprocess.run([*step, *named], check=True, capture_output=True)
        path = target
    dataset = read_instance(path).dataset
    assert read_carrier(dataset) == FULL
    assert read_carrier(pydicom.dcmread(path)) == FULL
    assert canonical_attributes(dataset) == before


def test_it_survives_pydicom_in_every_syntax(tmp_path: Path) -> None:
    path = tmp_path / "0.dcm"
    _file(path)
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"):
        dataset = pydicom.dcmread(path)
        assert isinstance(dataset.file_meta, FileMetaDataset)
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.save_as(tmp_path / "1.dcm", enforce_file_format=True)
        assert read_carrier(read_instance(tmp_path / "1.dcm").dataset) == FULL
