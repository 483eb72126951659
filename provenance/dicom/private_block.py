"""radseal's own private block: where it lies, and how one is reserved (PS3.5 7.8.1)."""

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

GROUP = 0x5253
CREATOR = "RADSEAL 1"
_BLOCKS = range(0x10, 0x100)


def creator_tag(block: int) -> BaseTag:
    """Return the tag of the private creator that reserves ``block``."""
    return BaseTag(GROUP << 16 | block)


def element_tag(block: int, element: int) -> BaseTag:
    """Return the tag of one element of ``block``."""
    return BaseTag(GROUP << 16 | block << 8 | element)


def own_blocks(dataset: Dataset, creator: str = CREATOR) -> tuple[int, ...]:
    """Return the blocks that a creator of ours reserves: none or one, unless someone meddled."""
    reserved = sorted(
        tag & 0xFFFF
        for tag in dataset.keys()  # noqa: SIM118 - iterating a dataset converts its elements
        if tag >> 16 == GROUP and tag & 0xFFFF in _BLOCKS
    )
    return tuple(block for block in reserved if _creator(dataset, block) == creator)


def own_tags(dataset: Dataset, creator: str = CREATOR) -> frozenset[int]:
    """Return the tags, present ones only, of our creators and of what they reserve."""
    blocks = own_blocks(dataset, creator)
    if not blocks:
        return frozenset()
    return frozenset(
        int(tag)
        for tag in dataset.keys()  # noqa: SIM118
        if tag >> 16 == GROUP and (tag & 0xFFFF in blocks or (tag & 0xFFFF) >> 8 in blocks)
    )


def free_block(dataset: Dataset) -> int | None:
    """Return the first block that no creator reserves and no element uses."""
    used = {
        number if (number := tag & 0xFFFF) < 0x100 else number >> 8
        for tag in dataset.keys()  # noqa: SIM118
        if tag >> 16 == GROUP
    }
    return next((block for block in _BLOCKS if block not in used), None)


def _creator(dataset: Dataset, block: int) -> str | None:
    element = dataset.get_item(creator_tag(block), keep_deferred=True)
    value = element.value
    if isinstance(element, RawDataElement) or isinstance(value, bytes):
        value = (value or b"")[:64].decode("latin-1")
    return value.strip(" \0") if isinstance(value, str) else None
