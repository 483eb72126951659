"""Write an object: as Part 10 bytes, or atomically into a file.

Elements that nobody decoded or set are copied byte for byte; pydicom encodes the others. Group
lengths (gggg,0000), retired and stale as soon as anything changes, are left out (PS3.5 7.2).
"""

import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from provenance.dicom.instance import Instance
from provenance.dicom.replace import CANNOT_WRITE, set_pixels
from provenance.dicom.syntax import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE
from provenance.dicom.values import text
from provenance.errors import SealError, UsageError

__all__ = [
    "IMPLEMENTATION_CLASS_UID",
    "instance_bytes",
    "item_bytes",
    "set_pixels",
    "write_instance",
]

IMPLEMENTATION_CLASS_UID = "2.25.96786958108509729323331432321142896994"
IMPLEMENTATION_VERSION_NAME = b"RADSEAL"
_UNDEFINED = 0xFFFFFFFF
# what pydicom's writer raises for a value that does not fit its VR or its character set; it turns
# struct.error into OSError
_FAILURES = (ValueError, TypeError, AttributeError, OverflowError, LookupError, OSError,
             NotImplementedError, struct.error, BytesLengthException)  # fmt: skip


def instance_bytes(instance: Instance) -> bytes:
    """Return the object as a Part 10 file.

    Raises
    ------
    SealError
        An element that was set or decoded cannot be encoded; says which.
    """
    dataset = instance.dataset
    implicit = instance.transfer_syntax == IMPLICIT_LITTLE
    little = instance.transfer_syntax != EXPLICIT_BIG
    parts = _encode(dataset, implicit=implicit, little=little, charsets=_charsets(dataset))
    preamble = dataset.preamble if isinstance(dataset.preamble, bytes) else bytes(128)
    head = [preamble, b"DICM", _meta(instance)]
    if instance.transfer_syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        deflated = b"".join(deflater.compress(part) for part in parts) + deflater.flush()
        return b"".join([*head, deflated, b"\0" * (len(deflated) % 2)])
    return b"".join([*head, *parts])


def write_instance(instance: Instance, path: Path, *, overwrite: bool = False) -> None:
    """Write the object as a file: all of it or nothing, and over another only if told.

    Raises
    ------
    UsageError
        The file exists, and ``overwrite`` is not set.
    SealError
        The object cannot be encoded.
    OSError
        The folder cannot be written.
    """
    encoded = instance_bytes(instance)
    if not overwrite and path.exists():
        raise UsageError(f"{path} exists already")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def item_bytes(elements: Iterable[RawDataElement], *, implicit: bool, little: bool) -> bytes:
    """Return one item of a sequence, of defined length, from undecoded elements in their order."""
    content = b"".join(_raw_bytes(each, implicit=implicit, little=little) for each in elements)
    return struct.pack("<HHL" if little else ">HHL", 0xFFFE, 0xE000, len(content)) + content


def _publish(temporary: Path, path: Path) -> None:
    """Give the file its name, losing the race rather than another's file."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already") from error
    except OSError:  # no hard links here
        if path.exists():
            raise UsageError(f"{path} exists already") from None
        temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _meta(instance: Instance) -> bytes:
    """Return the file meta information, completed where it lacks what it must have (PS3.10 7.1)."""
    dataset, meta = instance.dataset, Dataset(dict(instance.dataset.file_meta._dict))
    required: list[tuple[int, str, bytes]] = [
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", text(dataset, 0x00080016).encode("latin-1")),
        (0x00020003, "UI", text(dataset, 0x00080018).encode("latin-1")),
    ]
    for tag, vr, value in required:
        if value and BaseTag(tag) not in meta:
            _put(meta, tag, vr, value)
    # Whoever writes a file names itself, and not who wrote the one before.
    _put(meta, 0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode("ascii"))
    _put(meta, 0x00020013, "SH", IMPLEMENTATION_VERSION_NAME)
    syntax = str(instance.transfer_syntax).encode("latin-1")
    if text(meta, 0x00020010).encode("latin-1") != syntax:
        _put(meta, 0x00020010, "UI", syntax)
    meta.pop(BaseTag(0x00020000), None)
    body = b"".join(_encode(meta, implicit=False, little=True, charsets=["iso8859"]))
    return struct.pack("<HH2sHL", 0x0002, 0x0000, b"UL", 4, len(body)) + body


def _put(meta: Dataset, tag: int, vr: str, value: bytes) -> None:
    padded = value + (b"\0" if vr in ("UI", "OB") else b" ") * (len(value) % 2)
    meta._dict[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(padded), padded, 0, False, True)


def _encode(
    dataset: Dataset, *, implicit: bool, little: bool, charsets: list[str]
) -> Iterator[bytes]:
    for tag in sorted(dataset.keys()):
        if tag.element == 0:
            continue
        element: object = dataset.get_item(tag, keep_deferred=True)
        if isinstance(element, RawDataElement):
            yield _raw_bytes(element, implicit=implicit, little=little)
            continue
        assert isinstance(element, DataElement)
        yield _encoded(element, implicit=implicit, little=little, charsets=charsets)


def _raw_bytes(element: RawDataElement, *, implicit: bool, little: bool) -> bytes:
    header = _header(element, "" if implicit else _explicit_vr(element), little=little)
    end = b""
    if element.length == _UNDEFINED:
        end = struct.pack("<HHL" if little else ">HHL", 0xFFFE, 0xE0DD, 0)
    return b"".join((header, element.value or b"", end))


def _explicit_vr(element: RawDataElement) -> str:
    """Return the VR to copy an undecoded element with.

    One that was stored in implicit VR gets the VR of the dictionary, and UN where that is not
    certain or where its items are implicit: that is what UN means (PS3.5 6.2.2).
    """
    if not element.is_implicit_VR and element.VR is not None:
        return element.VR
    try:
        vr = dictionary_VR(element.tag)
    except KeyError:
        return "UN"
    short = vr not in EXPLICIT_VR_LENGTH_32
    too_long = short and len(element.value or b"") > 0xFFFF
    return "UN" if len(vr) != 2 or vr == "SQ" or too_long else vr


def _header(element: RawDataElement, vr: str, *, little: bool) -> bytes:
    order = "<" if little else ">"
    group, number = element.tag >> 16, element.tag & 0xFFFF
    length = _UNDEFINED if element.length == _UNDEFINED else len(element.value or b"")
    if not vr:
        return struct.pack(order + "HHL", group, number, length)
    name = vr.encode("ascii")
    if vr in EXPLICIT_VR_LENGTH_32:
        return struct.pack(order + "HH2sHL", group, number, name, 0, length)
    return struct.pack(order + "HH2sH", group, number, name, length)


def _encoded(element: DataElement, *, implicit: bool, little: bool, charsets: list[str]) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    try:
        write_data_element(buffer, element, charsets)
    except _FAILURES as error:
        raise _cannot(element.tag, error) from error
    return buffer.getvalue()


def _charsets(dataset: Dataset) -> list[str]:
    """Return the character sets as Python names, as `provenance.dicom.read` found them."""
    found = dataset.original_character_set
    return [found] if isinstance(found, str) else list(found)


def _cannot(tag: BaseTag, error: Exception) -> SealError:
    return SealError(f"element {tag} cannot be written: {error}", code=CANNOT_WRITE)
