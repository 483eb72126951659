"""What is read of a data set's beginning without pydicom is what pydicom reads."""

import struct
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from gateway_world import World, archive, files, gateway_site, scu, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.filebase import DicomIO
from pydicom.filereader import _read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta

from provenance.dicom.write import IMPLEMENTATION_CLASS_UID
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.arriving import Arriving, names_of, part10_head
from provenance.pacs.dimse.negotiation import IMPLEMENTATION_VERSION
from provenance.pacs.first_elements import ENOUGH, data_set_start, names_in

__all__ = ["archive", "files", "gateway_site", "world"]

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
SYNTAXES = [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]


def encoded(syntax: str, **elements: str) -> bytes:
    """Return a data set with these elements, the pixels left out."""
    made = pydicom.Dataset()
    made.SpecificCharacterSet, made.ImageType, made.Modality = "ISO_IR 100", ["ORIGINAL", "X"], "CT"
    made.SOPClassUID, made.SOPInstanceUID = "1.2.3", "1.2.3.4"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.5", "1.2.6"
    made.PatientName, made.Rows = "Test^Phantom", 12
    for name, value in elements.items():
        setattr(made, name, value)
    buffer = DicomIO(BytesIO())
    buffer.is_little_endian, buffer.is_implicit_VR = True, syntax == IMPLICIT
    pydicom.filewriter.write_dataset(buffer, made)
    return buffer.parent.getvalue()


def in_file(path: Path, data: bytes, syntax: str) -> tuple[str, str, str] | None:
    """Return what pydicom reads of it."""
    path.write_bytes(part10_head(Instance("1.2.3", "1.2.3.4", syntax)) + data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return names_of(path)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_the_names_of_an_ordinary_one(syntax: str) -> None:
    found = names_in(encoded(syntax), syntax)
    assert found == ("1.2.3", "1.2.3.4", "1.2.5")


def test_the_names_of_the_files_that_pydicom_brings(tmp_path: Path) -> None:
    told = 0
    for name in sorted((Path(pydicom.__file__).parent / "data").rglob("*.dcm")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                syntax = str(
                    pydicom.dcmread(name, stop_before_pixels=True).file_meta[0x20010].value
                )
            data = Path(name).read_bytes()
            data = data[144 + int.from_bytes(data[140:144], "little") :]
        except Exception:  # noqa: BLE001 - some are damaged on purpose
            continue
        found = names_in(data[:ENOUGH], syntax)
        if found is not None:
            told += 1
            assert found == in_file(tmp_path / "file.dcm", data, syntax), name
    assert told > 20


@given(data=st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_damaged_ones_it_tells_what_pydicom_reads_or_nothing(
    data: st.DataObject, tmp_path: Path
) -> None:
    written, read = (data.draw(st.sampled_from(SYNTAXES[:2]), label=n) for n in ("written", "read"))
    content = bytearray(encoded(written))
    for _ in range(data.draw(st.integers(0, 3), label="damages")):
        at = data.draw(st.integers(0, len(content) - 1), label="at")
        content[at] = data.draw(st.integers(0, 255), label="value")
    content = content[: data.draw(st.integers(len(content) // 2, len(content)), label="cut")]
    found = names_in(bytes(content), read)
    theirs = in_file(tmp_path / "file.dcm", bytes(content), read)
    # pydicom may fail over what stands beside the names, as an unknown character set
    assert None in (found, theirs) or found == theirs


@given(data=st.binary(max_size=200), syntax=st.sampled_from(SYNTAXES))
def test_no_bytes_do_more_than_tell_nothing(data: bytes, syntax: str) -> None:
    names_in(data, syntax)


@pytest.mark.parametrize("instance", ["1.2.3.45", "1.2.3.456"])
def test_the_head_is_what_pydicom_writes(instance: str) -> None:
    meta = create_file_meta(
        sop_class_uid=pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.2"),
        sop_instance_uid=pydicom.uid.UID(instance),
        transfer_syntax=pydicom.uid.UID(EXPLICIT),
        implementation_uid=pydicom.uid.UID(IMPLEMENTATION_CLASS_UID),
        implementation_version=IMPLEMENTATION_VERSION,
    )
    buffer = BytesIO()
    write_file_meta_info(DicomIO(buffer), meta)
    head = part10_head(Instance("1.2.840.10008.5.1.4.1.1.2", instance, EXPLICIT))
    assert head == bytes(128) + b"DICM" + buffer.getvalue()


@pytest.mark.parametrize("name", ["", ".", "..1", "1..2", "00.01", "9" * 64, "1.2.3 ", "x", "é"])
def test_a_name_that_is_no_uid_raises_nothing(tmp_path: Path, name: str) -> None:
    instance = Instance(name, name, EXPLICIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arriving = Arriving(tmp_path / "object.dcm", instance, most=1 << 20, free_bytes=0)
        arriving.begin()
        arriving.write(memoryview(struct.pack("<HH2sH", 8, 0x18, b"UI", 4) + b"1.x\0"))
        assert arriving.finish()
        arriving.named()
    assert (tmp_path / "object.dcm").read_bytes()[128:132] == b"DICM"


@pytest.mark.parametrize("name", [".", "1..2", "00.01", "1.2."])
def test_a_sender_that_names_an_instance_so_is_answered(
    world: World, files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """It is judged and forwarded as any other, and nothing is said of it but its line."""
    content = files["unsealed"].read_bytes()
    was = pydicom.dcmread(files["unsealed"], stop_before_pixels=True)
    length = len(str(was.SOPInstanceUID)) + len(str(was.SOPInstanceUID)) % 2
    said = str(was.SOPInstanceUID).encode().ljust(length, b"\0")
    path = tmp_path / "named.dcm"
    path.write_bytes(content.replace(said, name.encode().ljust(length, b"\0")))
    with scu(world) as sender:
        sender.store(path, Instance(str(was.SOPClassUID), name, EXPLICIT))
    world.delivered(1)
    assert [line["status"] for line in world.lines()] == ["0000"]
    assert "Warning" not in world.log.read_text()


def head(**more: bytes | str) -> bytes:
    """Return what pydicom writes before a data set."""
    meta = create_file_meta(
        sop_class_uid=UID("1.2.3"), sop_instance_uid=UID("1.2.3.4"), transfer_syntax=UID(EXPLICIT)
    )
    for name, value in more.items():
        setattr(meta, name, value)
    buffer = DicomIO(BytesIO())
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_file_meta_info(buffer, meta)
    return bytes(128) + b"DICM" + buffer.parent.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_where_a_data_set_starts(syntax: str) -> None:
    data = encoded(syntax)
    for before in (
        part10_head(Instance("1.2.3", "1.2.3.4", syntax)),
        head(),
        head(SourceApplicationEntityTitle="CT7", ImplementationVersionName="X" * 16),
    ):
        assert data_set_start((before + data)[:ENOUGH]) == len(before)


def test_where_it_starts_in_the_files_that_pydicom_brings() -> None:
    told = 0
    for path in sorted((Path(pydicom.__file__).parent / "data").rglob("*.dcm")):
        content = path.read_bytes()
        start = data_set_start(content[:ENOUGH])
        if start is None:
            continue
        told += 1
        with path.open("rb") as file:
            file.seek(132)
            _read_file_meta_info(file)
            assert file.tell() == start, path
        assert content[:128] == bytes(128)
    assert told > 60


def test_what_brings_something_of_its_own_or_may_be_read_otherwise() -> None:
    data, before = encoded(EXPLICIT), head()
    length = before.index(b"UL\4\0") + 4
    (stated,) = struct.unpack_from("<L", before, length)

    def telling(number: int) -> bytes:
        return before[:length] + struct.pack("<L", number) + before[length + 4 :]

    assert data_set_start(telling(stated) + data) == len(before)
    private = head(PrivateInformationCreatorUID="1.2.3", PrivateInformation=b"more")
    for content in (
        b"MZ" + before[2:] + data,
        private + data,
        telling(stated - 2) + data,
        telling(stated + len(data) // 2) + data,
        before[:132] + before[length + 4 :] + data,  # no length
        before[:132] + before[length + 4 :] + before[132 : length + 4] + data,  # not at first
        before,
        before[:-3],
        data,
        b"",
        telling(stated + 9008) + struct.pack("<HH2sH", 2, 0x16, b"AE", 9000) + b"X" * 9000 + data,
    ):
        assert data_set_start(content[:ENOUGH]) is None


@given(st.binary(max_size=400))
def test_where_it_starts_in_whatever_comes(some: bytes) -> None:
    for content in (some, bytes(128) + b"DICM" + some, head()[:-8] + some):
        found = data_set_start(content)
        assert found is None or 132 < found < len(content)
