"""What a Key Object refers to: its Current Requested Procedure Evidence Sequence, read strictly."""

from typing import NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.items import Encoded, Encoding, Item, split_items
from provenance.errors import MalformedError, UnreadableError
from provenance.study.manifest import MAX_INSTANCES, Manifest

EVIDENCE = 0x0040A375
_SERIES, _INSTANCES = 0x00081115, 0x00081199
_STUDY_UID, _SERIES_UID = 0x0020000D, 0x0020000E
_CLASS_UID, _INSTANCE_UID = 0x00081150, 0x00081155


class Reference(NamedTuple):
    """One instance, as a hierarchical reference names it (PS3.3 table C.17-3)."""

    study_uid: str
    series_uid: str
    class_uid: str
    instance_uid: str


def references_of(manifest: Manifest) -> frozenset[Reference]:
    """Return the references that a Key Object of this manifest has."""
    return frozenset(
        Reference(manifest.study_uid, each.series_uid, each.class_uid, each.instance_uid)
        for each in manifest.instances
    )


def read_references(dataset: Dataset) -> frozenset[Reference]:
    """Return what the evidence sequence names; MalformedError if it is not one, or repeats."""
    raw: object = dataset.get_item(BaseTag(EVIDENCE), keep_deferred=True)
    if isinstance(raw, DataElement) or raw is None or not isinstance(raw, RawDataElement):
        raise MalformedError("the Key Object refers to nothing")
    encoding = Encoding(raw.is_implicit_VR, raw.is_little_endian)
    found: list[Reference] = []
    try:
        for study in split_items(raw.value or b"", encoding):
            study_uid = _uid(study, _STUDY_UID)
            for series in _items(study, _SERIES):
                series_uid = _uid(series, _SERIES_UID)
                for each in _items(series, _INSTANCES):
                    found.append(
                        Reference(
                            study_uid, series_uid, _uid(each, _CLASS_UID), _uid(each, _INSTANCE_UID)
                        )
                    )
                    if len(found) > MAX_INSTANCES:
                        raise MalformedError("the Key Object refers to too many instances")
    except UnreadableError as error:
        raise MalformedError(str(error)) from error
    if len({each.instance_uid for each in found}) != len(found):
        raise MalformedError("the Key Object refers to an instance twice")
    return frozenset(found)


def _find(item: Item, tag: int) -> Encoded:
    found = [each for each in item if each.tag == tag]
    if len(found) != 1:
        raise MalformedError("a reference of the Key Object is not whole")
    return found[0]


def _items(item: Item, tag: int) -> tuple[Item, ...]:
    element = _find(item, tag)
    if isinstance(element.value, tuple):
        return element.value
    return split_items(element.value, element.encoding)


def _uid(item: Item, tag: int) -> str:
    value = _find(item, tag).value
    if isinstance(value, tuple) or len(value) > 65:
        raise MalformedError("a reference of the Key Object is not whole")
    return value.decode("latin-1").strip("\0 ")
