"""What an image is: the geometry that is signed, and how its samples lie in the file.

Reads the Image Pixel module (PS3.3 C.7.6.3) and decides whether the bytes can be such an image;
`provenance.dicom.pixels` decodes them.
"""

from dataclasses import dataclass

from provenance.dicom import codecs
from provenance.dicom.frames import PIXEL_DATA, stored_frames
from provenance.dicom.instance import Instance, Note
from provenance.dicom.native import NativeLayout, native_size
from provenance.dicom.syntax import SYNTAXES, Fidelity, Syntax
from provenance.dicom.values import binary, number, text, undefined_length
from provenance.errors import Unreadable, UnreadableError, UsageError
from provenance.image_tree import Colour, Kind, PixelGeometry

_FLOAT, _DOUBLE = 0x7FE00008, 0x7FE00009
_COLOURS: dict[str, Colour] = {
    "MONOCHROME1": "grey",
    "MONOCHROME2": "grey",
    "PALETTE COLOR": "palette",
    "RGB": "rgb",
    "YBR_RCT": "rgb",  # the codec undoes its own transform
    "YBR_ICT": "rgb",
    "YBR_FULL": "ybr",
    "YBR_FULL_422": "ybr",
    "YBR_PARTIAL_422": "ybr",
    "YBR_PARTIAL_420": "ybr",
    "XYB": "other",
    "HSV": "other",
    "ARGB": "other",
    "CMYK": "other",
}
_SAMPLES = {"grey": (1,), "palette": (1,), "rgb": (3,), "ybr": (3,), "other": (3, 4)}
HALVED_CHROMA = ("YBR_FULL_422", "YBR_PARTIAL_422")


@dataclass(frozen=True, slots=True)
class Stored:
    """How the samples lie in the file."""

    tag: int
    syntax: Syntax
    photometric: str
    bits_allocated: int
    high_bit: int
    planar: bool


def pixel_geometry(instance: Instance) -> PixelGeometry | None:
    """Return what the image of an object is, or None for an object without pixels.

    Raises
    ------
    UnreadableError
        The header contradicts itself, the standard, the limits or the bytes that are there.
    """
    tag = pixel_tag(instance)
    if tag is None:
        return None
    geometry, stored = describe(instance, tag)
    itemsize = max(geometry.dtype.itemsize, stored.bits_allocated // 8)
    frame_bytes = geometry.rows * geometry.columns * geometry.samples * itemsize
    if frame_bytes > instance.limits.frame_bytes:
        raise UnreadableError(
            f"a frame of {frame_bytes} bytes exceeds the limit of {instance.limits.frame_bytes}",
            code=Unreadable.TOO_LARGE,
        )
    if not stored.syntax.encapsulated:
        native_value(instance, geometry, stored)
    return geometry


def pixel_notes(instance: Instance, geometry: PixelGeometry) -> tuple[Note, ...]:
    """Return what is odd about the pixels of an object that can be decoded all the same."""
    notes = []
    dataset = instance.dataset
    if geometry.kind == "int":
        if number(dataset, 0x00280103) is None:
            notes.append(Note.NO_SIGNEDNESS)
        if number(dataset, 0x00280102) not in (None, geometry.bits_stored - 1):
            notes.append(Note.HIGH_BIT)
    tag = pixel_tag(instance)
    assert tag is not None
    _, stored = describe(instance, tag)
    if not stored.syntax.encapsulated:
        size = native_size(native_layout(geometry, stored, instance)) * geometry.frames
        if len(binary(dataset, tag) or b"") > -(-size // 8) + 1:
            notes.append(Note.EXCESS_BYTES)
    return tuple(notes)


def pixel_tag(instance: Instance) -> int | None:
    found = [tag for tag in (PIXEL_DATA, _FLOAT, _DOUBLE) if tag in instance.dataset]
    if len(found) > 1:
        raise bad_geometry("the object has pixel data of more than one kind")
    return found[0] if found else None


def describe(instance: Instance, tag: int) -> tuple[PixelGeometry, Stored]:
    syntax = SYNTAXES.get(instance.transfer_syntax)
    if syntax is None:
        raise UnreadableError(
            f"transfer syntax {instance.transfer_syntax} ({instance.transfer_syntax.name}) "
            "is not one this version decodes",
            code=Unreadable.TRANSFER_SYNTAX,
        )
    dataset = instance.dataset
    photometric = text(dataset, 0x00280004)
    colour = _COLOURS.get(photometric)
    if colour is None:
        raise bad_geometry(f"photometric interpretation {photometric[:20]!r} is unknown")
    said = number(dataset, 0x00280002)
    samples = _SAMPLES[colour][0] if said is None else said
    if samples not in _SAMPLES[colour]:
        raise bad_geometry(f"{photometric} cannot have {samples} samples per pixel")
    allocated = _required(instance, 0x00280100, "Bits Allocated")
    kind, bits, high, signed = _depth(instance, tag, allocated)
    if kind != "int" and syntax.encapsulated:
        raise bad_geometry("floating-point pixels cannot be encapsulated")
    planar = number(dataset, 0x00280006) or 0
    if planar not in (0, 1):
        raise bad_geometry(f"planar configuration {planar} is unknown")
    stored = Stored(tag, syntax, photometric, allocated, high, samples > 1 and planar == 1)
    count = number(dataset, 0x00280008) or 1
    try:
        geometry = PixelGeometry(
            rows=_required(instance, 0x00280010, "Rows"),
            columns=_required(instance, 0x00280011, "Columns"),
            frames=count,
            samples=samples,
            bits_stored=bits,
            signed=signed,
            kind=kind,
            colour=colour,
            lossy=_is_lossy(instance, syntax, count),
        )
    except UsageError as error:
        raise bad_geometry(str(error)) from error
    return geometry, stored


def _depth(instance: Instance, tag: int, allocated: int) -> tuple[Kind, int, int, bool]:
    """Return kind, bits stored, high bit and signedness."""
    if tag != PIXEL_DATA:
        bits = 32 if tag == _FLOAT else 64
        if allocated != bits:
            raise bad_geometry(f"{allocated} bits allocated for floating-point samples of {bits}")
        return ("float32" if tag == _FLOAT else "float64"), bits, bits - 1, True
    if not 1 <= allocated <= 32:
        raise bad_geometry(f"{allocated} bits allocated are not 1 to 32")
    said = number(instance.dataset, 0x00280101)
    bits = allocated if said is None else said
    if bits > allocated:
        raise bad_geometry(f"{bits} bits stored do not fit {allocated} allocated")
    high = number(instance.dataset, 0x00280102)
    high = bits - 1 if high is None else high
    if not bits - 1 <= high < allocated:
        raise bad_geometry(f"high bit {high} with {bits} bits stored in {allocated}")
    signed = number(instance.dataset, 0x00280103) or 0
    if signed not in (0, 1):
        raise bad_geometry(f"pixel representation {signed} is unknown")
    return "int", bits, high, signed == 1


def _is_lossy(instance: Instance, syntax: Syntax, count: int) -> bool:
    """Whether decoders may differ: by transfer syntax, or by header and every codestream."""
    if syntax.fidelity is not Fidelity.STREAM_DECIDES:
        return syntax.fidelity is Fidelity.LOSSY
    if text(instance.dataset, 0x00282110) not in ("", "00"):
        return True
    stored = stored_frames(instance.dataset, count)
    return not all(codecs.probe(frame, syntax.coding).reversible for frame in stored)


def native_value(instance: Instance, geometry: PixelGeometry, stored: Stored) -> bytes | memoryview:
    """Return the bytes of native pixels, once it is certain that all are there."""
    if undefined_length(instance.dataset, stored.tag):
        raise UnreadableError(
            "the pixels are encapsulated, and the transfer syntax is a native one",
            code=Unreadable.FRAGMENTS,
        )
    value = binary(instance.dataset, stored.tag) or b""
    needed = -(-native_size(native_layout(geometry, stored, instance)) * geometry.frames // 8)
    if len(value) < needed:
        raise UnreadableError(
            f"{len(value)} bytes of pixels are there, {needed} are needed",
            code=Unreadable.PIXEL_BYTES,
        )
    return value


def native_layout(geometry: PixelGeometry, stored: Stored, instance: Instance) -> NativeLayout:
    little = stored.syntax.little or stored.syntax.encapsulated
    words = False
    if not little and stored.bits_allocated <= 8:
        element = instance.dataset.get_item(stored.tag, keep_deferred=True)
        words = element is not None and getattr(element, "VR", "OW") == "OW"
    halved = stored.photometric in HALVED_CHROMA and not stored.syntax.encapsulated
    if halved:
        if geometry.columns % 2 or stored.bits_allocated != 8 or stored.planar:
            raise bad_geometry(f"{stored.photometric} needs even columns of 8 bits, by pixel")
        full = geometry.rows * geometry.columns * 3 * geometry.frames
        there = len(binary(instance.dataset, stored.tag) or b"")
        halved = there not in (full, full + full % 2)  # some writers halve nothing but the label
    return NativeLayout(
        rows=geometry.rows,
        columns=geometry.columns,
        samples=geometry.samples,
        bits=stored.bits_allocated,
        little=little,
        words=words,
        planar=stored.planar,
        halved_chroma=halved,
        floating=geometry.kind != "int",
    )


def _required(instance: Instance, tag: int, name: str) -> int:
    value = number(instance.dataset, tag)
    if not value:
        raise bad_geometry(f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing or zero")
    return value


def bad_geometry(reason: str) -> UnreadableError:
    return UnreadableError(reason, code=Unreadable.GEOMETRY)
