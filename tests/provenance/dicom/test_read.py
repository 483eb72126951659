"""Reading: the same elements as pydicom finds, within bounds, and nothing but our own errors."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from provenance.dicom.instance import Limits, Note
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.structure import Element, Walker
from provenance.errors import Unreadable, UnreadableError

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
LONG = ("OB", "OW", "OF", "OD", "SQ", "UN", "UT")


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    value += b"\0" * (len(value) % 2)
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + (struct.pack("<HL", 0, size) if vr in LONG else struct.pack("<H", size)) + value


def implicit(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    return (
        struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length)
        + value
    )


def part10(dataset: bytes, syntax: str = EXPLICIT, preamble: bytes = b"") -> bytes:
    meta = element(0x00020010, "UI", syntax.encode())
    return preamble.ljust(128, b"\0") + b"DICM" + meta + dataset


def item(content: bytes, *, undefined: bool = False) -> bytes:
    if undefined:
        return struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + content + delimiter(0xE00D)
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def delimiter(number: int) -> bytes:
    return struct.pack("<HHL", 0xFFFE, number, 0)


SOP = element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7")


def code_of(data: bytes, limits: Limits | None = None) -> Unreadable:
    with pytest.raises(UnreadableError) as caught:
        read_instance(data) if limits is None else read_instance(data, limits=limits)
    return caught.value.code


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm",
     "JPEG2000.dcm", "rtplan.dcm", "test-SR.dcm", "nested_priv_SQ.dcm", "UN_sequence.dcm",
     "explicit_VR-UN.dcm", "priv_SQ.dcm", "ExplVR_LitEndNoMeta.dcm"],
)  # fmt: skip
def test_elements_are_those_pydicom_finds(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    ours = read_instance(path).dataset
    theirs = pydicom.dcmread(path, force=True)
    assert list(ours.keys()) == list(theirs.keys())
    assert ours.file_meta == theirs.file_meta
    assert ours == theirs
    assert read_instance(path.read_bytes()).dataset == theirs


def test_a_file_and_its_bytes_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(part10(SOP))
    assert read_instance(tmp_path / "x.dcm").dataset == read_instance(part10(SOP)).dataset
    with pytest.raises(FileNotFoundError):
        read_instance(tmp_path / "absent.dcm")


@pytest.mark.parametrize("data", [b"", b"PK\3\4" + b"x" * 500, b"\x89PNG" * 80, b"\0" * 4096])
def test_other_files_are_not_dicom(data: bytes) -> None:
    assert code_of(data) is Unreadable.NOT_DICOM


def test_a_bare_dataset_is_read_and_noted() -> None:
    bare = SOP + element(0x00100010, "PN", b"A^B")
    instance = read_instance(bare)
    assert instance.transfer_syntax == EXPLICIT
    assert instance.notes == (Note.NO_PREAMBLE, Note.SYNTAX_GUESSED)
    assert (
        read_instance(implicit(0x00080016, b"1.2\0") * 1 + implicit(0x00100020, b"ID"))
        .dataset["PatientID"]
        .value
        == "ID"
    )


def test_dicm_by_chance_is_not_a_prefix() -> None:
    bare = SOP + element(0x00204000, "LT", b"x" * (128 - len(SOP) - 8) + b"DICM and more")
    assert bare[128:132] == b"DICM"
    instance = read_instance(bare)
    assert instance.dataset.ImageComments.endswith("xDICM and more")
    assert Note.NO_PREAMBLE in instance.notes


@pytest.mark.parametrize("start", [b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh"])
def test_a_program_in_the_preamble_is_flagged(start: bytes) -> None:
    assert read_instance(part10(SOP, preamble=start)).preamble_executable
    assert not read_instance(part10(SOP)).preamble_executable


def test_a_tiff_preamble_is_noted_but_no_program() -> None:
    instance = read_instance(part10(SOP, preamble=b"II*\0"))
    assert instance.notes == (Note.PREAMBLE_OTHER_FORMAT,)
    assert not instance.preamble_executable


def test_file_size_is_bounded_before_reading(tmp_path: Path) -> None:
    small = Limits(file_bytes=64)
    assert code_of(part10(SOP), small) is Unreadable.TOO_LARGE
    (tmp_path / "x.dcm").write_bytes(part10(SOP))
    with pytest.raises(UnreadableError, match="limit of 64"):
        read_instance(tmp_path / "x.dcm", limits=small)


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("vr", ["SQ", "UN"])
def test_a_nest_of_sequences_is_refused_not_recursed(vr: str, undefined: bool) -> None:
    length = 0xFFFFFFFF if undefined else None
    end = delimiter(0xE0DD) if undefined else b""
    nest = b""
    for _ in range(3000):
        held = item(nest, undefined=undefined)
        if vr == "UN":  # what a sequence of unknown VR holds is implicit (PS3.5 6.2.2)
            nest = implicit(0x00081115, held, length=length) + end
        else:
            nest = element(0x00081115, "SQ", held, length=length) + end
    nest = element(0x00081140, vr, item(nest, undefined=undefined), length=length) + end
    assert code_of(part10(SOP + nest)) is Unreadable.TOO_DEEP


def test_a_private_nest_is_refused_too() -> None:
    nest = b""
    for _ in range(500):
        nest = implicit(0x00091001, item(nest))
    data = implicit(0x00080016, b"1.2\0") + implicit(0x00090010, b"ME") + nest
    assert code_of(part10(data, IMPLICIT)) is Unreadable.TOO_DEEP


def test_private_bytes_that_begin_like_an_item_stay_bytes() -> None:
    value = b"\xfe\xff\x00\xe0not an item at all"
    data = implicit(0x00080016, b"1.2\0") + implicit(0x00091001, value)
    assert read_instance(part10(data, IMPLICIT)).dataset.get_item(0x00091001).value == value


def test_depth_and_number_up_to_the_limit_are_read() -> None:
    nest = element(0x00081115, "SQ", item(element(0x00081115, "SQ", item(SOP))))
    data = part10(nest)
    assert read_instance(data, limits=Limits(sequence_depth=2, elements=4))
    assert code_of(data, Limits(sequence_depth=1)) is Unreadable.TOO_DEEP
    assert code_of(data, Limits(elements=2)) is Unreadable.TOO_MANY


def test_inflation_is_bounded_before_parsing() -> None:
    bomb = zlib.compressobj(9, wbits=-15)
    packed = bomb.compress(bytes(50_000_000)) + bomb.flush()
    assert len(packed) < 60_000
    assert code_of(part10(packed, DEFLATED), Limits(inflated_bytes=1 << 20)) is Unreadable.INFLATE
    assert code_of(part10(b"\xff" * 40, DEFLATED)) is Unreadable.INFLATE
    assert code_of(part10(packed[:1000], DEFLATED)) is Unreadable.TRUNCATED


@pytest.mark.parametrize(
    ("dataset", "code"),
    [
        (SOP + SOP, Unreadable.DUPLICATE),
        (SOP + element(0x00081140, "SQ", item(SOP + SOP)), Unreadable.DUPLICATE),
        (SOP + element(0x00100010, "PN", b"A", length=900), Unreadable.TRUNCATED),
        (SOP + element(0x7FE00010, "OB", item(b""), length=0xFFFFFFFF), Unreadable.TRUNCATED),
        (SOP + element(0x00081140, "SQ", item(SOP)[:-4]), Unreadable.MALFORMED),
        (SOP + element(0x00081140, "SQ", SOP), Unreadable.MALFORMED),
        (SOP + element(0x00081140, "SQ", item(delimiter(0xE00D))), Unreadable.MALFORMED),
        (SOP + delimiter(0xE00D), Unreadable.MALFORMED),
        (SOP + element(0x00100010, "QQ", b"A"), Unreadable.MALFORMED),
        (element(0x00000100, "US", b"\1\0") + SOP, Unreadable.MALFORMED),
        (b"", Unreadable.NOT_DICOM),
    ],
)
def test_broken_structure_is_refused(dataset: bytes, code: Unreadable) -> None:
    assert code_of(part10(dataset)) is code


@pytest.mark.parametrize(
    ("tag", "vr", "value", "read"),
    [
        (0x00281053, "FD", b"1.250000", False),  # Rescale Slope: a text, or a double that is none
        (0x00281053, "LO", b"1.250000", True),
        (0x00281053, "UN", b"1.250000", True),
        (0x00189323, "US", b"AX", False),
        (0x00280010, "SS", b"\0\1", False),  # Rows
        (0x00280010, "UL", b"\0\1\0\0", False),
        (0x00280106, "SS", b"\0\1", True),  # Smallest Image Pixel Value: US or SS
        (0x00280106, "US", b"\0\1", True),
        (0x00280106, "UL", b"\0\1\0\0", False),
        (0x00283006, "OW", b"\0\1", True),  # LUT Data: US or OW
        (0x00283006, "OB", b"\0\1", True),
        (0x00189313, "FL", b"\0" * 8, False),
        (0x00280009, "UL", b"\0" * 4, False),  # Frame Increment Pointer: AT
        (0x00081140, "OB", b"\0\0", False),
        (0x00100010, "SQ", b"", False),
        (0x00091001, "FD", b"\0" * 8, True),  # what is private has no VR of the standard
        (0x00081235, "FD", b"\0" * 8, True),  # nor what the dictionary does not know
        (0xFFFAFFFA, "OB", b"junk", True),  # never signed by us
    ],
)
def test_a_vr_that_makes_another_value_is_refused(
    tag: int, vr: str, value: bytes, read: bool
) -> None:
    """The value that is signed is read by the standard's VR, other readers go by the declared."""
    found = element(tag, vr, value)
    nested = SOP + element(0x00081115, "SQ", item(found))
    if read:
        assert tag in read_instance(part10(SOP + found)).dataset
        read_instance(part10(nested))
        return
    assert code_of(part10(SOP + found)) is Unreadable.MALFORMED
    assert code_of(part10(nested)) is Unreadable.MALFORMED
    with pytest.raises(UnreadableError, match=f"declared as {vr}, the standard says"):
        read_instance(part10(nested))


def test_the_transfer_syntax_is_declared_as_text() -> None:
    data = part10(SOP)
    assert data.count(b"\x02\0\x10\0UI") == 1
    code = code_of(data.replace(b"\x02\0\x10\0UI", b"\x02\0\x10\0SL"))
    assert code is Unreadable.MALFORMED


def test_an_empty_transfer_syntax_is_never_big_endian() -> None:
    """Where it is missing all guess alike; where it is empty, pydicom reads little endian."""
    big = struct.pack(">HH2sH", 0x0008, 0x0016, b"UI", 4) + b"1.2\0"
    big += struct.pack(">HH2sH", 0x0008, 0x0060, b"CS", 2) + b"DX"
    assert code_of(part10(big, syntax="")) is Unreadable.MALFORMED
    assert read_instance(big).dataset.Modality == "DX"
    little = SOP + element(0x00080060, "CS", b"DX")
    assert read_instance(part10(little, syntax="")).dataset.Modality == "DX"


@pytest.mark.parametrize("where", ["first", "last"])
def test_file_meta_in_implicit_vr_are_refused(where: str) -> None:
    """PS3.10 7.1: explicit. pydicom goes by another length then, and reads another object."""
    stray = implicit(0x00020000 if where == "first" else 0x00020012, b"1.")
    meta = element(0x00020010, "UI", EXPLICIT.encode())
    together = stray + meta if where == "first" else meta + stray
    assert code_of(bytes(128) + b"DICM" + together + SOP) is Unreadable.MALFORMED


def test_an_undefined_unknown_is_an_implicit_sequence() -> None:
    nested = item(implicit(0x00100020, b"INNER "), undefined=True)
    data = SOP + element(0x00091001, "UN", nested, length=0xFFFFFFFF) + delimiter(0xE0DD)
    found = read_instance(part10(data)).dataset[0x00091001]
    assert found.VR == "SQ"
    assert found.value[0].PatientID == "INNER"


def test_trailing_bytes_are_noted() -> None:
    assert read_instance(part10(SOP + b"\0\0\0")).notes == (Note.TRAILING_BYTES,)


PADDING = element(0xFFFCFFFC, "OB", bytes(16))
NAME = element(0x00100010, "PN", b"Doe^Jane")
PROGRAMS = {
    "ELF": b"\x7fELF\2\1\1\0" + bytes(8) + b"\2\0\x3e\0" + b"\x90" * 99,
    "ZIP": b"PK\3\4\x14\0\0\0\x08\0" + b"\x55" * 99,
    "script": b"#!/bin/sh\necho run\n",
    "PDF": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    "MZ": b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + b"\x90" * 99,
    "zeros": bytes(2048),
}


@pytest.mark.parametrize("trailer", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
def test_what_follows_the_padding_is_left_out_and_noted(trailer: bytes, syntax: str) -> None:
    dataset = SOP + NAME + PADDING + trailer
    if syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        dataset = deflater.compress(dataset) + deflater.flush()
    instance = read_instance(part10(dataset, syntax))
    assert list(instance.dataset.keys()) == [0x00080016, 0x00100010, 0xFFFCFFFC]
    assert instance.notes == (Note.TRAILING_BYTES,)
    assert instance.trailing_bytes


@pytest.mark.parametrize("size", [8, 9, 512])
def test_zeros_at_the_end_are_noted(size: int) -> None:
    instance = read_instance(part10(SOP + NAME + bytes(size)))
    assert list(instance.dataset.keys()) == [0x00080016, 0x00100010]
    assert instance.trailing_bytes


def test_a_program_without_padding_before_it_is_refused() -> None:
    for name in ("ELF", "script", "PDF"):
        assert code_of(part10(SOP + NAME + PROGRAMS[name])) is Unreadable.TRUNCATED


MEANINGS = {
    "again": NAME,
    "cut short": element(0x00100010, "PN", b"Roe", length=200),
    "new": element(0x00100020, "LO", b"P-9", length=200),
    "an overlay": element(0x60003000, "OW", b"\xff\xff", length=200),
    "our block": element(0x52531001, "OB", b"x", length=200),
    "an item": struct.pack("<HHL", 0xFFFE, 0xE000, 8),
    "after what means nothing": element(0x00991001, "LO", b"junk") + NAME + b"\xff" * 20,
    "then what cannot be read": element(0x00100020, "LO", b"P-9") + b"\xff" * 20,
}


@pytest.mark.parametrize("trailer", MEANINGS.values(), ids=MEANINGS)
def test_what_another_reader_would_take_for_an_attribute_is_refused(trailer: bytes) -> None:
    assert code_of(part10(SOP + NAME + PADDING + trailer))


def test_elements_after_the_padding_are_elements() -> None:
    instance = read_instance(part10(SOP + PADDING + NAME))
    assert instance.dataset.PatientName == "Doe^Jane"
    assert not instance.notes


@settings(max_examples=300, deadline=None)
@given(
    trailer=st.binary(max_size=60)
    | st.builds(
        lambda tag, vr, value, rest: element(tag, vr, value) + rest,
        st.sampled_from([0x00100010, 0x00100020, 0x00991001, 0x60003000, 0xFFFDFFFD]),
        st.sampled_from(["PN", "LO", "OB", "UN"]),
        st.binary(max_size=12),
        st.binary(max_size=40),
    )
)
def test_bytes_that_are_left_out_mean_nothing_to_pydicom(trailer: bytes) -> None:
    data = part10(SOP + NAME + PADDING + trailer)
    try:
        instance = read_instance(data)
    except UnreadableError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = set(pydicom.dcmread(io.BytesIO(data)).keys())
        except (EOFError, ValueError, NotImplementedError, OSError, KeyError, struct.error):
            return
    missed = found - set(instance.dataset.keys())
    assert not [tag for tag in missed if pydicom.datadict.dictionary_has_tag(tag) and tag]


def test_a_vr_other_than_the_syntax_says_is_followed_and_noted() -> None:
    instance = read_instance(part10(implicit(0x00080016, b"1.2\0") + implicit(0x00100020, b"ID")))
    assert instance.dataset.PatientID == "ID"
    assert instance.transfer_syntax == IMPLICIT
    assert Note.VR_MISMATCH in instance.notes


@pytest.mark.parametrize("terms", [b"NO SUCH SET", b"ISO_IR 192\\ISO 2022 IR 87", b"\xff\xfe"])
def test_unknown_character_sets_do_not_warn(terms: bytes) -> None:
    data = part10(element(0x00080005, "CS", terms) + element(0x00100010, "PN", b"A^B"))
    assert read_instance(data).dataset.PatientName == "A^B"


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "JPEG2000.dcm", "nested_priv_SQ.dcm"])
def test_a_file_cut_short_is_refused_or_ends_with_an_element(name: str) -> None:
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    whole = list(read_instance(data).dataset.keys())
    refused = 0
    for size in range(0, len(data), max(1, len(data) // 400)):
        try:
            found = list(read_instance(data[:size]).dataset.keys())
        except UnreadableError:
            refused += 1
        else:
            assert found == whole[: len(found)]
    assert refused > 100


SMALL = ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
         "JPEG-LL.dcm", "image_dfl.dcm", "SC_rgb_small_odd_jpeg.dcm", "liver_1frame.dcm",
         "nested_priv_SQ.dcm", "rtdose_rle_1frame.dcm"]  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_mutated_files_raise_nothing_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SMALL))
    path = get_testdata_file(name, download=False)
    assert path, name
    mutated = bytearray(Path(str(path)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(mutated), 6000) - 1))
        mutated[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(mutated))))
    limits = Limits(frame_bytes=1 << 24, inflated_bytes=1 << 24)
    try:
        instance = read_instance(bytes(mutated[:cut]), limits=limits)
        geometry = pixel_geometry(instance)
        if geometry is not None:
            for samples in frames(instance, geometry):
                assert samples.shape == geometry.shape
                assert samples.dtype == geometry.dtype
    except UnreadableError:
        return


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_the_short_way_through_plain_elements_finds_what_the_long_one_does(
    data: st.DataObject,
) -> None:
    """Most elements are taken in a loop of their own: it decides nothing by itself."""

    class LongWay(Walker):
        def _plain_elements(
            self, position: int, found: list[Element], seen: set[int], only: int | None
        ) -> int:
            return position

    name = data.draw(st.sampled_from([*SMALL, "CT_small.dcm", "ExplVR_BigEnd.dcm"]))
    mutated = bytearray(Path(str(get_testdata_file(name, download=False))).read_bytes()[132:])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, min(len(mutated), 6000) - 1))
        mutated[at] = data.draw(st.integers(0, 255) | st.just(mutated[at] ^ 1))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(mutated))))
    limit = data.draw(st.sampled_from([1_000_000, 12, 1]))
    little, only = data.draw(st.booleans()), data.draw(st.sampled_from([None, 2]))

    def walked(kind: type[Walker]) -> object:
        walker = kind(
            bytes(mutated[:cut]), implicit=False, little=little, max_elements=limit, max_depth=32
        )
        try:
            return walker.elements(0, only=only)
        except UnreadableError as error:
            return error.code, str(error)

    assert walked(Walker) == walked(LongWay)
