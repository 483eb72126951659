"""The MAC by which a reference pins an instance: (0400,0403), PS3.3 table C.17-3a. Pure.

For readers that know DICOM alone; the manifest says more, and this is not believed here.
"""

from dataclasses import dataclass

from provenance.dicom.instance import Instance
from provenance.dicom.syntax import EXPLICIT_LITTLE
from provenance.errors import EvidenceError, EvidenceMissingError, SealError, UnreadableError
from provenance.ps315.algorithms import MacAlgorithm, mac_of
from provenance.ps315.elements import read_dataset
from provenance.ps315.mac_stream import is_known, mac_stream, may_be_signed


@dataclass(frozen=True, slots=True)
class ReferenceMac:
    """A MAC, what it was computed in and with, and over which elements."""

    syntax: str
    algorithm: MacAlgorithm
    tags: tuple[int, ...]
    mac: bytes


def reference_mac(instance: Instance) -> ReferenceMac | None:
    """Hash the standard elements of an object; None where the standard's own stream cannot be."""
    try:
        dataset = read_dataset(instance)
        tags = tuple(
            tag
            for tag, element in dataset.elements.items()
            if not tag >> 16 & 1 and may_be_signed(tag) and is_known(element, dataset)
        )
        mac = mac_of(mac_stream(dataset.elements, tags, [], dataset), MacAlgorithm.SHA256)
    except (EvidenceError, EvidenceMissingError, SealError, UnreadableError):
        return None
    syntax = dataset.transfer_syntax if dataset.encapsulated else EXPLICIT_LITTLE
    return ReferenceMac(str(syntax), MacAlgorithm.SHA256, tags, mac)
