"""The bytes that a MAC covers: PS3.3 C.12.1.1.3.1. Pure.

Explicit VR Little Endian; sequences and encapsulated data without lengths, so that it does not
matter how a file delimits them.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from provenance.dicom.items import MAX_DEPTH, Encoded, Item, too_deep
from provenance.errors import EvidenceMissingError, MalformedError
from provenance.ps315.elements import (
    PIXEL_DATA,
    Dataset,
    explicit_vr,
    fragments,
    items_of,
    tag_words,
    value_of,
)

MAC_PARAMETERS, SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
CERTIFICATE, SIGNATURE = 0x04000115, 0x04000120
TIMESTAMP_TYPE, TIMESTAMP = 0x04000305, 0x04000310
_LENGTH_TO_END, _PADDING = 0x00080001, 0xFFFCFFFC
# What a signature adds to its own item once the MAC is known.
_AFTER_MAC = frozenset({CERTIFICATE, SIGNATURE, TIMESTAMP_TYPE, TIMESTAMP})
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def may_be_signed(tag: int) -> bool:
    """Whether the standard lets an element with this tag be part of a MAC at all."""
    return (
        tag >> 16 >= 0x0008
        and bool(tag & 0xFFFF)
        and tag >> 16 not in (0xFFFA, 0xFFFE)
        and tag not in (_LENGTH_TO_END, MAC_PARAMETERS, _PADDING)
    )


def is_known(element: Encoded, dataset: Dataset, depth: int = 0) -> bool:
    """Whether neither the element nor anything in it has an unknown VR."""
    vr = explicit_vr(element, dataset.ambiguous)
    if vr != "SQ":
        return vr != "UN"
    if depth >= MAX_DEPTH:
        raise too_deep()
    inner = (each for item in items_of(element) for each in item if may_be_signed(each.tag))
    return all(is_known(each, dataset, depth + 1) for each in inner)


def mac_stream(
    place: Mapping[int, Encoded], tags: Iterable[int], signature: Item, dataset: Dataset
) -> Iterator[bytes]:
    """Yield what the MAC of ``signature`` covers.

    Parameters
    ----------
    place : mapping
        Elements by tag of the dataset or item that holds the signature.
    tags : iterable of int
        Data Elements Signed, ascending. Those that are absent add nothing.
    signature : list of Encoded
        The item of the Digital Signatures Sequence, as far as it is filled in.
    dataset : Dataset
        The object around ``place``: its transfer syntax and open VRs.

    Raises
    ------
    EvidenceMissingError
        A signed element is stored under VR UN, so its bytes cannot be known.
    MalformedError
        A sequence is not one, or a value too long for its VR.
    """
    # in items, no transfer syntax tells whether pixels (of an icon) are encapsulated
    encapsulated = dataset.encapsulated if place is dataset.elements else None
    for tag in tags:
        if tag in place:
            yield from _element(place[tag], dataset, 0, encapsulated=encapsulated)
    for element in sorted(signature, key=_tag):
        if may_be_signed(element.tag) and element.tag not in _AFTER_MAC:
            yield from _element(element, dataset, 0)


def _element(
    element: Encoded, dataset: Dataset, depth: int, *, encapsulated: bool | None = None
) -> Iterator[bytes]:
    vr = explicit_vr(element, dataset.ambiguous)
    head = (element.tag >> 16).to_bytes(2, "little") + (element.tag & 0xFFFF).to_bytes(2, "little")
    if vr == "UN":
        raise EvidenceMissingError(f"{tag_words(element.tag)} is stored with an unknown VR")
    if vr == "SQ":
        if depth >= MAX_DEPTH:
            raise too_deep()
        yield head + b"SQ\0\0"
        for item in items_of(element):
            yield _ITEM
            for inner in sorted(item, key=_tag):
                if may_be_signed(inner.tag):
                    yield from _element(inner, dataset, depth + 1)
        yield _SEQUENCE_END
        return
    value = value_of(element, vr)
    if element.tag == PIXEL_DATA and encapsulated is not False:
        parts = fragments(value)
        if parts is not None:
            yield head + b"OB\0\0"
            for part in parts:
                yield _ITEM
                yield part
            yield _SEQUENCE_END
            return
        if encapsulated:
            raise MalformedError("encapsulated pixel data are not whole fragments")
    yield head + vr.encode("ascii", "replace") + _length(element.tag, vr, len(value))
    yield value
    if len(value) % 2:
        yield b"\0" if vr in ("OB", "UI") else b" "


def _length(tag: int, vr: str, length: int) -> bytes:
    length += length % 2
    if vr in EXPLICIT_VR_LENGTH_32:
        return b"\0\0" + length.to_bytes(4, "little")
    if length > 0xFFFF:
        raise MalformedError(f"{tag_words(tag)} is too long for VR {vr}")
    return length.to_bytes(2, "little")


def _tag(element: Encoded) -> int:
    return element.tag
