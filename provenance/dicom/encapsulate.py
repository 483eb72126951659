"""Put frames into fragments (PS3.5 A.4): one fragment per frame, offset tables that agree."""

import struct
from collections.abc import Sequence
from itertools import accumulate

_ITEM = 0xE000FFFE
_MOST = 0xFFFFFFFE


def encapsulate(frames: Sequence[bytes], *, basic_table: bool) -> bytes:
    """Return the value of Pixel Data without its delimiter; ValueError if a frame is too long."""
    padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    if any(len(frame) > _MOST for frame in padded):
        raise ValueError("a frame exceeds what one fragment can hold")
    offsets = _offsets(padded) if basic_table else []
    if offsets and offsets[-1] > _MOST:
        raise ValueError("the frames exceed what a Basic Offset Table can address")
    parts = [_item(struct.pack(f"<{len(offsets)}L", *offsets))]
    parts += [_item(frame) for frame in padded]
    return b"".join(parts)


def extended_tables(frames: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return Extended Offset Table and Lengths (PS3.3 C.7.6.3.1.8, C.7.6.3.1.9)."""
    padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    lengths = [len(frame) for frame in padded]
    return struct.pack(f"<{len(frames)}Q", *_offsets(padded)), struct.pack(
        f"<{len(frames)}Q", *lengths
    )


def _offsets(padded: Sequence[bytes]) -> list[int]:
    return list(accumulate((len(frame) + 8 for frame in padded[:-1]), initial=0))


def _item(content: bytes) -> bytes:
    return struct.pack("<LL", _ITEM, len(content)) + content
