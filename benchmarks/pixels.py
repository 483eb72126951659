"""What reading and hashing pixels costs (`python -P benchmarks/pixels.py`).

The yardstick for a native 10 MB radiograph is pydicom's dcmread and one SHA-256 over the file.
"""

import argparse
import hashlib
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom

from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.rle import decode_rle, encode_rle
from provenance.dicom.write import instance_bytes, set_pixels
from provenance.image_tree import PixelGeometry, hash_image

ROWS, COLUMNS = 2500, 2000


def radiograph(samples: np.ndarray) -> bytes:
    """Return an explicit little endian file with 12 bits stored in 16."""
    text = [
        (0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.1.1\0"),
        (0x00280004, b"CS", b"MONOCHROME2 "),
    ]
    numbers = {0x00280002: 1, 0x00280010: ROWS, 0x00280011: COLUMNS, 0x00280100: 16,
               0x00280101: 12, 0x00280102: 11, 0x00280103: 0}  # fmt: skip
    elements = text + [(tag, b"US", struct.pack("<H", value)) for tag, value in numbers.items()]
    body = b"".join(
        struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value
        for tag, vr, value in sorted(elements)
    )
    pixels = samples.tobytes()
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    head = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, len(pixels))
    return bytes(128) + b"DICM" + meta + body + head + pixels


def best(work: Callable[[], object], times: int = 9) -> float:
    """Return the least time in milliseconds: the machine's other work only ever adds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * min(taken)


def geometry_of(instance: Instance) -> PixelGeometry:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return geometry


def verify(source: Path | bytes) -> bytes:
    instance = read_instance(source)
    geometry = geometry_of(instance)
    return hash_image(frames(instance, geometry), geometry).root


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    samples = np.random.default_rng(0).integers(0, 4096, (ROWS, COLUMNS)).astype("<u2")
    data = radiograph(samples)
    instance = read_instance(data)
    geometry = geometry_of(instance)
    decoded = list(frames(instance, geometry))
    coded = encode_rle(samples)
    megapixels = ROWS * COLUMNS / 1e6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dx.dcm"
        path.write_bytes(data)
        rows = {
            "dcmread of the file": lambda: pydicom.dcmread(path),
            "SHA-256 of its bytes": lambda: hashlib.sha256(data).digest(),
            "read_instance of the file": lambda: read_instance(path),
            "read_instance of its bytes": lambda: read_instance(data),
            "frames": lambda: list(frames(instance, geometry)),
            "hash_image and root": lambda: hash_image(decoded, geometry).root,
            "all of it, from the file": lambda: verify(path),
            "all of it, from bytes": lambda: verify(data),
            "set_pixels, native": lambda: set_pixels(instance, decoded, geometry),
            "instance_bytes": lambda: instance_bytes(instance),
            "RLE decoding": lambda: decode_rle(
                coded, pixels=samples.size, samples=1, sample_bytes=2
            ),
        }
        for name, work in rows.items():
            spent = best(work)
            print(f"{name:28} {spent:8.2f} ms {spent / megapixels:7.3f} ms/MP")


if __name__ == "__main__":
    main()
