"""The signed attributes of a dataset, and how they changed (docs/spec/header-tree.md).

Reads a dataset without changing it: what pydicom has not decoded is read from its bytes.
"""

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from operator import attrgetter, itemgetter

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
    PADDING,
    SPECIFIC_CHARACTER_SET,
    CanonicalValue,
    Context,
    PrivateEntry,
    Reader,
    dataset_encoding,
    digest,
    element_charsets,
    flat_value,
    is_opaque,
)
from provenance.dicom.charsets import DEFAULT_CHARSETS, Charsets
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.items import UNDEFINED
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.numbers import NUMBERS
from provenance.dicom.private_block import own_tags
from provenance.dicom.text import TEXTS
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
REMEMBERED = 4096  # values of attributes
MAX_REMEMBERED = 128  # bytes of one of them
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
    content: bytes = field(init=False, repr=False, compare=False)  # of its leaf

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", leaf_content(self.tag, self.group, self.value))


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute that is not as it was signed."""

    tag: int
    keyword: str
    group: Group
    severity: Severity
    kind: Kind


_NOT_FLAT = Attribute(PRIVATE_TAG, "", Group.PRIVATE, Severity.INFORMATIONAL, None)


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
    attributes = list((_absent() | found).values())
    row = table.describe(PRIVATE_TAG)
    attributes.append(_attribute(row, _private_value(private)))
    if len(attributes) > MAX_ATTRIBUTES:
        raise UnreadableError(
            f"more than {MAX_ATTRIBUTES} attributes in one dataset", code=Unreadable.TOO_MANY
        )
    return tuple(sorted(attributes, key=attrgetter("tag")))


def _standard_attributes(dataset: Dataset, table: Table, reader: Reader) -> dict[int, Attribute]:
    """Read all elements: private ones into ``reader.private``, others into the result."""
    charsets = _charsets_of(dataset)
    context = Context(charsets)
    encoding = dataset_encoding(dataset)
    skipped = table.encoding | own_tags(dataset)
    forgotten = _forgotten()
    found: dict[int, Attribute] = {}
    for tag, stored in stored_elements(dataset):
        if tag in skipped or not tag & 0xFFFF or tag >> 16 in _UNSIGNED_GROUPS:
            continue
        private = tag >> 16 & 1
        if type(stored) is RawDataElement and (raw := stored[3]):
            vr, little = stored[1], stored[6]
            if private:
                if is_opaque(raw, vr, little=little):
                    kept = vr in NUMBERS and len(raw) <= MAX_REMEMBERED
                    value = (_number_digest if kept else digest)(raw.rstrip(PADDING))
                    if value is not None:
                        reader.private.append(((), tag, value))
                    continue
            elif little and vr != "SQ" and len(raw) <= MAX_REMEMBERED:
                read = _flat if tag in forgotten else _read_flat
                known = read(tag, bytes(raw), charsets)
                if known is not _NOT_FLAT:
                    if known is not None:
                        found[tag] = known
                    continue
        element = _fetched(dataset, stored)
        if private:
            value = reader.value(element, None, context, encoding)
            if value is not None:
                reader.private.append(((), tag, value))
            continue
        value = reader.value(element, standard_vr(tag), context, encoding)
        if value is not None:
            row = table.signed.get(tag) or table.describe(tag)
            found[tag] = _attribute(row, value)
    return found


_number_digest = lru_cache(REMEMBERED)(digest)


def _flat(tag: int, value: bytes, charsets: Charsets) -> Attribute | None:
    """Return what a value of text or of little endian numbers says; `_NOT_FLAT` for any other.

    Whatever VR it is declared with, if not as a sequence: the standard's decides.
    """
    vr = standard_vr(tag)
    if vr not in TEXTS and vr not in NUMBERS:
        return _NOT_FLAT
    found = flat_value(value, vr, charsets)
    return None if found is None else _attribute(attribute_table().describe(tag), found)


_read_flat = lru_cache(REMEMBERED)(_flat)  # the images of a study say mostly the same


@cache
def _forgotten() -> frozenset[int]:
    """Return the attributes that are never remembered: those that say who the patient is."""
    signed = attribute_table().signed
    return frozenset(tag for tag, row in signed.items() if row.group is Group.IDENTITY)


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
    return tuple(sorted(entries, key=itemgetter(0, 1))) or None
