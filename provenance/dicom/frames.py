"""From Pixel Data to the stored bytes of each frame (PS3.5 8 and Annex A.4).

Which fragments make which frame is one plain rule here, and an offset table that says otherwise
is refused: a viewer that follows the table would show another image than the one verified.
"""

import struct
from itertools import pairwise

from pydicom.dataset import Dataset

from provenance.dicom.instance import Instance
from provenance.dicom.syntax import SYNTAXES
from provenance.dicom.values import binary, number, undefined_length
from provenance.errors import Unreadable, UnreadableError

PIXEL_DATA = 0x7FE00010
_EXTENDED_OFFSETS, _EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
_END_OF_IMAGE = b"\xff\xd9"  # EOI of JPEG and JPEG-LS, EOC of JPEG 2000


def compressed_frames(instance: Instance) -> tuple[bytes, ...]:
    """Return each frame's compressed bytes: fragments joined, padding removed.

    Padding is what PS3.5 A.4 lets an encoder append: zero bytes after the end-of-image marker.
    Raises UnreadableError, also if the transfer syntax is not an encapsulated one.
    """
    syntax = SYNTAXES.get(instance.transfer_syntax)
    if syntax is None or not syntax.encapsulated:
        raise UnreadableError("the frames are not compressed", code=Unreadable.TRANSFER_SYNTAX)
    count = number(instance.dataset, 0x00280008) or 1
    return tuple(without_padding(frame) for frame in stored_frames(instance.dataset, count))


def without_padding(frame: bytes) -> bytes:
    """Return a codestream without the zero bytes after its end marker."""
    if frame[-2:] == _END_OF_IMAGE:
        return frame
    stripped = frame.rstrip(b"\0")
    return stripped if stripped.endswith(_END_OF_IMAGE) else frame


def stored_frames(dataset: Dataset, count: int) -> list[bytes]:
    """Return ``count`` encapsulated frames, their fragments joined; UnreadableError otherwise."""
    value = binary(dataset, PIXEL_DATA)
    if not isinstance(value, bytes) or not undefined_length(dataset, PIXEL_DATA):
        raise _refused("the transfer syntax needs fragments, and Pixel Data holds none")
    table, fragments = _items(value)
    starts = _starts(dataset, table, fragments, count)
    bounds = [*starts, len(fragments)]
    return [
        fragments[first][1] if last - first == 1 else b"".join(f for _, f in fragments[first:last])
        for first, last in pairwise(bounds)
    ]


def _items(value: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return the Basic Offset Table and each fragment with its offset from the first one."""
    items: list[tuple[int, bytes]] = []
    position = 0
    while position < len(value):
        if len(value) - position < 8:
            raise _refused("the fragments end inside an item header")
        tag, length = struct.unpack_from("<LL", value, position)
        if tag != 0xE000FFFE or length > len(value) - position - 8:
            raise _refused(f"no fragment begins at byte {position} of Pixel Data")
        items.append((position, value[position + 8 : position + 8 + length]))
        position += 8 + length
    if not items:
        raise _refused("Pixel Data has no Basic Offset Table item")
    base = 8 + len(items[0][1])
    return items[0][1], [(offset - base, fragment) for offset, fragment in items[1:]]


def _starts(
    dataset: Dataset, table: bytes, fragments: list[tuple[int, bytes]], count: int
) -> list[int]:
    """Return the index of each frame's first fragment."""
    if len(fragments) < count:
        raise _refused(f"{len(fragments)} fragments cannot hold {count} frames")
    stated = _stated_offsets(dataset, table)
    if stated:
        index = {offset: i for i, (offset, _) in enumerate(fragments)}
        starts = [index.get(offset, -1) for offset in stated]
        rising = all(a < b for a, b in pairwise(starts))
        if len(stated) != count or starts[0] != 0 or not rising:
            raise _refused(f"the offset table does not fit {count} frames in their order")
    elif len(fragments) == count:
        starts = list(range(count))
    elif count == 1:
        starts = [0]
    else:
        ends = [i + 1 for i, (_, f) in enumerate(fragments) if _ends_image(f)]
        starts = [0, *ends[:-1]]
        if len(ends) != count or ends[-1] != len(fragments):
            raise _refused(f"{len(fragments)} fragments for {count} frames, and no offset table")
    if len(fragments) == count and starts != list(range(count)):
        raise _refused("the offset table contradicts one fragment per frame")
    return starts


def _stated_offsets(dataset: Dataset, table: bytes) -> list[int]:
    """Return the offsets of the extended (PS3.3 C.7.6.3.1.8) or the basic offset table."""
    extended = binary(dataset, _EXTENDED_OFFSETS)
    if extended:
        if table or len(extended) % 8:
            raise _refused("the extended offset table is not alone, or not of 64-bit offsets")
        return [offset for (offset,) in struct.iter_unpack("<Q", extended)]
    if len(table) % 4:
        raise _refused("the Basic Offset Table is not of 32-bit offsets")
    return [offset for (offset,) in struct.iter_unpack("<L", table)]


def _ends_image(fragment: bytes) -> bool:
    return _END_OF_IMAGE in fragment[-10:]


def _refused(reason: str) -> UnreadableError:
    return UnreadableError(reason, code=Unreadable.FRAGMENTS)
