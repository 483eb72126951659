"""Original Attributes Sequence (0400,0561), PS3.3 C.12.1.1.9: what an object said before.

Items are written as bytes behind those that are there, which stay as they are; they are read back
from the canonical value. Anyone can write such a sequence: it proves nothing by itself.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from provenance.dicom.canonical import CanonicalValue
from provenance.dicom.instance import Instance
from provenance.dicom.write import item_bytes
from provenance.errors import SealError

ORIGINAL_ATTRIBUTES = 0x04000561
CANNOT_RECORD = "SE302"
MAX_TEXT = 64  # VR LO
MAX_WALKED = 256  # items that are read back, newest first
_MODIFIED, _MOMENT, _SYSTEM, _SOURCE, _REASON = (
    0x04000550, 0x04000562, 0x04000563, 0x04000564, 0x04000565,
)  # fmt: skip


def append_original(
    instance: Instance, previous: Mapping[int, RawDataElement], *, at: datetime, system: str,
    reason: str,
) -> None:  # fmt: skip
    """Add an item that holds ``previous``, the elements before they were changed.

    ``system`` is at most 64 ASCII characters. Raises SealError when the sequence that is there
    cannot be continued.
    """
    implicit, little = instance.dataset.original_encoding
    implicit, little = bool(implicit), little is not False

    def raw(tag: int, vr: str, value: bytes) -> RawDataElement:
        return RawDataElement(BaseTag(tag), vr, len(value), value, 0, implicit, little)

    def encoded(elements: list[RawDataElement]) -> bytes:
        return item_bytes(elements, implicit=implicit, little=little)

    moment = f"{at.astimezone(UTC):%Y%m%d%H%M%S.%f}+0000"
    item = encoded(
        [
            raw(_MODIFIED, "SQ", encoded([previous[tag] for tag in sorted(previous)])),
            raw(_MOMENT, "DT", _even(moment)),
            raw(_SYSTEM, "LO", _even(system[:MAX_TEXT])),
            raw(_SOURCE, "LO", b""),
            raw(_REASON, "CS", _even(reason)),
        ]
    )
    before = _items_there(instance, implicit=implicit)
    instance.dataset._dict[BaseTag(ORIGINAL_ATTRIBUTES)] = raw(
        ORIGINAL_ATTRIBUTES, "SQ", before + item
    )


def values_before(items: CanonicalValue | None) -> Iterator[dict[int, CanonicalValue | None]]:
    """Yield the values that each item says were there before it, the newest item first.

    ``items`` is the canonical value of the sequence. An attribute that was empty before leaves no
    trace in it.
    """
    if not isinstance(items, tuple):
        return
    for item in items[: -MAX_WALKED - 1 : -1]:
        yield _modified(item)


def _modified(item: CanonicalValue) -> dict[int, CanonicalValue | None]:
    modified = _pairs(item).get(_MODIFIED)
    if not isinstance(modified, tuple) or len(modified) != 1:
        return {}
    return _pairs(modified[0])


def _pairs(item: CanonicalValue) -> dict[int, CanonicalValue | None]:
    pairs: dict[int, CanonicalValue | None] = {}
    for pair in item if isinstance(item, tuple) else ():
        match pair:
            case (int(tag), value):
                pairs[tag] = value
            case _:
                continue
    return pairs


def _items_there(instance: Instance, *, implicit: bool) -> bytes:
    """Return the encoded items of the sequence as it stands."""
    tag = BaseTag(ORIGINAL_ATTRIBUTES)
    if tag not in instance.dataset:
        return b""
    element: object = instance.dataset.get_item(tag, keep_deferred=True)
    if isinstance(element, RawDataElement) and (element.VR, element.is_implicit_VR) in (
        (None, True),
        ("SQ", implicit),
    ):
        return element.value or b""
    raise SealError(
        "its Original Attributes Sequence is not stored as a sequence", code=CANNOT_RECORD
    )


def _even(text: str) -> bytes:
    value = text.encode("ascii", "replace")
    return value + b" " * (len(value) % 2)
