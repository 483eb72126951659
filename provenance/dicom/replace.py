"""Give an object other samples and leave all else as it is.

The transfer syntax stays where it can hold the samples exactly: whatever an encoder wrote is
decoded again and compared, and an encoder that is not exact is not used.
"""

import struct
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from provenance.dicom import codecs
from provenance.dicom.encapsulate import encapsulate, extended_tables
from provenance.dicom.frames import PIXEL_DATA
from provenance.dicom.geometry import Stored, describe, native_layout, native_value, pixel_tag
from provenance.dicom.instance import Instance
from provenance.dicom.native import native_frame, native_size, pack_frames
from provenance.dicom.pixels import canonical, frames
from provenance.dicom.rle import encode_rle
from provenance.dicom.syntax import EXPLICIT_LITTLE, SYNTAXES, Coding
from provenance.errors import SealError, UnreadableError, UsageError
from provenance.image_tree import PixelGeometry, Samples

_PHOTOMETRIC, _PLANAR, _ALLOCATED, _HIGH_BIT = 0x00280004, 0x00280006, 0x00280100, 0x00280102
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_GROUP_LENGTH = 0x7FE00000
_PARTIAL = ("YBR_PARTIAL_422", "YBR_PARTIAL_420")
CANNOT_WRITE = "SE201"
_BAND = 256  # rows changed at a time


def set_pixels(instance: Instance, samples: Iterable[Samples], geometry: PixelGeometry) -> Instance:
    """Return the object with other samples; ``instance`` itself stays as it is.

    Native objects change in Pixel Data alone, and bits outside Bits Stored (overlays of old) stay
    in place. Losslessly compressed objects keep their transfer syntax if an encoder reproduces
    the samples exactly; else, and for lossy ones, Explicit VR Little Endian is written.

    Parameters
    ----------
    instance : Instance
        The object to change.
    samples : iterable of ndarray, shape ``geometry.shape``, dtype ``geometry.dtype``
        All frames, canonical samples within Bits Stored.
    geometry : PixelGeometry
        What `pixel_geometry` said of ``instance``.

    Raises
    ------
    UsageError
        The samples are not those of such an image.
    SealError
        No transfer syntax can hold them with this photometric interpretation.
    """
    tag = pixel_tag(instance)
    if tag is None:
        raise UsageError("an object without pixels cannot be given any")
    described, stored = describe(instance, tag)
    if described != geometry:
        raise UsageError("this geometry is not that of the object")
    wanted = _checked(samples, geometry)
    if stored.syntax.encapsulated and not geometry.lossy:
        written = _encapsulated(instance, wanted, geometry, stored)
        if written is not None and _holds(written, wanted, geometry):
            return written
    elif not stored.syntax.encapsulated:
        written = _in_place(instance, wanted, geometry, stored)
        if _holds(written, wanted, geometry):
            return written
    written = _native(instance, wanted, geometry, stored)
    if not _holds(written, wanted, geometry):
        raise SealError("the samples cannot be written exactly", code=CANNOT_WRITE)
    return written


def fresh_pixels(
    instance: Instance, samples: Iterable[Samples], geometry: PixelGeometry
) -> Instance:
    """Return the object with other samples, and with nothing else of its old pixel elements.

    As `set_pixels`, but bits outside Bits Stored become zero, and what stood behind the last frame
    or between the frames is gone: a picture that is passed on must hide nothing.
    """
    tag = pixel_tag(instance)
    if tag is None:
        raise UsageError("an object without pixels cannot be given any")
    described, stored = describe(instance, tag)
    if described != geometry:
        raise UsageError("this geometry is not that of the object")
    wanted = _checked(samples, geometry)
    written: Instance | None = None
    if stored.syntax.encapsulated and not geometry.lossy:
        written = _encapsulated(instance, wanted, geometry, stored)
    elif not stored.syntax.encapsulated:
        written = _in_place(_blank(instance, geometry, stored), wanted, geometry, stored)
    if written is None or not _holds(written, wanted, geometry):
        written = _native(instance, wanted, geometry, stored)
    if not _holds(written, wanted, geometry):
        raise SealError("the samples cannot be written exactly", code=CANNOT_WRITE)
    return written


def _blank(instance: Instance, geometry: PixelGeometry, stored: Stored) -> Instance:
    """Return a native object whose pixel element is all zero, and no longer than it must be."""
    bits = native_size(native_layout(geometry, stored, instance)) * geometry.frames
    size = -(-bits // 8)
    element = instance.dataset.get_item(BaseTag(stored.tag), keep_deferred=True)
    blank = _copy(instance)
    _put(blank, stored.tag, getattr(element, "VR", None), bytes(size + size % 2))
    return blank


def _checked(samples: Iterable[Samples], geometry: PixelGeometry) -> list[Samples]:
    wanted = list(samples)
    if len(wanted) != geometry.frames:
        raise UsageError(f"{len(wanted)} frames are not the {geometry.frames} of the object")
    for frame in wanted:
        if frame.shape != geometry.shape or frame.dtype != geometry.dtype:
            raise UsageError(
                f"{frame.dtype}{frame.shape} is not a frame of {geometry.dtype}{geometry.shape}"
            )
        if geometry.kind == "int":
            low, high = geometry.value_range
            if int(frame.min()) < low or int(frame.max()) > high:
                raise UsageError(f"samples exceed {geometry.bits_stored} bits stored")
    return wanted


def _holds(written: Instance, wanted: list[Samples], geometry: PixelGeometry) -> bool:
    """Whether decoding gives the wanted samples, bit for bit."""
    try:
        tag = pixel_tag(written)
        assert tag is not None
        now, _ = describe(written, tag)
        if now != geometry.as_decoded():
            return False
        found = frames(written, now)
        pairs = zip(found, wanted, strict=True)
        return all(np.array_equal(_bits(a), _bits(b)) for a, b in pairs)
    except UnreadableError:
        return False


def _bits(samples: Samples) -> Samples:
    """Return unsigned integers of the same bits, so that a NaN equals itself."""
    return np.ascontiguousarray(samples).view(f"<u{samples.dtype.itemsize}")


def _in_place(
    instance: Instance, wanted: list[Samples], geometry: PixelGeometry, stored: Stored
) -> Instance:
    """Change the native cells, keeping what is outside Bits Stored and behind the last frame."""
    value = native_value(instance, geometry, stored)
    layout = native_layout(geometry, stored, instance)
    cells = []
    for index, frame in enumerate(wanted):
        if geometry.kind == "int":
            old = native_frame(value, index, layout)
            old = old.view(f"<u{old.dtype.itemsize}")
            bands = [slice(row, row + _BAND) for row in range(0, geometry.rows, _BAND)]
            parts = [_replaced(old[rows], frame[rows], geometry, stored) for rows in bands]
            cells.append(np.concatenate(parts))
        else:
            cells.append(frame)
    packed = pack_frames(cells, layout)
    changed = _copy(instance)
    element = changed.dataset.get_item(BaseTag(stored.tag), keep_deferred=True)
    vr = getattr(element, "VR", None)
    _put(changed, stored.tag, vr, packed + value[len(packed) :])
    return changed


def _replaced(
    old: Samples, frame: Samples, geometry: PixelGeometry, stored: Stored
) -> npt.NDArray[np.integer[Any]]:
    """Return rows of stored cells with other samples in them, bits outside Bits Stored kept."""
    new = cast("npt.NDArray[np.integer[Any]]", _cells(frame, geometry, stored))
    widened = old.astype(new.dtype, copy=False)
    plain = _cells(canonical(widened, geometry, stored.high_bit), geometry, stored)
    kept: npt.NDArray[np.integer[Any]] = np.bitwise_xor(widened, plain)
    np.bitwise_xor(new, kept, out=kept)
    return kept


def _cells(frame: Samples, geometry: PixelGeometry, stored: Stored) -> Samples:
    """Return samples as stored cells: widened, sign-extended, shifted up to High Bit."""
    if geometry.kind != "int":
        return frame
    allocated = stored.bits_allocated
    size = 1 if allocated <= 8 else 2 if allocated <= 16 else 4
    widened = frame.astype(f"<{'i' if geometry.signed else 'u'}{size}").view(f"<u{size}")
    cells: Samples = np.left_shift(widened, stored.high_bit + 1 - geometry.bits_stored)
    if allocated < 8 * size:
        cells = np.bitwise_and(cells, cells.dtype.type((1 << allocated) - 1))
    return cells


def _encapsulated(
    instance: Instance, wanted: list[Samples], geometry: PixelGeometry, stored: Stored
) -> Instance | None:
    """Write the same transfer syntax again; None if it cannot be encoded here."""
    photometric = {"YBR_ICT": "YBR_RCT", "YBR_FULL_422": "YBR_FULL"}.get(
        stored.photometric, stored.photometric
    )
    if photometric in _PARTIAL:
        return None
    try:
        encoded = [_encoded(frame, geometry, stored, instance) for frame in wanted]
        extended = BaseTag(_OFFSETS) in instance.dataset
        value = encapsulate(encoded, basic_table=len(encoded) > 1 and not extended)
    except ValueError:
        return None
    changed = _copy(instance)
    if extended:
        offsets, lengths = extended_tables(encoded)
        _put(changed, _OFFSETS, "OV", offsets)
        _put(changed, _LENGTHS, "OV", lengths)
    if photometric != stored.photometric:
        _put(changed, _PHOTOMETRIC, "CS", _even_text(photometric))
    _put(changed, PIXEL_DATA, "OB", value, undefined=True)
    return changed


def _encoded(frame: Samples, geometry: PixelGeometry, stored: Stored, instance: Instance) -> bytes:
    """Encode one frame; ValueError if the syntax cannot hold it or has no encoder here."""
    coding = stored.syntax.coding
    cells = _cells(frame, geometry, stored)
    match coding:
        case Coding.ENCAPSULATED | Coding.DEFLATED_FRAME:
            packed = pack_frames([cells], native_layout(geometry, stored, instance))
            return codecs.deflate(packed) if coding is Coding.DEFLATED_FRAME else packed
        case Coding.RLE:
            if stored.bits_allocated == 1:
                packed = pack_frames([cells], native_layout(geometry, stored, instance))
                cells = np.frombuffer(packed, np.uint8).reshape(1, -1)
            return encode_rle(cells)
        case Coding.JPEG | Coding.JPEG_LS:
            # no sign in these codestreams (PS3.5 8.2.2, 8.2.3): the low bits, and no more
            mask = cells.dtype.type((1 << geometry.bits_stored) - 1)
            cells = np.bitwise_and(cells, mask)
        case _:
            cells = cells.view(f"<{'i' if geometry.signed else 'u'}{cells.dtype.itemsize}")
    transform = stored.photometric in ("YBR_RCT", "YBR_ICT")
    return codecs.encode(
        np.ascontiguousarray(cells), coding, bits=geometry.bits_stored, transform=transform
    )


def _native(
    instance: Instance, wanted: list[Samples], geometry: PixelGeometry, stored: Stored
) -> Instance:
    """Write by pixel and native; an object that was encapsulated becomes Explicit VR little."""
    if stored.photometric in _PARTIAL:
        raise SealError(
            f"{stored.photometric} cannot be written without halving its chroma", code=CANNOT_WRITE
        )
    photometric = {"YBR_ICT": "RGB", "YBR_RCT": "RGB", "YBR_FULL_422": "YBR_FULL"}.get(
        stored.photometric, stored.photometric
    )
    changed = _copy(instance)
    if stored.syntax.encapsulated:
        changed = replace(changed, transfer_syntax=UID(EXPLICIT_LITTLE))
    for tag in (_OFFSETS, _LENGTHS):
        changed.dataset.pop(BaseTag(tag), None)
    if photometric != stored.photometric:
        _put(changed, _PHOTOMETRIC, "CS", _even_text(photometric))
    if geometry.samples > 1 and stored.planar:
        _put(changed, _PLANAR, "US", _number(changed, 0))
    plain = replace(
        stored,
        syntax=SYNTAXES[changed.transfer_syntax],
        photometric=photometric,
        planar=False,
    )
    layout = native_layout(geometry, plain, changed)
    packed = pack_frames([_cells(frame, geometry, plain) for frame in wanted], layout)
    vr = "OB" if stored.bits_allocated <= 8 and plain.syntax.little else "OW"
    _put(changed, stored.tag, vr, packed + b"\0" * (len(packed) % 2))
    return changed


def _copy(instance: Instance) -> Instance:
    """Return the object with a dataset of its own; values are shared, they are never changed."""
    old = instance.dataset
    meta = FileMetaDataset(dict(old.file_meta._dict))
    implicit, little = old.original_encoding
    dataset = FileDataset(
        old.buffer or "", dict(old._dict), old.preamble, meta, bool(implicit), bool(little)
    )
    dataset.set_original_encoding(implicit, little, old.original_character_set)
    return replace(instance, dataset=dataset)


def _put(
    instance: Instance, tag: int, vr: str | None, value: bytes, *, undefined: bool = False
) -> None:
    """Set an element undecoded, so that it is written as it stands."""
    dataset = instance.dataset
    dataset.pop(BaseTag(_GROUP_LENGTH), None)
    implicit, little = dataset.original_encoding
    length = 0xFFFFFFFF if undefined else len(value)
    dataset._dict[BaseTag(tag)] = RawDataElement(
        BaseTag(tag), vr, length, value, 0, bool(implicit), bool(little)
    )


def _number(instance: Instance, value: int) -> bytes:
    return struct.pack("<H" if instance.dataset.original_encoding[1] else ">H", value)


def _even_text(text: str) -> bytes:
    return text.encode("ascii") + b" " * (len(text) % 2)
