"""What a sealed object says, read apart from radseal: by pydicom, and by rules written here again.

Imports nothing of provenance. Where this and `verify` differ about a file, one of them is wrong.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

# How the object is written, not what it says: their effect shows in the pixels that are decoded.
ENCODING = frozenset(
    {
        *(0x00080001, 0x00080005, 0x00280002, 0x00280006, 0x00280008, 0x00280010, 0x00280011),
        *(0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x4FFE0001, 0x7FE00001, 0x7FE00002),
        *(0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010, 0xFFFAFFFA, 0xFFFCFFFC),
    }
)
PHOTOMETRIC_INTERPRETATION = 0x00280004
PADDING = 0xFFFCFFFC
INFORMATIONAL = frozenset({0x00082111, 0x00880200})
MAY_BE_ADDED = frozenset({0x00282110, 0x00282112, 0x00282114})
IGNORED_IN_ITEMS = frozenset({0x00080005, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})
CARRIER_GROUP, CREATOR = 0x5253, "RADSEAL 1"
_PLAIN = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI"})
_TEXTS = frozenset({"LO", "SH", "PN", "UC", "LT", "ST", "UT"})
_UNSPLIT = frozenset({"LT", "ST", "UT", "UR"})
_NUMBERS = {
    **{"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "UV": "u8", "SV": "i8"},
    **{"FL": "f4", "FD": "f8", "US or SS": "u2", "AT": "u2"},
}
_DELIMITERS = set(b"\r\n\t\f")
Value = object


class OracleError(Exception):
    """The independent reader makes nothing of the file."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Signed attributes by tag, the samples, and the signed statement beside them."""

    attributes: Mapping[int, Value]
    shape: tuple[int, ...] | None
    samples: bytes
    statement: bytes | None


def read_meaning(data: bytes) -> Meaning:
    """Read a file; OracleError if it cannot be read."""
    try:
        with _lenient():
            dataset = pydicom.dcmread(io.BytesIO(named_sets(data)), force=True)
            shape, samples = _samples(dataset)
            return Meaning(dict(_attributes(dataset)), shape, samples, carried(dataset, 0x01))
    except Exception as error:
        raise OracleError(f"{type(error).__name__}: {error}") from error


def named_sets(data: bytes) -> bytes:
    """Put spaces for NULs within the name of a character set, at which pydicom stops reading."""
    little = rb"\x08\x00\x05\x00(?:CS(?P<explicit>..)|(?P<implicit>....))"
    found = re.search(little + rb"|\x00\x08\x00\x05CS(?P<big>..)", data, re.DOTALL)
    if found is None:
        return data
    length = int.from_bytes(
        found["explicit"] or found["implicit"] or found["big"], "big" if found["big"] else "little"
    )
    name = data[found.end() : found.end() + length]
    if not 0 < length <= 64 or b"\0" not in name.rstrip(b"\0"):
        return data
    return data[: found.end()] + name.replace(b"\0", b" ") + data[found.end() + length :]


@contextmanager
def _lenient() -> Iterator[None]:
    """Let pydicom read what it can: a group length of two bytes is no reason to see nothing."""
    before = pydicom.config.convert_wrong_length_to_UN
    pydicom.config.convert_wrong_length_to_UN = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom.config.convert_wrong_length_to_UN = before


def differences(was: Meaning, now: Meaning) -> list[str]:
    """Name what the two say differently."""
    found = []
    for tag in sorted({*was.attributes, *now.attributes}):
        old, new = was.attributes.get(tag), now.attributes.get(tag)
        if old == new or tag in INFORMATIONAL or (tag in MAY_BE_ADDED and old is None):
            continue
        kind = "added" if old is None else "removed" if new is None else "changed"
        found.append(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {kind}")
    if (was.shape, was.samples) != (now.shape, now.samples):
        found.append("pixels")
    if was.statement != now.statement:
        found.append("statement")
    return found


def _attributes(dataset: Dataset) -> Iterable[tuple[int, Value]]:
    sets = _charsets(dataset, ["iso8859"])
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset decodes its elements
        number = int(tag)
        if number >> 16 & 1 or not number & 0xFFFF or number >> 16 == 2 or number in ENCODING:
            continue
        if is_behind_padding(dataset, number):
            continue
        value = _value(dataset, number, sets)
        if number == PHOTOMETRIC_INTERPRETATION and isinstance(value, tuple):
            value = tuple(_colour(str(each)) for each in value)
        if value is not None:
            yield number, value


def is_behind_padding(dataset: Dataset, tag: int) -> bool:
    """Whether bytes behind (FFFC,FFFC), where a data set ends, are read as a tag nobody knows."""
    if PADDING not in dataset:
        return False
    element: object = dataset.get_item(tag)
    padding: object = dataset.get_item(PADDING)
    if not isinstance(element, RawDataElement) or not isinstance(padding, RawDataElement):
        return False
    return element.value_tell > padding.value_tell and _representation(tag) == "unknown"


def _colour(label: str) -> str:
    """A codec relabels colour that its decoder undoes; how YBR is subsampled shows in samples."""
    if label in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR" if label.startswith("YBR_") else label


def _charsets(dataset: Dataset, inherited: list[str]) -> list[str]:
    if 0x00080005 not in dataset:
        return inherited
    return list(convert_encodings(dataset[0x00080005].value or ""))


def _value(dataset: Dataset, tag: int, sets: list[str]) -> Value | None:
    """Return the value of one element by the representation of the dictionary."""
    element: Any = dataset.get_item(tag)
    representation = _representation(tag)
    if representation == "SQ":
        return _items(dataset, tag, sets)
    if not isinstance(element, RawDataElement):
        return repr(element.value) if element.value not in (None, "", b"") else None
    raw = element.value
    if raw is None or len(raw) == 0:
        return None
    return _number_or_text(bytes(raw), representation, sets, element.is_little_endian)


def _representation(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "unknown"


def _items(dataset: Dataset, tag: int, sets: list[str]) -> Value | None:
    items = []
    for item in dataset[tag].value or ():
        own = _charsets(item, sets)
        inside = {}
        for inner in item.keys():  # noqa: SIM118 - as above
            number = int(inner)
            if number >> 16 & 1 or not number & 0xFFFF or number in IGNORED_IN_ITEMS:
                continue
            value = _value(item, number, own)
            if value is not None:
                inside[number] = value
        items.append(tuple(sorted(inside.items(), key=lambda pair: pair[0])))
    return tuple(items) or None


def _number_or_text(raw: bytes, representation: str, sets: list[str], little: bool) -> Value | None:
    if representation in _NUMBERS:
        kind = np.dtype(("<" if little else ">") + _NUMBERS[representation])
        if len(raw) % kind.itemsize:
            return raw
        return tuple(np.frombuffer(raw, kind).tolist())
    if representation in _TEXTS:
        text = decode_bytes(raw, sets, _DELIMITERS)
    elif representation == "unknown":
        return raw.rstrip(b" \0") or None
    elif representation in _PLAIN or representation in ("DS", "IS", "UR"):
        text = raw.decode("latin-1")
    else:
        return _bulk(raw, representation, little)
    text = unicodedata.normalize("NFC", text).rstrip(" \0")
    if representation in _UNSPLIT:
        return text or None
    parts = tuple(_part(part, representation) for part in text.split("\\"))
    return parts if any(part != "" for part in parts) or len(parts) > 1 else None


def _part(part: str, representation: str) -> Value:
    if representation == "UC":
        return part.rstrip(" \0")
    part = part.strip(" \0")
    if representation == "PN":
        groups = [
            "^".join(c.rstrip(" \0") for c in group.split("^")).rstrip("^ ")
            for group in part.split("=")
        ]
        return "=".join(groups).rstrip("=")
    if representation in ("DS", "IS") and part:
        try:
            number = Decimal(part)
        except InvalidOperation:
            return part
        return number if number.is_finite() else part
    return part


def _bulk(raw: bytes, representation: str, little: bool) -> bytes:
    if not little and representation in ("OW", "US or OW", "OB or OW", "US or SS or OW"):
        raw = np.frombuffer(raw + bytes(len(raw) % 2), ">u2").astype("<u2").tobytes()
    return raw + bytes(len(raw) % 2)


def _samples(dataset: Dataset) -> tuple[tuple[int, ...] | None, bytes]:
    """Decode with pydicom's own handlers; keep Bits Stored of each sample, with its sign."""
    if 0x7FE00010 not in dataset:
        return None, b""
    _complete(dataset)
    found = dataset.pixel_array
    unused = found.dtype.itemsize * 8 - int(dataset.BitsStored)
    if unused > 0:
        signed = dataset.PixelRepresentation == 1
        whole = found.astype(f"{'i' if signed else 'u'}{found.dtype.itemsize}")
        found = (whole << unused) >> unused
    return found.shape, found.astype(np.int64).tobytes()


def _complete(dataset: Dataset) -> None:
    """Say what is implied: a reader that refuses an incomplete description sees nothing else."""
    colour = str(dataset.PhotometricInterpretation).strip(" \0")
    dataset[PHOTOMETRIC_INTERPRETATION] = DataElement(PHOTOMETRIC_INTERPRETATION, "CS", colour)
    grey = colour.startswith("MONOCHROME") or colour.startswith("PALETTE")
    implied = {
        "SamplesPerPixel": 1 if grey else 3,
        "PixelRepresentation": 0,
        "BitsStored": dataset.get("BitsAllocated"),
    }
    for keyword, value in implied.items():
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, value)
    if "TransferSyntaxUID" not in dataset.file_meta or not dataset.file_meta.TransferSyntaxUID:
        implicit, little = dataset.original_encoding  # as pydicom has guessed it
        native = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = native if little else ExplicitVRBigEndian
    dataset.PhotometricInterpretation = str(dataset.PhotometricInterpretation).strip(" \0")
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    # its element may have been declared to be something else
    dataset.file_meta[0x00020010] = DataElement(0x00020010, "UI", syntax)
    if syntax.is_encapsulated and syntax != RLELossless and dataset.BitsStored <= 16:
        # the codestream says how wide it is; pydicom refuses another word here
        dataset.BitsAllocated = 8 if dataset.BitsStored <= 8 else 16


def carrier_block(dataset: Dataset) -> int | None:
    """Return the tag of the creator that reserves the carrier's block; None if there is none."""
    for tag in dataset.keys():  # noqa: SIM118 - as above
        if int(tag) >> 16 == CARRIER_GROUP and 0x10 <= int(tag) & 0xFFFF <= 0xFF:
            value = dataset.get_item(tag).value
            name = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if name.strip(" \0") == CREATOR:
                return int(tag)
    return None


def carried(dataset: Dataset, number: int) -> bytes | None:
    """Return one value of the carrier, without its length and padding; None if there is none."""
    creator = carrier_block(dataset)
    if creator is None:
        return None
    place = creator & 0xFFFF0000 | (creator & 0xFF) << 8 | number
    if place not in dataset:
        return None
    framed = bytes(dataset.get_item(place).value or b"")
    return framed[4 : 4 + int.from_bytes(framed[:4], "big")]
