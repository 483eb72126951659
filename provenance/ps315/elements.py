"""Elements as Explicit VR Little Endian would have them, whatever the file's transfer syntax.

Knows the bytes of one dataset, and nothing of signatures.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from provenance.dicom.instance import Instance
from provenance.dicom.items import ENCODINGS, UNDEFINED, Encoded, Item, split_items
from provenance.dicom.numbers import little_endian
from provenance.dicom.read import read_instance
from provenance.dicom.values import number, stored_elements
from provenance.dicom.write import instance_bytes
from provenance.errors import MalformedError, UnreadableError

PIXEL_DATA = 0x7FE00010
_PIXEL_REPRESENTATION = 0x00280103
# LUT Descriptor, and those of the three palettes
_DESCRIPTORS = frozenset({0x00283002, 0x00281101, 0x00281102, 0x00281103})
_ITEM_TAG = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The VRs that Implicit VR leaves open: US or SS of numbers and of LUT descriptors; of pixels.

    Numbers are SS where the samples are signed (PS3.5 A.1). DCMTK has US for descriptors even then.
    """

    numbers: str = "US"
    descriptors: str = "US"
    pixels: str = "OW"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The top level of one object: its elements in ascending order, and how it is encoded."""

    elements: Mapping[int, Encoded]
    transfer_syntax: str
    encapsulated: bool
    ambiguous: Ambiguous


def read_dataset(instance: Instance) -> Dataset:
    """Return the undecoded elements of ``instance``; what was set is encoded first."""
    dataset = instance.dataset
    elements: dict[int, Encoded] = {}
    encapsulated = False
    for tag, raw in stored_elements(dataset):
        if not isinstance(raw, RawDataElement):
            return read_dataset(read_instance(instance_bytes(instance), limits=instance.limits))
        value = b"" if raw.value is None else raw.value
        encoding = ENCODINGS[bool(raw.is_implicit_VR), bool(raw.is_little_endian)]
        elements[tag] = Encoded(tag, raw.VR, value, encoding)
        if tag == PIXEL_DATA:
            encapsulated = raw.length == UNDEFINED
    numbers = "SS" if _has_signed_samples(instance) else "US"
    return Dataset(elements, str(instance.transfer_syntax), encapsulated, Ambiguous(numbers))


def readings(dataset: Dataset) -> Iterator[Dataset]:
    """Yield the dataset with each choice of the VRs that Implicit VR leaves open, ours first."""
    numbers = [("US", "US")]
    if dataset.ambiguous.numbers == "SS":
        numbers = [("SS", "US"), ("SS", "SS"), ("US", "US")]
    implicit = any(element.vr is None for element in dataset.elements.values())
    choices = [Ambiguous(*pair, pixels) for pixels in ("OW", "OB") for pair in numbers]
    for choice in choices if implicit else choices[:1]:
        yield replace(dataset, ambiguous=choice)


def _has_signed_samples(instance: Instance) -> bool:
    try:
        return number(instance.dataset, _PIXEL_REPRESENTATION) == 1
    except UnreadableError:
        return False


def explicit_vr(element: Encoded, ambiguous: Ambiguous) -> str:
    """Return the two letters of the VR; UN where nothing tells it (PS3.5 6.2.2, A.1)."""
    if element.vr is not None:
        return element.vr
    if element.tag >> 16 & 1:
        return "LO" if 0x10 <= element.tag & 0xFFFF <= 0xFF else "UN"
    if element.tag == PIXEL_DATA:
        return ambiguous.pixels
    try:
        vr = str(dictionary_VR(BaseTag(element.tag)))
    except KeyError:
        return "UN"
    if vr == "US or SS":
        is_descriptor = element.tag in _DESCRIPTORS
        return ambiguous.descriptors if is_descriptor else ambiguous.numbers
    return "OW" if "OW" in vr else vr


def items_of(element: Encoded) -> tuple[Item, ...]:
    """Return the items of a sequence; MalformedError when it has none that are well-formed."""
    if isinstance(element.value, tuple):
        return element.value
    return split_items(bytes(element.value), element.encoding)


def value_of(element: Encoded, vr: str) -> bytes:
    """Return a value in little endian order; MalformedError for items."""
    if isinstance(element.value, tuple):
        raise MalformedError(f"{tag_words(element.tag)} holds items, and is no sequence")
    if element.encoding.little:
        return element.value
    return little_endian(bytes(element.value), vr, little=False)


def fragments(value: bytes) -> Iterator[bytes] | None:
    """Return the fragments of encapsulated data, the offset table first; None if it is not such."""
    cut: list[tuple[int, int]] = []
    position = 0
    while position < len(value):
        size = int.from_bytes(value[position + 4 : position + 8], "little")
        start = position + 8
        if value[position : position + 4] != _ITEM_TAG or size > len(value) - start:
            return None
        cut.append((start, start + size))
        position = start + size
    return (value[start:end] for start, end in cut) if cut else None


def tag_words(tag: int) -> str:
    """Return a tag as the standard writes it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
