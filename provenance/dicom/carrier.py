"""The carrier: where seal, annex, receipt and restore data travel in a file (docs/spec/carrier.md).

A private block, reserved by its creator as PS3.5 7.8.1 says. Each value is preceded by its length,
since OB values are padded to an even one. Tools may renumber the block, turn the elements into
VR UN, or encode anew: the bytes stay readable.
"""

from dataclasses import dataclass

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.private_block import (
    CREATOR,
    creator_tag,
    element_tag,
    free_block,
    own_blocks,
    own_tags,
)
from provenance.errors import MalformedError, SealError, UsageError

_LENGTH_SIZE = 4
_STATEMENT, _ANNEX, _RECEIPT, _RESTORE = 0x01, 0x02, 0x03, 0x04
# The greatest value of each element, in bytes.
LIMITS = {_STATEMENT: 65_535, _ANNEX: 64 << 20, _RECEIPT: 1 << 20, _RESTORE: 256 << 20}


@dataclass(frozen=True, slots=True)
class Carrier:
    """What travels with an image. Unverified bytes, until the seal is."""

    statement: bytes
    annex: bytes
    receipt: bytes | None = None
    restore: bytes | None = None


def read_carrier(dataset: Dataset) -> Carrier | None:
    """Return what the dataset carries, None if it has no carrier; never changes the dataset.

    Raises
    ------
    MalformedError
        There is a carrier, but not in its format: two of them, unknown or missing elements,
        lengths that do not fit, values beyond their limits.
    """
    blocks = own_blocks(dataset)
    if not blocks:
        return None
    if len(blocks) > 1:
        raise MalformedError(f"{len(blocks)} private blocks claim to be the carrier")
    (block,) = blocks
    values: dict[int, bytes] = {}
    for tag in sorted(own_tags(dataset) - {creator_tag(block)}):
        values[tag & 0xFF] = _read_value(dataset, BaseTag(tag))
    statement, annex = values.get(_STATEMENT), values.get(_ANNEX)
    if statement is None or annex is None:
        raise MalformedError("the carrier lacks its statement or its annex")
    return Carrier(statement, annex, values.get(_RECEIPT), values.get(_RESTORE))


def write_carrier(dataset: Dataset, carrier: Carrier) -> None:
    """Put ``carrier`` into ``dataset``, in place of any that is there.

    Raises
    ------
    UsageError
        A value is empty or beyond its limit.
    SealError
        All blocks of the private group are taken.
    """
    values = {
        _STATEMENT: carrier.statement,
        _ANNEX: carrier.annex,
        _RECEIPT: carrier.receipt,
        _RESTORE: carrier.restore,
    }
    for element, value in values.items():
        if value is not None and not 0 < len(value) <= LIMITS[element]:
            raise UsageError(f"{len(value)} bytes do not fit element {element:02X} of the carrier")
    blocks = own_blocks(dataset)
    block = blocks[0] if blocks else free_block(dataset)
    if block is None:
        raise SealError("no private block is free for the carrier", code="no-private-block")
    remove_carrier(dataset)
    dataset.add(DataElement(creator_tag(block), "LO", CREATOR))
    for element, value in values.items():
        if value is not None:
            framed = len(value).to_bytes(_LENGTH_SIZE, "big") + value
            framed += bytes(len(framed) % 2)
            dataset.add(DataElement(element_tag(block, element), "OB", framed))


def remove_carrier(dataset: Dataset) -> bool:
    """Remove every block of ours from ``dataset``; tell whether there was one."""
    tags = own_tags(dataset)
    for tag in tags:
        del dataset[BaseTag(tag)]
    return bool(tags)


def _read_value(dataset: Dataset, tag: BaseTag) -> bytes:
    limit = LIMITS.get(tag & 0xFF)
    if limit is None:
        raise MalformedError(f"the carrier has no element {tag & 0xFF:02X}")
    framed = dataset.get_item(tag, keep_deferred=True).value
    if not isinstance(framed, bytes) or len(framed) < _LENGTH_SIZE:
        raise MalformedError(f"element {tag & 0xFF:02X} of the carrier is not framed bytes")
    length = int.from_bytes(framed[:_LENGTH_SIZE], "big")
    if not 0 < length <= limit:
        raise MalformedError(f"element {tag & 0xFF:02X} claims {length} bytes, of at most {limit}")
    end = _LENGTH_SIZE + length
    if len(framed) - end not in (0, 1) or len(framed) % 2 or any(framed[end:]):
        raise MalformedError(f"element {tag & 0xFF:02X} is not of the length it claims")
    return framed[_LENGTH_SIZE:end]
