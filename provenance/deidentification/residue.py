"""What de-identifiers leave behind that is none of the copy's: taken out here, and said.

Each of it either says nothing once the identity is gone (a signature that can no longer verify), or
holds the identity itself (the original's carrier, old values, encrypted or not).
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.tag import BaseTag

from provenance.deidentification.elements import every_element
from provenance.deidentification.search import Remain
from provenance.dicom.carrier import remove_carrier
from provenance.dicom.instance import Instance
from provenance.dicom.private_block import GROUP

ENCRYPTED = 0x04000500
_STRIPPED = {
    0x4FFE0001: "MAC Parameters Sequence",
    0xFFFAFFFA: "Digital Signatures Sequence",
    0x04000561: "Original Attributes Sequence",
    ENCRYPTED: "Encrypted Attributes Sequence",
    0x00880200: "Icon Image Sequence",
    0xFFFCFFFC: "Data Set Trailing Padding",
}
_TRANSFER_SYNTAX = 0x00020010
_YES = 0x00120062


def strip_residue(copy: Instance, *, keep: Collection[int]) -> tuple[Instance, tuple[str, ...]]:
    """Return the copy without what must not go with it, and the names of what was taken out.

    Of ``keep`` only Encrypted Attributes Sequence is heeded. The file's preamble and its meta
    information are made anew: they may name whoever sent or wrote it.
    """
    old = copy.dataset
    implicit, little = old.original_encoding
    syntax = BaseTag(_TRANSFER_SYNTAX)
    meta = FileMetaDataset(
        {syntax: old.file_meta._dict[syntax]} if syntax in old.file_meta._dict else {}
    )
    dataset = FileDataset(
        old.buffer or "", dict(old._dict), None, meta, bool(implicit), bool(little)
    )
    dataset.set_original_encoding(implicit, little, old.original_character_set)
    gone = ["the original's seal"] if remove_carrier(dataset) else []
    for tag, name in _STRIPPED.items():
        if not (tag == ENCRYPTED and tag in keep) and dataset.pop(BaseTag(tag), None) is not None:
            gone.append(name)
    return replace(copy, dataset=dataset), tuple(gone)


def say_removed(copy: Instance) -> bool:
    """Set (0012,0062) Patient Identity Removed to YES if the copy does not say it; tell whether."""
    dataset = copy.dataset
    tag = BaseTag(_YES)
    element: object = dataset.get_item(tag, keep_deferred=True) if tag in dataset else None
    if isinstance(element, RawDataElement) and (element.value or b"").strip(b" \0") == b"YES":
        return False
    implicit, little = dataset.original_encoding
    dataset._dict[tag] = RawDataElement(tag, "CS", 4, b"YES ", 0, bool(implicit), bool(little))
    return True


def nested_residue(copy: Instance) -> Iterator[Remain]:
    """Yield what stands within sequences, or in radseal's own group: it is not taken out."""
    for leaf in every_element(copy):
        nested = next((tag for tag in leaf.place.tags if tag in _STRIPPED), None)
        if nested is not None:
            yield Remain(leaf.place, f"a nested {_STRIPPED[nested]}")
        elif leaf.place.tag >> 16 == GROUP:
            yield Remain(leaf.place, "a private element of radseal's group")
