"""Write vectors.json: `python tests/vectors/image-tree/make.py`.

Written from docs/spec/image-tree.md with the standard library and cbor2 alone; it shares no code
with the package. Samples come from SHA-256 in counter mode, so no tool's generator matters.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import cbor2

CASES = [
    # name, geometry as signed, compressed?
    ("one-sample", [1, 1, 1, 1, 8, False, "int", "grey", False]),
    ("worked-example", [2, 3, 1, 1, 12, False, "int", "grey", False]),
    ("one-tile-signed", [64, 64, 1, 1, 12, True, "int", "grey", False]),
    ("edge-tiles-two-frames", [65, 70, 2, 1, 16, False, "int", "grey", False]),
    ("rgb-8-bit", [3, 66, 1, 3, 8, False, "int", "rgb", False]),
    ("one-bit-three-frames", [5, 7, 3, 1, 1, False, "int", "grey", False]),
    ("bits-20", [4, 4, 1, 1, 20, False, "int", "grey", False]),
    ("float64", [2, 2, 1, 1, 64, True, "float64", "grey", False]),
    ("lossy-ybr", [4, 4, 2, 3, 8, False, "int", "ybr", True]),
]


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1", root(hashes[:split]), root(hashes[split:]))


def stream(name: str, size: int) -> bytes:
    blocks = (sha(name.encode(), struct.pack(">L", i)) for i in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def samples(name: str, geometry: list[Any], frame: int) -> bytes:
    rows, columns, _, channels, bits, signed, kind = geometry[:7]
    count = rows * columns * channels
    if name == "worked-example":
        return struct.pack("<6H", 0, 1, 2, 1024, 2048, 4095)
    if kind != "int":
        return stream(f"{name}/{frame}", count * bits // 8)
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    raw = stream(f"{name}/{frame}", count * 4)
    values = [value & (1 << bits) - 1 for (value,) in struct.iter_unpack("<L", raw)]
    if signed:
        values = [v - (1 << bits) if v >> bits - 1 else v for v in values]
    return b"".join(value.to_bytes(size, "little", signed=signed) for value in values)


def vector(name: str, geometry: list[Any]) -> dict[str, Any]:
    rows, columns, count = geometry[:3]
    frames = [samples(name, geometry, frame) for frame in range(count)]
    cell = len(frames[0]) // (rows * columns)
    compressed = [sha(f"{name}/{i}/stored".encode()) for i in range(count)] if geometry[8] else None
    tiles, leaves = [], [sha(b"\0radseal-pixels-1", cbor2.dumps(geometry, canonical=True))]
    for frame, body in enumerate(frames):
        own = []
        for top in range(0, rows, 64):
            for left in range(0, columns, 64):
                height, width = min(64, rows - top), min(64, columns - left)
                lines = [((top + y) * columns + left) * cell for y in range(height)]
                part = b"".join(body[at : at + width * cell] for at in lines)
                place = struct.pack(">LLLHH", frame, top, left, height, width)
                own.append(sha(b"\0radseal-tile-1", place, part))
        bound = compressed[frame] if compressed else b""
        leaves.append(sha(b"\0radseal-frame-1", struct.pack(">L", frame), root(own), bound))
        tiles += own
    return {
        "name": name,
        "geometry": geometry,
        "frames": [frame.hex() for frame in frames],
        "compressed": compressed and [digest.hex() for digest in compressed],
        "tiles": [tile.hex() for tile in tiles],
        "root": root(leaves).hex(),
    }


if __name__ == "__main__":
    made = [vector(name, geometry) for name, geometry in CASES]
    Path(__file__).with_name("vectors.json").write_text(json.dumps(made, indent=1) + "\n")
