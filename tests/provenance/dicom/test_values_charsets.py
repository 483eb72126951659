"""Text means the same in every character set: PS3.5 6.1 and its annexes H to K."""

import unicodedata
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, encode_string
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.charsets import decode_text, parse_charsets

NAME = 0x00100010
KANJI = "山田太郎東京病院次郎鈴木花子表十構予"  # some hold 5C, 5E or 3D as a second byte
KANA = "ヤマダタロウアイウ"


def _printable(codec: str) -> str:
    found = []
    for byte in range(0xA1, 0x100):
        try:
            found.append(bytes([byte]).decode(codec))
        except UnicodeDecodeError:
            continue
    return "".join(c for c in found if unicodedata.category(c)[0] == "L")


SETS = {
    ("ISO_IR 100",): _printable("latin_1"),
    ("ISO_IR 101",): _printable("iso8859_2"),
    ("ISO_IR 126",): _printable("iso8859_7"),
    ("ISO_IR 127",): _printable("iso8859_6"),
    ("ISO_IR 138",): _printable("iso8859_8"),
    ("ISO_IR 144",): _printable("iso8859_5"),
    ("ISO_IR 148",): _printable("iso8859_9"),
    ("ISO_IR 166",): _printable("tis_620"),
    ("GB18030",): "王小东張明ÄЖ",
    ("GBK",): "王小东张",
    ("ISO_IR 192",): "Žižek山Ж𝒜é",
    ("", "ISO 2022 IR 87"): KANJI + "あいう",
    ("", "ISO 2022 IR 87", "ISO 2022 IR 159"): KANJI + "丂丄",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): KANJI,
    ("", "ISO 2022 IR 149"): "김희중洪吉洞길동",
    ("", "ISO 2022 IR 144"): _printable("iso8859_5"),
    ("", "ISO 2022 IR 126"): _printable("iso8859_7"),
    ("ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"): _printable("latin_1"),
}


def _stored(name: str, terms: tuple[str, ...]) -> Dataset:
    """Return a dataset as read from a file that holds ``name`` in the given character sets."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = list(terms) if len(terms) > 1 else terms[0]
    dataset.PatientName = name
    dataset.InstitutionName = name.replace("^", " ")
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = True, False
    write_dataset(fp, dataset)
    return read_dataset(BytesIO(fp.getvalue()), is_implicit_VR=False, is_little_endian=True)


@pytest.mark.parametrize("terms", SETS, ids="/".join)
@settings(max_examples=20)
@given(data=st.data())
def test_a_name_is_the_same_in_its_own_set_and_in_utf_8(
    terms: tuple[str, ...], data: st.DataObject
) -> None:
    letters = SETS[terms] + ("" if terms[0].startswith("ISO 2022 IR 13") else "Ab")
    word = st.text(st.sampled_from(letters), min_size=1, max_size=6)
    name = f"{data.draw(word)}^{data.draw(word)}"
    own, unicode = _stored(name, terms), _stored(name, ("ISO_IR 192",))
    assert canonical_attributes(own) == canonical_attributes(unicode)
    values = {a.tag: a.value for a in canonical_attributes(own)}
    assert values[NAME] == (unicodedata.normalize("NFC", name),)


@pytest.mark.parametrize(
    ("terms", "encoded", "text"),
    [
        # PS3.5 H.3.1, H.3.2, I.2, J.3
        (
            ("", "ISO 2022 IR 87"),
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            ("ISO 2022 IR 13", "ISO 2022 IR 87"),
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            ("", "ISO 2022 IR 149"),
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (
            ("GB18030",),
            b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab",
            "Wang^XiaoDong=王^小东",
        ),
        (
            ("", "ISO 2022 IR 58"),
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
        ),
        (  # a space, and a name of the other set, between two-byte characters
            ("ISO 2022 IR 13", "ISO 2022 IR 87"),
            b"\x1b$B;3 ED\xd4\xcf;3\x1b(J\\\x1b$B;3\x1b(J",
            "山 田ﾔﾏ山\\山",
        ),
        (("ISO_IR 144",), b"\xbb\xee\xda", "Люк"),
    ],
)
def test_examples_of_the_standard(terms: tuple[str, ...], encoded: bytes, text: str) -> None:
    assert decode_text(encoded, parse_charsets(terms), name=True) == text


@pytest.mark.parametrize(
    ("terms", "encoded"),
    [
        (("ISO_IR 192",), b"caf\xe9"),
        (("",), b"\x1b$B;3\x1b(B"),  # not declared
        (("", "ISO 2022 IR 87"), b"\x1b$B;"),  # half a character
        (("", "ISO 2022 IR 87"), b"\x1b$Z"),  # no such escape sequence
        (("", "ISO 2022 IR 149"), b"\x1b$)C\xfb"),
        (("ISO_IR 100",), b"a\x1b(Bb"),
    ],
)
def test_what_the_sets_cannot_spell_is_not_text(terms: tuple[str, ...], encoded: bytes) -> None:
    assert decode_text(encoded, parse_charsets(terms)) is None


@given(st.binary(max_size=24), st.sampled_from(sorted(SETS)), st.booleans())
def test_any_bytes_are_text_or_not(encoded: bytes, terms: tuple[str, ...], name: bool) -> None:
    decoded = decode_text(encoded, parse_charsets(terms), name=name)
    assert decoded is None or isinstance(decoded, str)


def test_delimiters_bring_back_the_first_set() -> None:
    charsets = parse_charsets(("", "ISO 2022 IR 144"))
    cyrillic = b"\x1b-L\xb8\xd2\xd0\xdd"
    assert decode_text(cyrillic + b"\\\xe9", charsets) == "Иван\\é"
    assert decode_text(cyrillic + b"^\xe9", charsets, name=True) == "Иван^é"
    assert decode_text(cyrillic + b"^\xe9", charsets) == "Иван^щ"


@pytest.mark.parametrize("spelling", ["ISO_IR 100", "ISO-IR 100", "ISO IR 100", "iso_ir_100"])
def test_misspelt_terms_are_understood(spelling: str) -> None:
    assert decode_text(b"\xe9", parse_charsets((spelling,))) == "é"


def test_a_charset_swapped_without_recoding_is_noticed() -> None:
    dataset = _stored("Müller^Jörg", ("ISO_IR 100",))
    before = canonical_attributes(dataset)
    dataset.SpecificCharacterSet = "ISO_IR 144"
    changed = [
        a.keyword
        for a, b in zip(before, canonical_attributes(dataset), strict=True)
        if a.value != b.value
    ]
    assert changed == ["InstitutionName", "PatientName"]


def test_pydicoms_encoder_agrees_on_kanji_whose_bytes_look_like_delimiters() -> None:
    encodings = convert_encodings(["", "ISO 2022 IR 87"])
    for character in KANJI:
        encoded = encode_string(character, encodings)
        charsets = parse_charsets(("", "ISO 2022 IR 87"))
        assert decode_text(encoded, charsets, name=True) == character
