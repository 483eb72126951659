"""The two sequences of signatures in a dataset: read as they stand, and written anew.

Whatever an item holds that is not ours is written as it was.
"""

import struct
from collections.abc import Sequence

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from provenance.dicom.instance import Instance
from provenance.dicom.items import Encoded, Encoding, Item
from provenance.errors import MalformedError, SealError
from provenance.ps315.elements import items_of

CANNOT_SIGN = "SE301"
LITTLE = Encoding(implicit=False, little=True)  # of the elements made here
_ITEM = 0xFFFEE000


def items_in(instance: Instance, tag: int) -> tuple[Item, ...]:
    """Return the items that are there; SealError if they cannot be read."""
    raw = _existing(instance, tag)
    if raw is None:
        return ()
    encoding = Encoding(bool(raw.is_implicit_VR), bool(raw.is_little_endian))
    try:
        return items_of(Encoded(tag, "SQ", raw.value or b"", encoding))
    except MalformedError as error:
        raise SealError(
            f"the object carries digital signatures that cannot be read: {error}", code=CANNOT_SIGN
        ) from error


def text_element(tag: int, vr: str, text: str) -> Encoded:
    """Return an element of ASCII text."""
    value = text.encode("ascii")
    return Encoded(tag, vr, value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2), LITTLE)


def bulk_element(tag: int, value: bytes) -> Encoded:
    """Return an element of bytes, padded."""
    return Encoded(tag, "OB", value + bytes(len(value) % 2), LITTLE)


def _existing(instance: Instance, tag: int) -> RawDataElement | None:
    raw: object = instance.dataset.get_item(BaseTag(tag), keep_deferred=True)
    if raw is None:
        return None
    implicit, little = instance.dataset.original_encoding
    if (
        not isinstance(raw, RawDataElement)
        or raw.VR not in (None, "SQ")
        or (raw.is_implicit_VR, raw.is_little_endian) != (implicit, little)
    ):
        raise SealError(
            "the object carries digital signatures in an encoding of their own", code=CANNOT_SIGN
        )
    return raw


def append_item(instance: Instance, tag: int, item: list[Encoded]) -> None:
    """Add an item to a sequence of the dataset, in the dataset's own encoding."""
    implicit, little = instance.dataset.original_encoding
    encoding = Encoding(bool(implicit), bool(little))
    raw = _existing(instance, tag)
    value = (raw.value or b"") if raw is not None else b""
    _put(instance, tag, value + _encode_item(item, encoding), encoding)


def replace_items(instance: Instance, tag: int, items: Sequence[Item]) -> None:
    """Write a sequence of the dataset anew, in the dataset's own encoding."""
    implicit, little = instance.dataset.original_encoding
    encoding = Encoding(bool(implicit), bool(little))
    _put(instance, tag, b"".join(_encode_item(item, encoding) for item in items), encoding)


def _put(instance: Instance, tag: int, value: bytes, encoding: Encoding) -> None:
    implicit, little = encoding
    # a RawDataElement is written as it stands, and read by whoever asks for its value
    instance.dataset._dict[BaseTag(tag)] = RawDataElement(
        BaseTag(tag), None if implicit else "SQ", len(value), value, 0, implicit, little
    )


def _encode_item(item: list[Encoded], encoding: Encoding) -> bytes:
    order = "<" if encoding.little else ">"
    body = b"".join(
        _encode(element, encoding, order) for element in sorted(item, key=lambda e: e.tag)
    )
    return struct.pack(order + "HHL", _ITEM >> 16, _ITEM & 0xFFFF, len(body)) + body


def _encode(element: Encoded, encoding: Encoding, order: str) -> bytes:
    """Encode an element of ours, or one of the object's own as it stands there."""
    if isinstance(element.value, tuple):
        value = b"".join(_encode_item(item, encoding) for item in element.value)
    else:
        value = element.value
        if element.vr in ("US", "AT") and element.encoding.little is not encoding.little:
            value = b"".join(value[at : at + 2][::-1] for at in range(0, len(value), 2))
    group, number = element.tag >> 16, element.tag & 0xFFFF
    if encoding.implicit:
        return struct.pack(order + "HHL", group, number, len(value)) + value
    assert element.vr is not None
    name = element.vr.encode("ascii")
    if element.vr in EXPLICIT_VR_LENGTH_32:
        return struct.pack(order + "HH2sHL", group, number, name, 0, len(value)) + value
    return struct.pack(order + "HH2sH", group, number, name, len(value)) + value
