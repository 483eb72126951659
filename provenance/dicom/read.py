"""Read DICOM objects: Part 10 files, and bare datasets that plainly are such.

The bytes are walked once under limits; pydicom only receives elements whose place and length are
known, and converts their values when it is asked. So nothing here can warn, recurse or allocate
by the word of the file, and no setting of pydicom is touched (those are process-wide).
"""

import io
import os
import zlib
from pathlib import Path

from pydicom.charset import STAND_ALONE_ENCODINGS, default_encoding, python_encoding
from pydicom.config import IGNORE
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from provenance.dicom.instance import DEFAULT_LIMITS, Instance, Limits, Note
from provenance.dicom.structure import UNDEFINED, Element, Walker
from provenance.dicom.syntax import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    SYNTAXES,
)
from provenance.dicom.values import tag_of, text
from provenance.errors import Unreadable, UnreadableError

__all__ = ["Instance", "Limits", "Note", "read_instance"]

_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe",
             b"\xca\xfe\xba\xbe", b"<script", b"<html")  # fmt: skip
_AS_PYDICOM_READS = tuple(RawDataElement._field_defaults.values())
_FORMATS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"%PDF", b"PK\3\4", b"GIF8", b"\x89PNG")


def read_instance(source: bytes | Path, *, limits: Limits = DEFAULT_LIMITS) -> Instance:
    """Read one DICOM object from bytes or from a file.

    Raises
    ------
    UnreadableError
        It is not DICOM, is cut short, breaks its own structure, or exceeds ``limits``.
    OSError
        The file itself cannot be opened or read.
    """
    data = source if isinstance(source, bytes) else _load(source, limits.file_bytes)
    if len(data) > limits.file_bytes:
        raise _too_large(len(data), limits.file_bytes)
    notes: list[Note] = []
    preamble, start = _preamble(data, notes)
    meta_elements, start = _walker(data, limits, implicit=False, little=True).elements(
        start, only=2
    )
    if any(element.vr is None for element in meta_elements):
        raise UnreadableError(
            "file meta information without VRs (PS3.10 7.1): readers would differ",
            code=Unreadable.MALFORMED,
        )
    meta = _meta(_raw(data, meta_elements, implicit=False, little=True))
    stated = text(meta, 0x00020010)
    if stated == DEFLATED:
        data, start = _inflate(data, start, limits.inflated_bytes, notes), 0
    implicit, little = _encoding(data, start, stated, notes)
    if not stated and not little and 0x00020010 in meta:
        # where it is not there at all others guess alike; an empty one they take for little endian
        raise UnreadableError(
            "the transfer syntax is empty, and the dataset looks big endian: readers would differ",
            code=Unreadable.MALFORMED,
        )
    elements, end = _walker(data, limits, implicit=implicit, little=little).elements(start)
    _check(elements, bare=preamble is None)
    if end < len(data):
        notes.append(Note.TRAILING_BYTES)
    raw = _raw(data, elements, implicit=implicit, little=little)
    return Instance(
        dataset=_dataset(raw, meta, preamble, (implicit, little)),
        transfer_syntax=UID(_transfer_syntax(stated, implicit, little), validation_mode=IGNORE),
        limits=limits,
        notes=tuple(notes),
    )


def _load(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise _too_large(size, most)
        return file.read(size)


def _preamble(data: bytes, notes: list[Note]) -> tuple[bytes | None, int]:
    """Return the 128 bytes before the prefix, if any, and where the elements begin (PS3.10 7.1).

    "DICM" at byte 128 of a bare dataset is chance: the prefix counts if file meta follow it.
    """
    if data[128:132] != b"DICM" or data[132:134] != b"\2\0":
        if data[:2] not in (b"\x08\0", b"\0\x08", b"\2\0"):
            raise UnreadableError(
                "no DICM prefix, and the bytes do not begin as a dataset does",
                code=Unreadable.NOT_DICOM,
            )
        notes.append(Note.NO_PREAMBLE)
        return None, 0
    preamble = data[:128]
    if preamble.startswith(_PROGRAMS):
        notes.append(Note.PREAMBLE_EXECUTABLE)
    elif preamble.startswith(_FORMATS):
        notes.append(Note.PREAMBLE_OTHER_FORMAT)
    return preamble, 132


def _inflate(data: bytes, start: int, most: int, notes: list[Note]) -> bytes:
    """Undo PS3.5 A.5, never holding more than the limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(memoryview(data)[start:], most + 1)
    except zlib.error as error:
        raise UnreadableError(
            f"the deflated dataset is damaged: {error}", code=Unreadable.INFLATE
        ) from error
    if len(inflated) > most:
        raise UnreadableError(
            f"the dataset inflates to more than the limit of {most} bytes", code=Unreadable.INFLATE
        )
    if not inflater.eof:
        raise UnreadableError("the deflated dataset ends too early", code=Unreadable.TRUNCATED)
    if len(inflater.unused_data) > 1:
        notes.append(Note.TRAILING_BYTES)
    return inflated


def _encoding(data: bytes, start: int, stated: str, notes: list[Note]) -> tuple[bool, bool]:
    """Return (implicit VR, little endian): as stated, but corrected by the first element."""
    first = data[start : start + 6]
    explicit = len(first) == 6 and all(64 < c < 91 for c in first[4:])
    if not stated:
        notes.append(Note.SYNTAX_GUESSED)
        # group 0008 read with the wrong byte order is 0800
        return not explicit, not (explicit and int.from_bytes(first[:2], "little") >= 0x0400)
    implicit, little = stated == IMPLICIT_LITTLE, stated != EXPLICIT_BIG
    if len(first) == 6 and implicit == explicit:
        notes.append(Note.VR_MISMATCH)
        implicit = not implicit
    return implicit, little


def _transfer_syntax(stated: str, implicit: bool, little: bool) -> str:
    """Return the transfer syntax in force: for native ones what the bytes really are."""
    syntax = SYNTAXES.get(stated)
    if stated and (stated == DEFLATED or syntax is None or syntax.encapsulated):
        return stated
    if not little:
        return EXPLICIT_BIG
    return IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE


def _check(elements: list[Element], *, bare: bool) -> None:
    groups = [element.tag >> 16 for element in elements]
    if not groups:
        raise UnreadableError("the file holds no dataset", code=Unreadable.NOT_DICOM)
    if bare and (groups[0] != 0x0008 or len(groups) < 2):
        raise UnreadableError(
            "no DICM prefix, and the bytes do not begin as a dataset does",
            code=Unreadable.NOT_DICOM,
        )
    if {0x0000, 0x0002} & set(groups):
        raise UnreadableError(
            "command or file meta elements stand within the dataset", code=Unreadable.MALFORMED
        )


def _walker(data: bytes, limits: Limits, *, implicit: bool, little: bool) -> Walker:
    return Walker(
        data,
        implicit=implicit,
        little=little,
        max_elements=limits.elements,
        max_depth=limits.sequence_depth,
    )


def _raw(
    data: bytes, elements: list[Element], *, implicit: bool, little: bool
) -> dict[BaseTag, RawDataElement]:
    """Cut the values out for pydicom, in the form its own reader would hand them over."""
    raw: dict[BaseTag, RawDataElement] = {}
    for number, vr, length, start, end, items in elements:
        implicit_value = implicit
        if items and vr in (None, "UN"):
            vr, implicit_value = "SQ", True  # PS3.5 6.2.2: unknown, but a sequence in implicit VR
        value: bytes | memoryview | None
        if start == end:
            value = empty_value_for_VR(vr, raw=True)  # type: ignore[assignment]
        elif number in _PIXELS and length != UNDEFINED:
            # Native pixels are not copied: on a radiograph that costs half as much as hashing them.
            value = memoryview(data)[start:end]
        else:
            value = data[start:end]
        tag = tag_of(number)
        raw[tag] = tuple.__new__(
            RawDataElement,
            (tag, vr, length, value, start, implicit_value, little, *_AS_PYDICOM_READS),
        )
    return raw


def _meta(raw: dict[BaseTag, RawDataElement]) -> FileMetaDataset:
    meta = FileMetaDataset(dict(raw))
    meta.set_original_encoding(False, True, default_encoding)
    return meta


def _dataset(
    raw: dict[BaseTag, RawDataElement],
    meta: FileMetaDataset,
    preamble: bytes | str | None,
    encoding: tuple[bool | None, bool | None],
) -> FileDataset:
    implicit, little = bool(encoding[0]), bool(encoding[1])
    stored = preamble if isinstance(preamble, bytes) else None
    dataset = FileDataset(io.BytesIO(), dict(raw), stored, meta, implicit, little)
    dataset.set_original_encoding(implicit, little, _charsets(raw))
    return dataset


def _charsets(raw: dict[BaseTag, RawDataElement]) -> list[str]:
    """Return Python's names for (0008,0005) Specific Character Set, leaving out unknown ones."""
    element = raw.get(tag_of(0x00080005))
    stored = b"" if element is None else element.value or b""
    terms = [term.strip(" \0") for term in stored[:1024].decode("latin-1").split("\\")]
    if terms[0] in STAND_ALONE_ENCODINGS:
        return [python_encoding[terms[0]]]
    known = [
        python_encoding[term]
        for term in terms
        if term in python_encoding and term not in STAND_ALONE_ENCODINGS
    ]
    return known or [default_encoding]


def _too_large(size: int, most: int) -> UnreadableError:
    return UnreadableError(f"{size} bytes exceed the limit of {most}", code=Unreadable.TOO_LARGE)
