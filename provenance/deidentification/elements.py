"""Every element of a dataset, at every level, undecoded. Bounded; never changes the dataset.

What looks like a sequence is walked as one, whatever VR it declares, and its bytes are looked at
as well where that was a guess: a hiding place must not depend on what a file says of itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag

from provenance.dicom.canonical import SPECIFIC_CHARACTER_SET, element_charsets
from provenance.dicom.charsets import DEFAULT_CHARSETS, Charsets
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.instance import Instance
from provenance.dicom.items import (
    MAX_DEPTH,
    UNKNOWN_ENCODING,
    Encoded,
    Encoding,
    Item,
    split_items,
    starts_as_items,
    too_deep,
)
from provenance.errors import MalformedError
from provenance.ps315.elements import read_dataset

PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element stands: the sequences around it with the number of the item, then its tag.

    Items count from 0.
    """

    sequences: tuple[tuple[int, int], ...]
    tag: int

    @property
    def tags(self) -> tuple[int, ...]:
        """Its own tag, and those of the sequences around it."""
        return (self.tag, *(tag for tag, _ in self.sequences))

    def __str__(self) -> str:
        around = "".join(f"{tag_name(tag)}[{item}]." for tag, item in self.sequences)
        return around + tag_name(self.tag)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element that holds no items, and how its text is to be read."""

    place: Place
    vr: str | None
    value: bytes
    charsets: Charsets


def every_element(instance: Instance) -> Iterator[Leaf]:
    """Yield all elements that hold a value, except native pixels.

    UnreadableError when sequences nest too deeply.
    """
    elements = read_dataset(instance).elements
    charsets = DEFAULT_CHARSETS
    if SPECIFIC_CHARACTER_SET in elements:
        charsets = element_charsets(elements[SPECIFIC_CHARACTER_SET])
    for element in elements.values():
        yield from _leaves(element, (), charsets)


def tag_name(tag: int) -> str:
    """Return the keyword of a tag, or the tag as the standard writes it."""
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _leaves(
    element: Encoded, around: tuple[tuple[int, int], ...], charsets: Charsets
) -> Iterator[Leaf]:
    if len(around) > MAX_DEPTH:
        raise too_deep()
    vr = element.vr if element.vr not in (None, "UN") else standard_vr(element.tag)
    if isinstance(element.value, tuple):
        yield from _items(element.tag, element.value, around, charsets)
        return
    value: bytes | memoryview = element.value
    if isinstance(value, memoryview) or not value:
        return  # native pixels: the image tree has them
    guessed = vr != "SQ"
    little = element.encoding.little
    if element.tag != PIXEL_DATA and (not guessed or starts_as_items(value, little=little)):
        items = _cut(value, element.encoding, depth=len(around))
        if items is not None:
            yield from _items(element.tag, items, around, charsets)
            if not guessed:
                return
    yield Leaf(Place(around, int(element.tag)), vr, value, charsets)


def _items(
    tag: int, items: tuple[Item, ...], around: tuple[tuple[int, int], ...], charsets: Charsets
) -> Iterator[Leaf]:
    for number, item in enumerate(items):
        here = charsets
        for element in sorted(item, key=_tag):
            if element.tag == SPECIFIC_CHARACTER_SET:
                here = element_charsets(element)
            yield from _leaves(element, (*around, (int(tag), number)), here)


def _cut(value: bytes, encoding: Encoding, *, depth: int) -> tuple[Item, ...] | None:
    """Return the items, as written or as implicit or explicit VR little endian; None: no items."""
    for each in (encoding, UNKNOWN_ENCODING, Encoding(implicit=False, little=True)):
        try:
            return split_items(value, each, depth=depth)
        except MalformedError:
            continue
    return None


def _tag(element: Encoded) -> int:
    return element.tag
