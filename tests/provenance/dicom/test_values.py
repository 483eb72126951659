"""Canonical values, VR by VR: the same meaning gives the same value, another meaning another."""

import hashlib
import struct
from collections.abc import Iterable
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from provenance.dicom.canonical import CanonicalValue, Context, Reader
from provenance.dicom.charsets import parse_charsets
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.items import MAX_DEPTH, Encoding
from provenance.dicom.text import decimal
from provenance.errors import Unreadable, UnreadableError

LITTLE = Encoding(implicit=False, little=True)
BIG = Encoding(implicit=False, little=False)
UTF_8 = Context(parse_charsets(("ISO_IR 192",)))
# one attribute of each VR
TAGS = {
    "AE": 0x00400241,
    "AS": 0x00101010,
    "AT": 0x00280009,
    "CS": 0x00080060,
    "DA": 0x00080020,
    "DS": 0x00180050,
    "DT": 0x0008002A,
    "FD": 0x00189306,
    "FL": 0x00089459,
    "IS": 0x00200013,
    "LO": 0x00100020,
    "LT": 0x00104000,
    "OB": 0x00282000,
    "OW": 0x00281201,
    "OF": 0x00660016,
    "OD": 0x00720073,
    "OL": 0x00720075,
    "OV": 0x00720081,
    "PN": 0x00100010,
    "SH": 0x00200010,
    "SL": 0x00186020,
    "SS": 0x00189219,
    "ST": 0x00082111,
    "SV": 0x00720082,
    "TM": 0x00080030,
    "UC": 0x00080119,
    "UI": 0x00080018,
    "UL": 0x00081161,
    "UR": 0x00081190,
    "US": 0x00081197,
    "UT": 0x0008030E,
    "UV": 0x00720083,
    "SQ": 0x00081140,
    "US/SS": 0x00280120,
    "US/OW": 0x00283006,
    "OB/OW": 0x54001010,
}


def read(vr: str, value: bytes, *, declared: str | None = None, little: bool = True) -> object:
    """Return the canonical value of bytes as they stand in a file."""
    tag = BaseTag(TAGS[vr])
    raw = RawDataElement(tag, declared, len(value), value, 0, declared is None, little, is_raw=True)
    return Reader([]).value(raw, vr, UTF_8, LITTLE)


def converted(vr: str, value: object, *, declared: str | None = None) -> object:
    """Return the canonical value of what a program put into a dataset."""
    element = DataElement(BaseTag(TAGS[vr]), declared or vr, value, validation_mode=IGNORE)
    return Reader([]).value(element, vr, UTF_8, LITTLE)


def bulk(value: bytes) -> CanonicalValue:
    return (len(value), hashlib.sha256(value).digest())


def test_the_examples_are_of_their_vr() -> None:
    assert {vr: standard_vr(tag) for vr, tag in TAGS.items()} == {vr: vr for vr in TAGS}


@pytest.mark.parametrize(
    ("vr", "spellings", "value"),
    [
        ("AE", [b" PACS ", b"PACS"], ("PACS",)),
        ("CS", [b"DX", b"DX ", b" DX\0"], ("DX",)),
        ("CS", [b"ORIGINAL\\PRIMARY", b"ORIGINAL \\ PRIMARY "], ("ORIGINAL", "PRIMARY")),
        ("CS", [b"\\PRIMARY"], ("", "PRIMARY")),
        ("DA", [b"20240131", b"20240131 "], ("20240131",)),
        ("TM", [b"101500.5 ", b"101500.5"], ("101500.5",)),
        ("DT", [b"20240131101500+0100 "], ("20240131101500+0100",)),
        ("AS", [b"042Y"], ("042Y",)),
        ("UI", [b"1.2.3\0", b"1.2.3", b"1.2.3 "], ("1.2.3",)),
        ("LO", [b" a b ", b"a b"], ("a b",)),
        ("SH", ["é ".encode(), "e\u0301".encode()], ("é",)),
        ("ST", [b" a\\b ", b" a\\b\0"], (" a\\b",)),
        ("LT", [b"line\r\n"], ("line\r\n",)),
        ("UT", [b"text\0\0"], ("text",)),
        ("UC", [b" a\\b "], (" a", "b")),
        ("UR", [b"https://x/a\\b "], ("https://x/a\\b",)),
        ("PN", [b"Doe^Jane", b"Doe^Jane^^^", b"Doe^Jane==", b"Doe^Jane  "], ("Doe^Jane",)),
        ("PN", [b"Doe^^^Dr^ ="], ("Doe^^^Dr",)),
        ("PN", ["=山田^太郎 ".encode(), "=山田^太郎^=".encode()], ("=山田^太郎",)),
        ("PN", [b"^^^^"], None),
        ("DS", [b"1", b"1.0", b"1.00E0", b"+1 ", b"01.", b"0.1e1", b"10E-1"], ("1e0",)),
        ("DS", [b"-1.50", b"-15e-1", b"-0.15E+1"], ("-15e-1",)),
        ("DS", [b"0", b"-0.0", b"0E5", b".0"], ("0e0",)),
        ("DS", [b"0.143\\0.1430"], ("143e-3", "143e-3")),
        ("DS", [b"1,5"], ("1,5",)),
        ("DS", [b"1\\\\2"], ("1e0", "", "2e0")),
        ("IS", [b"12", b"+12", b" 012 "], (12,)),
        ("IS", [b"-7\\7"], (-7, 7)),
        ("IS", [b"1.5"], ("1.5",)),
        ("IS", [b"9" * 30], ("9" * 30,)),
        ("US", [b"\x01\x02"], (0x0201,)),
        ("SS", [b"\xff\xff"], (-1,)),
        ("UL", [b"\x01\0\0\0\x02\0\0\0"], (1, 2)),
        ("SL", [b"\xfe\xff\xff\xff"], (-2,)),
        ("UV", [b"\xff" * 8], (2**64 - 1,)),
        ("SV", [b"\xff" * 8], (-1,)),
        ("AT", [b"\x28\0\x10\0"], (0x00280010,)),
        ("US/SS", [b"\x30\xf8"], (0xF830,)),
        ("FL", [struct.pack("<f", 1.5)], (b"\0\0\xc0\x3f",)),
        ("FL", [b"\0\0\xc0\x7f", b"\x01\0\x80\x7f", b"\xff\xff\xff\xff"], (b"\0\0\xc0\x7f",)),
        ("FD", [struct.pack("<d", -0.0)], (struct.pack("<d", -0.0),)),
        ("OB", [b"abc\0", b"abc"], bulk(b"abc\0")),
        ("US", [b"\x01"], bulk(b"\x01\0")),  # torn: no number
        ("FD", [b"\x01\x02"], bulk(b"\x01\x02")),
        ("LO", [b"caf\xe9 ", b"caf\xe9"], bulk(b"caf\xe9")),  # no UTF-8
        ("SQ", [b"no items"], bulk(b"no items")),
        ("SQ", [b""], None),
        ("SQ", [b"\xfe\xff\x00\xe0\0\0\0\0"], ((),)),
        ("LO", [b"", b"  ", b"\0"], None),
        ("US", [b""], None),
    ],
)
def test_bytes(vr: str, spellings: Iterable[bytes], value: CanonicalValue | None) -> None:
    for spelling in spellings:
        assert read(vr, spelling) == value
        assert read(vr, spelling, declared=vr if len(vr) == 2 else None) == value


@pytest.mark.parametrize("vr", [vr for vr in TAGS if vr != "SQ"])
def test_nothing_is_nothing(vr: str) -> None:
    assert read(vr, b"") is None
    for empty in (None, "", b""):
        assert converted(vr, empty, declared="OB" if "/" in vr else None) is None


@pytest.mark.parametrize(
    ("vr", "value", "stored"),
    [
        ("CS", ["ORIGINAL", "PRIMARY"], b"ORIGINAL\\PRIMARY"),
        ("DS", ["0.10", 2, 0.5], b"0.1\\2\\.5"),
        ("DS", Decimal("0.10"), b"0.1"),
        ("IS", "007", b"7"),
        ("PN", "Doe^Jane", b"Doe^Jane"),
        ("UI", ["1.2", "1.3"], b"1.2\\1.3"),
        ("LO", "é", b"\xc3\xa9"),
        ("LT", "a\\b", b"a\\b"),
        ("US", [1, 65535], b"\1\0\xff\xff"),
        ("SS", -2, b"\xfe\xff"),
        ("UL", 2**32 - 1, b"\xff\xff\xff\xff"),
        ("SV", -1, b"\xff" * 8),
        ("AT", 0x00280010, b"\x28\0\x10\0"),
        ("FL", 1.5, struct.pack("<f", 1.5)),
        ("FD", [0.1, float("nan")], struct.pack("<dd", 0.1, float("nan"))),
        ("OB", b"odd", b"odd\0"),
        ("OB", BytesIO(b"data"), b"data"),
        ("OW", b"\1\2", b"\1\2"),
    ],
)
def test_a_programs_value_is_what_a_file_would_hold(vr: str, value: object, stored: bytes) -> None:
    assert converted(vr, value) == read(vr, stored)


@pytest.mark.parametrize(
    ("vr", "declared", "value", "stored"),
    [
        ("US/SS", "US", 63536, b"\x30\xf8"),
        ("US/SS", "SS", -2000, b"\x30\xf8"),
        ("US/SS", "US or SS", b"\x30\xf8", b"\x30\xf8"),
        ("US/SS", "SS", [40000, -1, 16], b"\x40\x9c\xff\xff\x10\0"),
        ("US/OW", "US", [1, 2], b"\1\0\2\0"),
        ("US/OW", "OW", b"\1\0\2\0", b"\1\0\2\0"),
        ("OB/OW", "OW", b"\1\0\2\0", b"\1\0\2\0"),
        ("DS", "FD", 1.0, struct.pack("<d", 1.0)),  # a writer with an own idea of the VR
        ("LO", "SH", "same", b"same"),
        ("US", "LO", "12", b"12"),
    ],
)
def test_the_vr_of_the_dictionary_decides(
    vr: str, declared: str, value: object, stored: bytes
) -> None:
    expected = read(vr, stored)
    assert converted(vr, value, declared=declared) == expected
    assert read(vr, stored, declared=declared if len(declared) == 2 else None) == expected
    assert read(vr, stored, declared="UN") == expected


@pytest.mark.parametrize(
    ("vr", "width"),
    [
        *(("US", 2), ("SS", 2), ("AT", 2), ("OW", 2), ("UL", 4), ("SL", 4), ("FL", 4)),
        *(("OF", 4), ("OL", 4), ("FD", 8), ("OD", 8), ("OV", 8), ("UV", 8), ("SV", 8), ("OB", 1)),
    ],
)
def test_byte_order_means_nothing(vr: str, width: int) -> None:
    little = bytes(range(1, 17))
    big = b"".join(little[i : i + width][::-1] for i in range(0, 16, width))
    assert read(vr, big, declared=vr, little=False) == read(vr, little, declared=vr)
    assert read(vr, little, declared="UN", little=False) == read(vr, little)


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(-5, 5))
def test_every_spelling_of_a_decimal_is_one(number: Decimal, shift: int) -> None:
    plain = format(number, "f")
    shifted = f"{format(number.scaleb(-shift), 'f')}E{shift:+d}"
    assume(len(shifted) <= 60)
    padded = plain + "000"
    assert decimal(plain) == decimal(shifted) == decimal(padded)
    assert Decimal(decimal(plain)) == number


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, places=3))
def test_different_decimals_differ(one: Decimal, other: Decimal) -> None:
    assume(one != other and other.is_finite())
    assert decimal(str(one)) != decimal(str(other))


@given(st.text(max_size=70))
def test_a_decimal_stays_what_it_is(text: str) -> None:
    assert decimal(decimal(text)) == decimal(text)


@given(
    vr=st.sampled_from(sorted(set(TAGS))),
    declared=st.one_of(st.none(), st.sampled_from([*sorted(v for v in TAGS if len(v) == 2), "UN"])),
    value=st.one_of(
        st.binary(max_size=40),
        st.binary(max_size=24).map(lambda tail: b"\xfe\xff\x00\xe0" + tail),
    ),
    little=st.booleans(),
)
def test_any_bytes_have_a_value(vr: str, declared: str | None, value: bytes, little: bool) -> None:
    found = read(vr, value, declared=declared, little=little)
    assert found is None or hash(found) is not None


@given(
    vr=st.sampled_from(sorted(v for v in TAGS if len(v) == 2 and v not in ("SQ",))),
    value=st.one_of(st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9)),
)
def test_any_value_set_by_a_program_has_a_value(vr: str, value: object) -> None:
    element = DataElement(BaseTag(TAGS[vr]), "OB", b"")
    element.VR = vr
    element._value = value  # whatever pydicom's own checks would say
    found = Reader([]).value(element, vr, UTF_8, BIG)
    assert found is None or hash(found) is not None


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _sequence_bytes(items: Iterable[Dataset], *, implicit: bool, little: bool) -> bytes:
    outer = Dataset()
    outer.ReferencedImageSequence = Sequence(list(items))
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = little, implicit
    write_dataset(fp, outer)
    return fp.getvalue()[8 if implicit else 12 :]


def test_items_are_pairs_in_order_whatever_their_encoding() -> None:
    inner = _item(
        CodeValue="T-11500", CodeMeaning="Ca\u0301rpus", SpecificCharacterSet="ISO_IR 100"
    )
    first = _item(ReferencedSOPInstanceUID="1.2", PurposeOfReferenceCodeSequence=[inner])
    first.ReferencedFrameNumber = [1, 2]
    empty = _item(ReferencedSOPClassUID="")
    expected = (
        (
            (0x00081155, ("1.2",)),
            (0x00081160, (1, 2)),
            (0x0040A170, (((0x00080100, ("T-11500",)), (0x00080104, ("Cárpus",))),)),
        ),
        (),
    )
    inner.CodeMeaning = "Cárpus"
    assert converted("SQ", [first, empty]) == expected
    for undefined in (False, True):
        first.is_undefined_length_sequence_item = undefined
        first["PurposeOfReferenceCodeSequence"].is_undefined_length = undefined
        for implicit, little in ((True, True), (False, True), (False, False)):
            value = _sequence_bytes([first, empty], implicit=implicit, little=little)
            raw = RawDataElement(
                BaseTag(TAGS["SQ"]),
                None if implicit else "SQ",
                len(value),
                value,
                0,
                implicit,
                little,
            )
            assert Reader([]).value(raw, "SQ", UTF_8, LITTLE) == expected
            if little:
                unknown = raw._replace(VR="UN", is_implicit_VR=False)
                assert Reader([]).value(unknown, "SQ", UTF_8, LITTLE) == expected


def test_an_item_without_a_character_set_inherits_that_around_it() -> None:
    value = _sequence_bytes([_item(CodeMeaning="x")], implicit=True, little=True)
    value = value.replace(b"x ", b"\xe9 ")
    raw = RawDataElement(BaseTag(TAGS["SQ"]), None, len(value), value, 0, True, True)
    latin = Context(parse_charsets(("ISO_IR 100",)))
    assert Reader([]).value(raw, "SQ", latin, LITTLE) == (((0x00080104, ("é",)),),)


def test_private_elements_of_standard_items_stand_apart() -> None:
    item = _item(ReferencedSOPInstanceUID="1.2")
    item.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "secret")
    reader = Reader([])
    element = DataElement(BaseTag(TAGS["SQ"]), "SQ", [item])
    assert reader.value(element, "SQ", UTF_8, LITTLE) == (((0x00081155, ("1.2",)),),)
    path = (TAGS["SQ"], 0)
    assert reader.private == [
        (path, 0x00090010, bulk(b"ACME")),
        (path, 0x00091001, bulk(b"secret")),
    ]


def _nested(depth: int, *, undefined: bool) -> bytes:
    value = b""
    for _ in range(depth):
        if undefined:
            item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + value + b"\xfe\xff\x0d\xe0\0\0\0\0"
            value = b"\x08\0\x40\x11\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
        else:
            item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(value)) + value
            value = b"\x08\0\x40\x11" + struct.pack("<L", len(item)) + item
    return value[8:-8] if undefined else value[8:]


@pytest.mark.parametrize("undefined", [False, True])
def test_nesting_is_bounded(undefined: bool) -> None:
    assert read("SQ", _nested(MAX_DEPTH, undefined=undefined)) is not None
    for depth in (MAX_DEPTH + 1, 500):
        with pytest.raises(UnreadableError) as caught:
            read("SQ", _nested(depth, undefined=undefined))
        assert caught.value.code is Unreadable.TOO_DEEP


def test_pydicom_and_we_cut_the_same_items() -> None:
    value = _nested(5, undefined=True)
    dataset = read_dataset(
        BytesIO(b"\x08\0\x40\x11" + struct.pack("<L", len(value)) + value), True, True
    )
    element = dataset["ReferencedImageSequence"]
    assert Reader([]).value(element, "SQ", UTF_8, LITTLE) == read("SQ", value)
