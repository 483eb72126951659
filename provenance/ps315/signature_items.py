"""Signature items as they stand in a file: read strictly, verified by nobody yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from provenance.dicom.instance import Instance
from provenance.dicom.items import MAX_DEPTH, Encoded, Item
from provenance.dicom.numbers import read_numbers
from provenance.errors import MalformedError
from provenance.ps315.elements import Dataset, explicit_vr, items_of, tag_words, value_of
from provenance.ps315.mac_stream import (
    CERTIFICATE,
    MAC_PARAMETERS,
    SIGNATURE,
    SIGNATURES,
    TIMESTAMP,
    TIMESTAMP_TYPE,
)

MAC_ID, MAC_SYNTAX, MAC_ALGORITHM, ELEMENTS_SIGNED = 0x04000005, 0x04000010, 0x04000015, 0x04000020
SIGNATURE_UID, SIGNED_AT, CERTIFICATE_TYPE = 0x04000100, 0x04000105, 0x04000110
PURPOSE = 0x04000401
X509 = "X509_1993_SIG"
MAX_SIGNED = 65_536  # tags in one list
_MAX_TEXT = 256
# both sequences, as bytes of a file in either order: nothing else is looked into
_TRACES = (b"\xfa\xff\xfa\xff", b"\xff\xfa\xff\xfa", b"\xfe\x4f\x01\x00", b"\x4f\xfe\x00\x01")


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset (its ``path`` is empty) or an item that holds signatures or MAC parameters."""

    path: str
    elements: Mapping[int, Encoded]

    def parameters(self) -> tuple[Item, ...]:
        """Return the items of the MAC Parameters Sequence."""
        return self._items(MAC_PARAMETERS)

    def signatures(self) -> tuple[Item, ...]:
        """Return the items of the Digital Signatures Sequence."""
        return self._items(SIGNATURES)

    def _items(self, tag: int) -> tuple[Item, ...]:
        element = self.elements.get(tag)
        return () if element is None else items_of(element)


@dataclass(frozen=True, slots=True)
class MacParameters:
    """How a MAC was calculated, and over what."""

    mac_id: int
    transfer_syntax: str
    algorithm: str
    tags: tuple[int, ...]

    @classmethod
    def read(cls, item: Item) -> Self:
        """Read an item of (4FFE,0001); MalformedError for anything that breaks the format."""
        values = _by_tag(item)
        tags = read_numbers(_value(values, ELEMENTS_SIGNED, "AT"), "AT")
        if not tags or len(tags) > MAX_SIGNED:
            raise MalformedError("Data Elements Signed is no list of tags")
        numbers = tuple(int(tag) for tag in tags if isinstance(tag, int))
        if any(first >= second for first, second in pairwise(numbers)):
            raise MalformedError("the tags of Data Elements Signed do not ascend")
        return cls(
            _number(values, MAC_ID),
            _text(values, MAC_SYNTAX, "UI"),
            _text(values, MAC_ALGORITHM, "CS"),
            numbers,
        )


@dataclass(frozen=True, slots=True)
class SignatureItem:
    """What a signature says of itself; its timestamp as it stands, for what it is worth."""

    item: Item
    mac_id: int
    uid: str
    signed_at: str
    certificate_type: str
    certificate: bytes
    signature: bytes
    timestamp_type: Encoded | None = None
    timestamp: Encoded | None = None

    @classmethod
    def read(cls, item: Item) -> Self:
        """Read an item of (FFFA,FFFA); MalformedError for anything that breaks the format."""
        values = _by_tag(item)
        return cls(
            item,
            _number(values, MAC_ID),
            _text(values, SIGNATURE_UID, "UI"),
            _text(values, SIGNED_AT, "DT"),
            _text(values, CERTIFICATE_TYPE, "CS"),
            _value(values, CERTIFICATE, "OB"),
            _value(values, SIGNATURE, "OB"),
            values.get(TIMESTAMP_TYPE),
            values.get(TIMESTAMP),
        )


def surely_none_in(instance: Instance) -> bool:
    """Whether a quick look tells that the object has neither of the two sequences anywhere."""
    dataset = instance.dataset
    if any(BaseTag(tag) in dataset for tag in (MAC_PARAMETERS, SIGNATURES)):
        return False
    for tag, raw in dataset.items():
        if not isinstance(raw, RawDataElement):
            return False
        if raw.VR != "SQ" and (raw.VR is not None or tag >> 16 & 1):
            continue
        value = raw.value  # native pixels are no bytes, and no sequence
        if isinstance(value, bytes) and any(trace in value for trace in _TRACES):
            return False
    return True


def places(dataset: Dataset) -> Iterator[Place]:
    """Yield the dataset, and each item at any depth, that has one of the two sequences."""
    yield from _places(dataset.elements, "", dataset, 0)


def _places(
    elements: Mapping[int, Encoded], path: str, dataset: Dataset, depth: int
) -> Iterator[Place]:
    if MAC_PARAMETERS in elements or SIGNATURES in elements:
        yield Place(path, elements)
    if depth >= MAX_DEPTH:
        return
    for element in elements.values():
        if element.tag in (MAC_PARAMETERS, SIGNATURES) or not _may_hold(element, dataset):
            continue
        try:
            items = items_of(element)
        except MalformedError:
            continue  # no sequence, so no signature in it
        for number, item in enumerate(items):
            name = keyword_for_tag(BaseTag(element.tag)) or tag_words(element.tag)
            inner = f"{path}{'.' if path else ''}{name}[{number}]"
            yield from _places({each.tag: each for each in item}, inner, dataset, depth + 1)


def _may_hold(element: Encoded, dataset: Dataset) -> bool:
    if explicit_vr(element, dataset.ambiguous) != "SQ":
        return False
    value = element.value
    return isinstance(value, tuple) or any(trace in value for trace in _TRACES)


def _by_tag(item: Item) -> dict[int, Encoded]:
    values = {element.tag: element for element in item}
    if len(values) != len(item):
        raise MalformedError("an attribute stands twice in an item")
    return values


def _value(values: Mapping[int, Encoded], tag: int, vr: str) -> bytes:
    element = values.get(tag)
    if element is None:
        raise MalformedError(f"{tag_words(tag)} is missing")
    return value_of(element, vr)


def _text(values: Mapping[int, Encoded], tag: int, vr: str) -> str:
    value = _value(values, tag, vr)
    text = value.decode("latin-1").strip("\0 ")
    if not text or len(value) > _MAX_TEXT or not text.isascii() or not text.isprintable():
        raise MalformedError(f"{tag_words(tag)} is no {vr} value")
    return text


def _number(values: Mapping[int, Encoded], tag: int) -> int:
    value = _value(values, tag, "US")
    if len(value) != 2:
        raise MalformedError(f"{tag_words(tag)} is not one number")
    return int.from_bytes(value, "little")
