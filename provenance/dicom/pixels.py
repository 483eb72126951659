"""Decode frames into canonical samples (docs/spec/image-tree.md).

Canonical samples do not depend on how the object is encoded: not on Bits Allocated, High Bit,
Planar Configuration, byte order or transfer syntax, as long as the encoding is lossless.
"""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from provenance.dicom import codecs
from provenance.dicom.codestream import StreamInfo
from provenance.dicom.frames import compressed_frames, stored_frames
from provenance.dicom.geometry import (
    Stored,
    bad_geometry,
    describe,
    native_layout,
    native_value,
    pixel_geometry,
    pixel_notes,
    pixel_tag,
)
from provenance.dicom.instance import Instance
from provenance.dicom.native import native_frame, native_size
from provenance.dicom.rle import decode_rle
from provenance.dicom.syntax import Coding
from provenance.errors import Unreadable, UnreadableError, UsageError
from provenance.image_tree import PixelGeometry, Samples

__all__ = ["canonical", "compressed_frames", "frames", "pixel_geometry", "pixel_notes"]


def frames(instance: Instance, geometry: PixelGeometry) -> Iterator[Samples]:
    """Decode frame after frame into canonical samples.

    Parameters
    ----------
    instance : Instance
        The object.
    geometry : PixelGeometry
        What `pixel_geometry` said of it.

    Yields
    ------
    ndarray, shape ``geometry.shape``, dtype ``geometry.dtype``
        Samples masked to Bits Stored (0028,0101), sign-extended if (0028,0103) says so; read-only
        views of the file's bytes where these are canonical already.

    Raises
    ------
    UnreadableError
        A frame cannot be decoded, or is not what the header says.
    """
    tag = pixel_tag(instance)
    if tag is None:
        raise UsageError("an object without pixels has no frames")
    described, stored = describe(instance, tag)
    if described != geometry:
        raise UsageError("this geometry is not that of the object")
    if not stored.syntax.encapsulated:
        layout = native_layout(geometry, stored, instance)
        value = native_value(instance, geometry, stored)
        for index in range(geometry.frames):
            yield canonical(native_frame(value, index, layout), geometry, stored.high_bit)
        return
    for frame in stored_frames(instance.dataset, geometry.frames):
        try:
            yield _decode(frame, geometry, stored, instance)
        except MemoryError as error:
            raise UnreadableError(
                "no memory is left for a frame of this size", code=Unreadable.TOO_LARGE
            ) from error


def _decode(frame: bytes, geometry: PixelGeometry, stored: Stored, instance: Instance) -> Samples:
    coding = stored.syntax.coding
    if coding in (Coding.ENCAPSULATED, Coding.DEFLATED_FRAME):
        layout = native_layout(geometry, stored, instance)
        size = -(-native_size(layout) // 8)
        if coding is Coding.DEFLATED_FRAME:
            frame = codecs.inflate(frame, size)
        if len(frame) < size:
            raise UnreadableError(
                f"a frame of {len(frame)} bytes, {size} are needed", code=Unreadable.PIXEL_BYTES
            )
        return canonical(native_frame(frame, 0, layout), geometry, stored.high_bit)
    if coding is Coding.RLE:
        return canonical(_decode_rle(frame, geometry, stored), geometry, stored.high_bit)
    if stored.high_bit != geometry.bits_stored - 1:
        raise bad_geometry(f"high bit {stored.high_bit} has no meaning in a {coding.name} frame")
    info = codecs.probe(frame, coding)
    said = (info.rows, info.columns, info.samples or geometry.samples)
    if said != (geometry.rows, geometry.columns, geometry.samples):
        raise UnreadableError(
            f"the codestream is {info.rows} x {info.columns} x {info.samples}, the header says "
            f"{geometry.rows} x {geometry.columns} x {geometry.samples}",
            code=Unreadable.CODESTREAM,
        )
    if info.bits > max(stored.bits_allocated, 8):
        raise UnreadableError(
            f"the codestream has {info.bits} bits, {stored.bits_allocated} are allocated",
            code=Unreadable.CODESTREAM,
        )
    decoded = codecs.decode(frame, coding)
    if decoded.shape != geometry.shape or decoded.dtype.kind not in "iu":
        raise UnreadableError(
            f"the decoder gives {decoded.dtype}{decoded.shape}, not {geometry.shape}",
            code=Unreadable.CODESTREAM,
        )
    return _from_codec(decoded, info, geometry)


def _decode_rle(frame: bytes, geometry: PixelGeometry, stored: Stored) -> Samples:
    pixels = geometry.rows * geometry.columns
    if stored.bits_allocated == 1:
        packed = decode_rle(frame, pixels=-(-pixels // 8), samples=1, sample_bytes=1)
        return np.unpackbits(packed, bitorder="little")[:pixels].reshape(geometry.shape)
    if stored.bits_allocated not in (8, 16, 32):
        raise bad_geometry(f"RLE with {stored.bits_allocated} bits allocated")
    samples = decode_rle(
        frame,
        pixels=pixels,
        samples=geometry.samples,
        sample_bytes=stored.bits_allocated // 8,
    )
    return samples.reshape(geometry.shape)


def _from_codec(decoded: Samples, info: StreamInfo, geometry: PixelGeometry) -> Samples:
    """Bring a decoder's samples to the header's signedness and Bits Stored."""
    signed = decoded.dtype.kind == "i"
    bits = geometry.bits_stored
    if signed != geometry.signed and info.bits:
        bits = min(bits, info.bits)  # the sign sits where the stream's precision ends
    if not geometry.lossy:
        return _masked(decoded, bits, geometry)
    # a lossy codec overshoots: wrapping around would turn white into black
    if geometry.signed and not signed and info.bits:
        decoded = _sign_extended(_integers(decoded), info.bits)
    container = np.iinfo(decoded.dtype)
    low = max(geometry.value_range[0], int(container.min))
    high = min(geometry.value_range[1], int(container.max))
    clipped: Samples = np.clip(decoded, low, high)
    return clipped.astype(geometry.dtype, copy=False)


def canonical(samples: Samples, geometry: PixelGeometry, high_bit: int) -> Samples:
    """Cut Bits Stored out of the stored cells; what lies above and below is not the image's."""
    if geometry.kind != "int":
        return samples
    surplus = high_bit + 1 - geometry.bits_stored
    if surplus:
        samples = np.right_shift(_integers(samples), surplus)
    return _masked(samples, geometry.bits_stored, geometry)


def _masked(samples: Samples, bits: int, geometry: PixelGeometry) -> Samples:
    """Keep the low ``bits``, sign-extend if signed, in the container of the geometry."""
    values = _integers(samples)
    size = values.dtype.itemsize
    if bits == 8 * size and size == geometry.dtype.itemsize:
        return values.view(geometry.dtype)
    if geometry.signed:
        values = _sign_extended(values, bits)
    elif int(cast(Any, values).max()) >> bits:  # most files have nothing there: no copy for them
        values = np.bitwise_and(values, values.dtype.type((1 << bits) - 1))
    kept: Samples = values.astype(geometry.dtype, copy=False)
    return kept


def _sign_extended(values: Samples, bits: int) -> Samples:
    size = values.dtype.itemsize
    shift = 8 * size - bits
    extended: Samples = np.right_shift(np.left_shift(values, shift).view(f"<i{size}"), shift)
    return extended


def _integers(samples: Samples) -> Samples:
    """Return the same bits as unsigned little-endian integers."""
    unsigned: Samples = samples.view(f"<u{samples.dtype.itemsize}")
    return unsigned
