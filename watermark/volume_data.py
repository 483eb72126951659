"""The bytes that let the key's holder take a mark out of a volume (docs/spec/mark-volume.md, 4)."""

import struct
from dataclasses import dataclass
from typing import Final

from watermark.errors import MalformedError
from watermark.payload import ID_BYTES
from watermark.restore_data import UNMARKED

VERSION: Final = 1
_MAGIC: Final = b"rsv" + bytes([VERSION])
_HEAD: Final = struct.Struct(">4sIII12s")
_LENGTH: Final = struct.Struct(">I")
MAX_FRAMES: Final = 65535
MAX_SIDE: Final = 65535
MAX_FRAME_DATA: Final = 1 << 22
MAX_DATA: Final = 1 << 28


@dataclass(frozen=True, slots=True)
class VolumeData:
    """Restore data frame by frame.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of a frame.
    payload : bytes
        The 12-byte id.
    frames : tuple of bytes
        For each frame its restore data (mark.md, 7), or ``UNMARKED``.
    """

    shape: tuple[int, int]
    payload: bytes
    frames: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the bytes."""
        parts = [_HEAD.pack(_MAGIC, *self.shape, len(self.frames), self.payload)]
        for frame in self.frames:
            parts += [_LENGTH.pack(len(frame)), frame]
        return b"".join(parts)


def is_volume(data: bytes) -> bool:
    """Say whether restore data claim to be those of a volume, of whatever version."""
    return data[:3] == _MAGIC[:3]


def parse_volume(data: bytes) -> VolumeData:
    """Parse strictly, but for what is inside each frame's data; MalformedError."""
    if not _HEAD.size <= len(data) <= MAX_DATA:
        raise MalformedError(f"restore data of a volume with {len(data)} bytes")
    magic, rows, columns, count, payload = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise MalformedError("restore data of a volume of an unknown version")
    if not (0 < rows <= MAX_SIDE and 0 < columns <= MAX_SIDE and 0 < count <= MAX_FRAMES):
        raise MalformedError("restore data of a volume with a number out of its range")
    if len(data) < _HEAD.size + count * (_LENGTH.size + len(UNMARKED)):
        raise MalformedError(f"restore data of {count} frames are cut short")
    frames, position = [], _HEAD.size
    for _ in range(count):
        start = position + _LENGTH.size
        if start > len(data):
            raise MalformedError("restore data of a volume are cut short")
        (length,) = _LENGTH.unpack_from(data, position)
        position = start + length
        if not len(UNMARKED) <= length <= MAX_FRAME_DATA or position > len(data):
            raise MalformedError("restore data of a frame of an impossible length")
        frames.append(data[start:position])
    if position != len(data):
        raise MalformedError("restore data of a volume are followed by something")
    assert len(payload) == ID_BYTES
    return VolumeData((rows, columns), payload, tuple(frames))
