"""Read the few header values that decoding needs, straight from their bytes.

pydicom converts, repairs and warns when a value is asked for; what decides how pixels are read
must be one plain rule. Elements that someone already converted are accepted as they are.
"""

from functools import lru_cache
from operator import itemgetter
from typing import Literal

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.errors import Unreadable, UnreadableError

_MAX_TEXT = 256
_INTEGER_STRINGS = (0x00280008,)  # Number of Frames


@lru_cache(4096)
def tag_of(number: int) -> BaseTag:
    """Return pydicom's tag. The same object finds its element without being compared."""
    return BaseTag(number)


def stored_elements(dataset: Dataset) -> list[tuple[int, DataElement | RawDataElement]]:
    """Return tag and element in ascending order, each as it lies there.

    Plain integers: the tags of pydicom compare ten times as slowly.
    """
    return sorted([(int(tag), element) for tag, element in dataset.items()], key=itemgetter(0))


def number(dataset: Dataset, tag: int) -> int | None:
    """Return a US, UL or IS value; None when the element is absent or empty."""
    element: object = dataset.get_item(tag_of(tag), keep_deferred=True)
    if isinstance(element, RawDataElement):
        raw = element.value or b""
        if tag not in _INTEGER_STRINGS:
            if len(raw) not in (0, 2, 4):
                raise _unusable(tag, f"{len(raw)} bytes where one number must be")
            order: Literal["little", "big"] = "little" if element.is_little_endian else "big"
            return int.from_bytes(raw, order) if raw else None
        found: object = raw[:_MAX_TEXT].decode("latin-1").strip("\0 ")
    elif isinstance(element, DataElement):
        found = element.value
    else:
        return None
    if found is None or found == "":
        return None
    if isinstance(found, int):
        return int(found)
    words = str(found).strip("\0 ")
    if not words.isascii() or not words.removeprefix("+").isdigit() or len(words) > 12:
        raise _unusable(tag, f"{words[:40]!r} is not a whole number")
    return int(words)


def text(dataset: Dataset, tag: int) -> str:
    """Return a CS or UI value without its padding; empty when the element is absent."""
    element: object = dataset.get_item(tag_of(tag), keep_deferred=True)
    if isinstance(element, RawDataElement):
        return (element.value or b"")[:_MAX_TEXT].decode("latin-1").strip("\0 ")
    if isinstance(element, DataElement) and element.value is not None:
        return str(element.value).strip("\0 ")
    return ""


def binary(dataset: Dataset, tag: int) -> bytes | memoryview | None:
    """Return the value of an OB, OW, OF, OD, OV element as stored; None when absent."""
    element: object = dataset.get_item(tag_of(tag), keep_deferred=True)
    if element is None:
        return None
    if isinstance(element, RawDataElement | DataElement):
        value = element.value
        if value is None:
            return b""
        if isinstance(value, bytes | memoryview):
            return value
    raise _unusable(tag, "its value is not plain bytes")


def undefined_length(dataset: Dataset, tag: int) -> bool:
    """Whether the element was stored with undefined length, as encapsulated pixels are."""
    element: object = dataset.get_item(tag_of(tag), keep_deferred=True)
    if isinstance(element, RawDataElement):
        return element.length == 0xFFFFFFFF
    return isinstance(element, DataElement) and element.is_undefined_length


def _unusable(tag: int, reason: str) -> UnreadableError:
    name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return UnreadableError(f"{name} cannot be used: {reason}", code=Unreadable.GEOMETRY)
