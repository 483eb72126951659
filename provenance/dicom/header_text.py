"""Read single values of a header as text, whatever the file's encoding and character set."""

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.canonical import (
    SPECIFIC_CHARACTER_SET,
    Context,
    Reader,
    dataset_encoding,
    element_charsets,
)
from provenance.dicom.charsets import DEFAULT_CHARSETS
from provenance.dicom.dictionary import standard_vr

MAX_VALUE = 1_024


def header_text(dataset: Dataset, tag: int) -> str | None:
    """Return the value as text, several with backslashes between; None if there is none.

    Bytes that are no text of the declared character set are none, too; longer text is cut.
    """
    if tag not in dataset:
        return None
    charsets = DEFAULT_CHARSETS
    if SPECIFIC_CHARACTER_SET in dataset:
        charsets = element_charsets(_stored(dataset, SPECIFIC_CHARACTER_SET))
    element, vr = _stored(dataset, tag), standard_vr(BaseTag(tag))
    value = Reader([]).value(element, vr, Context(charsets), dataset_encoding(dataset))
    if not isinstance(value, tuple) or not all(isinstance(part, str) for part in value):
        return None
    return "\\".join(map(str, value))[:MAX_VALUE] or None


def _stored(dataset: Dataset, tag: int) -> DataElement | RawDataElement:
    element: DataElement | RawDataElement = dataset.get_item(BaseTag(tag), keep_deferred=True)
    return element
