"""The signed attributes of a dataset, and how they changed (docs/spec/header-tree.md).

Reads a dataset without changing it: what pydicom has not decoded is read from its bytes.
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from operator import attrgetter

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.attribute_table import (
    PRIVATE_TAG,
    Group,
    Row,
    Rule,
    Severity,
    Table,
    attribute_table,
)
from provenance.dicom.canonical import (
    SPECIFIC_CHARACTER_SET,
    CanonicalValue,
    Context,
    PrivateEntry,
    Reader,
    dataset_encoding,
    element_charsets,
)
from provenance.dicom.charsets import DEFAULT_CHARSETS, Charsets
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.items import UNDEFINED
from provenance.dicom.private_block import own_tags
from provenance.dicom.values import stored_elements
from provenance.errors import Unreadable, UnreadableError

__all__ = [
    "MAX_ATTRIBUTES",
    "Attribute",
    "CanonicalValue",
    "Change",
    "Group",
    "Kind",
    "Severity",
    "canonical_attributes",
]

MAX_ATTRIBUTES = 4096
_UNSIGNED_GROUPS = (0x0000, 0x0002)


class Kind(StrEnum):
    """What became of an attribute."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute and its canonical value; ``None``: absent, or present without a value.

    All private attributes together are one, with tag 0.
    """

    tag: int
    keyword: str
    group: Group
    severity: Severity
    value: CanonicalValue | None


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute that is not as it was signed."""

    tag: int
    keyword: str
    group: Group
    severity: Severity
    kind: Kind


def canonical_attributes(dataset: Dataset) -> tuple[Attribute, ...]:
    """Return what is signed of ``dataset``, in ascending order of the tags.

    Every attribute of the table is there, absent or not; others only if they have a value. The
    result does not depend on transfer syntax, character set, padding or spelling. Elements that
    pydicom could only decode with replacement characters have lost what was there: hash what was
    freshly read.

    Raises
    ------
    UnreadableError
        More than ``MAX_ATTRIBUTES`` attributes, sequences nested too deeply, or a deferred value
        that can no longer be read.
    """
    table = attribute_table()
    private: list[PrivateEntry] = []
    found = _standard_attributes(dataset, table, Reader(private))
    attributes = list(found.values())
    attributes += [absent for tag, absent in _absent().items() if tag not in found]
    row = table.describe(PRIVATE_TAG)
    attributes.append(_attribute(row, _private_value(private)))
    if len(attributes) > MAX_ATTRIBUTES:
        raise UnreadableError(
            f"more than {MAX_ATTRIBUTES} attributes in one dataset", code=Unreadable.TOO_MANY
        )
    return tuple(sorted(attributes, key=attrgetter("tag")))


def _standard_attributes(dataset: Dataset, table: Table, reader: Reader) -> dict[int, Attribute]:
    """Read all elements: private ones into ``reader.private``, others into the result."""
    context = Context(_charsets_of(dataset))
    encoding = dataset_encoding(dataset)
    skipped = table.encoding | own_tags(dataset)
    found: dict[int, Attribute] = {}
    for tag, stored in stored_elements(dataset):
        if tag in skipped or not tag & 0xFFFF or tag >> 16 in _UNSIGNED_GROUPS:
            continue
        element = _fetched(dataset, stored)
        if tag >> 16 & 1:
            value = reader.value(element, None, context, encoding)
            if value is not None:
                reader.private.append(((), tag, value))
            continue
        value = reader.value(element, standard_vr(tag), context, encoding)
        if value is not None:
            row = table.signed.get(tag) or table.describe(tag)
            found[tag] = _attribute(row, value)
    return found


def _fetched(
    dataset: Dataset, element: DataElement | RawDataElement
) -> DataElement | RawDataElement:
    """Return the element as it lies there; a deferred value is fetched."""
    if (
        isinstance(element, RawDataElement)
        and element.value is None
        and element.length not in (0, UNDEFINED)
    ):
        try:
            return dataset[element.tag]
        except (OSError, ValueError, LookupError, AttributeError, struct.error) as error:
            raise UnreadableError(
                f"the deferred value of {element.tag} cannot be read", code=Unreadable.TRUNCATED
            ) from error
    return element


def _charsets_of(dataset: Dataset) -> Charsets:
    element = dataset.get_item(BaseTag(SPECIFIC_CHARACTER_SET), keep_deferred=True)
    return DEFAULT_CHARSETS if element is None else element_charsets(_fetched(dataset, element))


def _attribute(row: Row, value: CanonicalValue | None) -> Attribute:
    if row.rule is Rule.PHOTOMETRIC_CLASS and isinstance(value, tuple):
        value = tuple(_photometric_class(part) for part in value)
    return Attribute(row.tag, row.keyword, row.group, row.severity, value)


def _photometric_class(label: CanonicalValue) -> CanonicalValue:
    """Codecs relabel colour without changing it: RCT and ICT are undone by the decoder."""
    match label:
        case "YBR_RCT" | "YBR_ICT":
            return "RGB"
        case str() if label.startswith("YBR_"):
            return "YBR"
        case _:
            return label


@cache
def _absent() -> dict[int, Attribute]:
    return {tag: _attribute(row, None) for tag, row in attribute_table().signed.items()}


def _private_value(entries: list[PrivateEntry]) -> CanonicalValue | None:
    return tuple(sorted(entries, key=_place)) or None


def _place(entry: PrivateEntry) -> tuple[tuple[int, ...], int]:
    return entry[0], entry[1]
