"""Canonical values: what an element says, however it is written (docs/spec/header-tree.md).

Two datasets that say the same have the same canonical values: in any transfer syntax and
character set, padded or not, with "1.0" or "1", decoded by pydicom or not. Values are built of
integers, text, bytes and tuples; ``None`` is an empty value. Nothing here warns or changes the
dataset, and bytes that break their VR become a digest.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as ItemSequence

from provenance.dicom.charsets import DEFAULT_CHARSETS, Charsets, parse_charsets
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.items import (
    ENCODINGS,
    ITEMS_BEGIN,
    MAX_DEPTH,
    UNKNOWN_ENCODING,
    Encoded,
    Encoding,
    split_items,
    starts_as_items,
    too_deep,
)
from provenance.dicom.numbers import NUMBERS, little_endian, read_numbers
from provenance.dicom.text import TEXTS, read_text
from provenance.dicom.unconverted import spelling, stored_bytes
from provenance.errors import MalformedError

CanonicalValue: TypeAlias = int | str | bytes | tuple["CanonicalValue", ...]
AnyElement: TypeAlias = DataElement | RawDataElement | Encoded
PrivateEntry: TypeAlias = tuple[tuple[int, ...], int, CanonicalValue]

SPECIFIC_CHARACTER_SET = 0x00080005
PADDING = b"\0 "
# Nowhere signed, at no level: character set, MAC parameters, digital signatures, padding.
_NEVER = frozenset({SPECIFIC_CHARACTER_SET, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})


@dataclass(frozen=True, slots=True)
class Context:
    """Where an element stands: the character sets in force, and the sequences around it."""

    charsets: Charsets = DEFAULT_CHARSETS
    path: tuple[int, ...] = ()
    within_private: bool = False

    @property
    def depth(self) -> int:
        """How many sequences are around the element."""
        return len(self.path) // 2


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads canonical values; private elements met inside standard sequences are collected."""

    private: list[PrivateEntry]

    def value(
        self, element: AnyElement, vr: str | None, context: Context, encoding: Encoding
    ) -> CanonicalValue | None:
        """Return the canonical value under ``vr``; None: the format does not know the attribute.

        ``encoding`` is that of the dataset which holds a converted ``element``.
        """
        if isinstance(element, RawDataElement):
            tag, written_vr, _, value, _, implicit, little, *_ = element
            value = value or b""
            if vr is None and is_opaque(value, written_vr, little=little):
                return digest(value.rstrip(PADDING))
            unknown = written_vr == "UN"
            declared = UNKNOWN_ENCODING if unknown else ENCODINGS[bool(implicit), bool(little)]
            return self._bytes(Encoded(tag, written_vr, value, declared), vr, context)
        if isinstance(element, DataElement):
            if isinstance(element.value, ItemSequence):
                return self._datasets(element, context)
            if vr is not None and vr in TEXTS and (text := spelling(element)) is not None:
                return read_text(text, vr)
            stored = stored_bytes(element, context.charsets, little=encoding.little)
            element = Encoded(element.tag, element.VR, stored, UNKNOWN_ENCODING)
        if isinstance(element.value, tuple):
            return self._items(element.tag, element.value, context)
        return self._bytes(element, vr, context)

    def _bytes(self, element: Encoded, vr: str | None, context: Context) -> CanonicalValue | None:
        tag, written_vr, value, (_, little) = element
        if not value:
            return None
        assert not isinstance(value, tuple)
        if vr is not None and vr in TEXTS:
            return flat_value(value, vr, context.charsets)
        if "SQ" in (vr, written_vr) or (vr is None and starts_as_items(value, little=little)):
            items = self._cut(element, value, context)
            return digest(value) if items is None else self._items(tag, items, context)
        value = little_endian(value, written_vr or vr, little=little)
        if vr is None:
            value = value.rstrip(PADDING)
            return digest(value) if value else None
        if vr in NUMBERS:
            return flat_value(value, vr, context.charsets)
        return digest(value)

    def _cut(
        self, element: Encoded, value: bytes, context: Context
    ) -> tuple[list[Encoded], ...] | None:
        encodings = [element.encoding]
        if element.vr == "UN":  # items of unknown VR are implicit; some writers keep them explicit
            encodings.append(Encoding(implicit=False, little=True))
        for encoding in encodings:
            try:
                return split_items(value, encoding, depth=context.depth)
            except MalformedError:
                continue
        return None

    def _datasets(self, element: DataElement, context: Context) -> CanonicalValue | None:
        items = []
        for number, item in enumerate(element.value):
            elements = (item.get_item(tag, keep_deferred=True) for tag in sorted(item.keys()))
            encoding = dataset_encoding(item)
            items.append(self._item(element.tag, number, elements, context, encoding))
        return tuple(items) or None

    def _items(
        self, tag: int, items: tuple[list[Encoded], ...], context: Context
    ) -> CanonicalValue | None:
        read = [
            self._item(tag, number, ordered, context, UNKNOWN_ENCODING)
            for number, ordered in enumerate(sorted(item, key=_tag) for item in items)
        ]
        return tuple(read) or None

    def _item(
        self,
        tag: int,
        number: int,
        elements: Iterable[AnyElement],
        context: Context,
        encoding: Encoding,
    ) -> CanonicalValue:
        """Return one item as pairs of tag and value, in ascending order of the tags."""
        if context.depth >= MAX_DEPTH:
            raise too_deep()
        private_sequence = context.within_private or bool(tag >> 16 & 1)
        context = Context(context.charsets, (*context.path, tag, number), private_sequence)
        pairs: list[CanonicalValue] = []
        for element in elements:
            inner = int(element.tag)
            if inner == SPECIFIC_CHARACTER_SET:
                context = replace(context, charsets=element_charsets(element))
            if inner in _NEVER or not inner & 0xFFFF:
                continue
            private = bool(inner >> 16 & 1)
            vr = None if private else standard_vr(inner)
            value = self.value(element, vr, context, encoding)
            if value is None:
                continue
            if private and not private_sequence:
                self.private.append((context.path, inner, value))
            else:
                pairs.append((inner, value))
        return tuple(pairs)


def flat_value(value: bytes, vr: str, charsets: Charsets) -> CanonicalValue | None:
    """Return what text, or little endian numbers, say under a VR of `TEXTS` or `NUMBERS`."""
    form = TEXTS.get(vr)
    if form is not None:
        text = form.decode(value, charsets)
        return digest(value.rstrip(PADDING)) if text is None else read_text(text, vr)
    numbers = read_numbers(value, vr)
    return digest(value) if numbers is None else numbers


def is_opaque(value: bytes, written_vr: str | None, *, little: bool) -> bool:
    """Whether a value of an attribute without a known VR is bytes alone: most private ones are."""
    return little and written_vr != "SQ" and not value.startswith(ITEMS_BEGIN)


def digest(value: bytes) -> CanonicalValue | None:
    """Return length and SHA-256 of bulk data, padded to even length as a file must hold it."""
    if not value:
        return None
    if len(value) % 2:
        value += b"\0"
    return (len(value), hashlib.sha256(value).digest())


def dataset_encoding(dataset: Dataset) -> Encoding:
    """Return how the dataset's own bytes are written; new datasets are little endian."""
    implicit, little = dataset.original_encoding
    return Encoding(bool(implicit), little is not False)


def element_charsets(element: AnyElement) -> Charsets:
    """Return what (0008,0005) declares."""
    value = element.value
    if isinstance(value, bytes):
        return parse_charsets(tuple(value.decode("latin-1").split("\\")))
    if isinstance(value, str):
        return parse_charsets(tuple(value.split("\\")))
    if isinstance(value, Iterable):
        return parse_charsets(tuple(str(term) for term in value))
    return DEFAULT_CHARSETS


def _tag(element: Encoded) -> int:
    return element.tag
