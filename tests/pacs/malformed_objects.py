"""Part 10 files that no reader can make sense of, made from a good one; by what is wrong."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pydicom
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

_LONG = struct.Struct("<HH2sxxL")
_UNDEFINED = 0xFFFFFFFF
_DEEP = 3000
_PIXELS, _ROWS, _BITS = b"\xe0\x7f\x10\x00", b"\x28\x00\x10\x00US\2\0", b"\x28\x00\x00\x01US\2\0"


def malformed(good: bytes) -> dict[str, bytes]:
    """Return them; ``good`` is Explicit VR Little Endian, with native pixels."""
    head, data = _split(good)
    at = data.index(_PIXELS)
    begun = _LONG.pack(0x7FE1, 0x1020, b"SQ", _UNDEFINED) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, _UNDEFINED
    )
    made = {
        "cut in the pixels": data[:-4000],
        "cut in the header": data[: at // 2 + 3],
        "a length beyond the end": data + _LONG.pack(0x7FE1, 0x1010, b"OB", 0x7FFFFFFE) + b"x" * 8,
        "a sequence without an end": data + begun,
        "nested too deep": data + begun * _DEEP,
        "an element twice": data + data[at:],
        "noise": np.random.default_rng(7).bytes(5000),
        "nothing": b"",
        "more rows than bytes": _with(data, _ROWS, 65_535),
        "no bits": _with(data, _BITS, 0),
        "fragments without a syntax": data[: at + 8] + b"\xff" * 4 + data[at + 12 :],
    }
    found = {name: head + content for name, content in made.items()}
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = press.compress(data[:at] + _LONG.pack(0x7FE0, 0x10, b"OW", 3 << 30))
    for _ in range(256):
        bomb += press.compress(bytes(1 << 20))
    bomb += press.flush()
    deflated = _head(good, DeflatedExplicitVRLittleEndian)
    found["inflates to 256 MiB"] = deflated + bomb + b"\0" * (len(bomb) % 2)
    return found


def syntax_of(name: str) -> str:
    """Return the transfer syntax of one of them."""
    return DeflatedExplicitVRLittleEndian if "inflates" in name else ExplicitVRLittleEndian


def _split(content: bytes) -> tuple[bytes, bytes]:
    at = 144 + int.from_bytes(content[140:144], "little")
    return content[:at], content[at:]


def _with(data: bytes, element: bytes, value: int) -> bytes:
    at = data.index(element) + len(element)
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


def _head(content: bytes, syntax: str) -> bytes:
    meta = pydicom.dcmread(BytesIO(content), stop_before_pixels=True).file_meta
    meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    write_file_meta_info(buffer, meta)
    return bytes(128) + b"DICM" + buffer.getvalue()
