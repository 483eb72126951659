"""Where a closing travels in a Key Object: a private block beside the carrier's.

Laid out like the carrier (docs/spec/carrier.md); docs/spec/study.md, "The Key Object".
"""

from dataclasses import dataclass

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.private_block import (
    creator_tag,
    element_tag,
    free_block,
    own_blocks,
    own_tags,
)
from provenance.errors import MalformedError, SealError, UsageError

CREATOR = "RADSEAL STUDY 1"
_LENGTH_SIZE = 4
_STATEMENT, _MANIFEST, _RECEIPT = 0x01, 0x02, 0x03
LIMITS = {_STATEMENT: 65_535, _MANIFEST: 64 << 20, _RECEIPT: 1 << 20}


@dataclass(frozen=True, slots=True)
class ClosingBlock:
    """What a Key Object carries. Unverified bytes, until the closing is opened."""

    statement: bytes
    manifest: bytes
    receipt: bytes | None = None


def read_closing_block(dataset: Dataset) -> ClosingBlock | None:
    """Return what the dataset carries, None if there is none; MalformedError if it is broken."""
    blocks = own_blocks(dataset, CREATOR)
    if not blocks:
        return None
    if len(blocks) > 1:
        raise MalformedError(f"{len(blocks)} private blocks claim to be the closing")
    (block,) = blocks
    values: dict[int, bytes] = {}
    for tag in sorted(own_tags(dataset, CREATOR) - {creator_tag(block)}):
        values[tag & 0xFF] = _read_value(dataset, BaseTag(tag))
    statement, manifest = values.get(_STATEMENT), values.get(_MANIFEST)
    if statement is None or manifest is None:
        raise MalformedError("the closing lacks its statement or its manifest")
    return ClosingBlock(statement, manifest, values.get(_RECEIPT))


def write_closing_block(dataset: Dataset, closing: ClosingBlock) -> None:
    """Put ``closing`` into ``dataset``, which has none. UsageError for a value beyond its limit."""
    values = {
        _STATEMENT: closing.statement,
        _MANIFEST: closing.manifest,
        _RECEIPT: closing.receipt,
    }
    block = free_block(dataset)
    if block is None:
        raise SealError("no private block is free for the closing", code="no-private-block")
    dataset.add(DataElement(creator_tag(block), "LO", CREATOR))
    for element, value in values.items():
        if value is None:
            continue
        if not 0 < len(value) <= LIMITS[element]:
            raise UsageError(f"{len(value)} bytes do not fit element {element:02X} of the closing")
        framed = len(value).to_bytes(_LENGTH_SIZE, "big") + value
        framed += bytes(len(framed) % 2)
        dataset.add(DataElement(element_tag(block, element), "OB", framed))


def _read_value(dataset: Dataset, tag: BaseTag) -> bytes:
    limit = LIMITS.get(tag & 0xFF)
    if limit is None:
        raise MalformedError(f"the closing has no element {tag & 0xFF:02X}")
    element: object = dataset.get_item(tag, keep_deferred=True)
    framed = element.value if isinstance(element, RawDataElement | DataElement) else None
    if not isinstance(framed, bytes) or len(framed) < _LENGTH_SIZE:
        raise MalformedError(f"element {tag & 0xFF:02X} of the closing is not framed bytes")
    length = int.from_bytes(framed[:_LENGTH_SIZE], "big")
    if not 0 < length <= limit:
        raise MalformedError(f"element {tag & 0xFF:02X} claims {length} bytes, of at most {limit}")
    end = _LENGTH_SIZE + length
    if len(framed) - end not in (0, 1) or len(framed) % 2 or any(framed[end:]):
        raise MalformedError(f"element {tag & 0xFF:02X} is not of the length it claims")
    return framed[_LENGTH_SIZE:end]
