"""From the file of an object to what is given of it: the file, its attributes, or its frames.

What is derived is written to a file beside it, which whoever removes the file removes, too.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.frames import stored_frames
from provenance.dicom.geometry import (
    describe,
    native_layout,
    native_value,
    pixel_geometry,
    pixel_tag,
)
from provenance.dicom.instance import Instance
from provenance.dicom.native import native_size
from provenance.dicom.syntax import EXPLICIT_LITTLE
from provenance.dicom.values import stored_elements
from provenance.errors import UnreadableError
from provenance.pacs.retrieve.asked import Asked, Form, Lacking, Part
from provenance.pacs.retrieve.wanted import DICOM, FRAME_KINDS, OCTETS

DICOM_JSON = "application/dicom+json"
MAX_INLINE = 4096  # bytes of a binary value among the attributes
_PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00008, 0x7FE00009, 0x7FE00010})
_CHARACTER_SET = 0x00080005
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})

Frame = tuple[bytes | memoryview, str, str]


def derived_files(path: Path) -> tuple[Path, ...]:
    """Return the names of all files that may come of the file at ``path``."""
    return (path.with_suffix(".json"), path.with_suffix(".frames"))


def render(
    path: Path, read: Instance | None, syntax: str, asked: Asked
) -> tuple[Part, ...] | Lacking:
    """Return what is given of the file at ``path``, which holds ``read``, or why nothing is."""
    attributes, frames = derived_files(path)
    match asked.form:
        case Form.FILE:
            return (Part(path, 0, path.stat().st_size, DICOM, syntax),)
        case Form.METADATA:
            if read is None:
                return Lacking.NO_FORM
            size = attributes.write_bytes(dicom_json(read.dataset))
            return (Part(attributes, 0, size, DICOM_JSON, syntax),)
        case Form.FRAMES:
            found = Lacking.NO_FORM if read is None else frames_of(read, asked.frames)
            return found if isinstance(found, Lacking) else tuple(_written(frames, found))


def _written(path: Path, frames: Sequence[Frame]) -> Iterator[Part]:
    with path.open("xb") as file:
        at = 0
        for content, kind, syntax in frames:
            file.write(content)
            yield Part(path, at, len(content), kind, syntax)
            at += len(content)


def dicom_json(dataset: Dataset) -> bytes:
    """Return the attributes in the DICOM JSON model (PS3.18, annex F), in UTF-8.

    Pixels, binary values of more than MAX_INLINE bytes, and what has no such form are left out.
    """
    found: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd in a header, in words that quote it
        for tag, element in stored_elements(dataset):
            value = element.value
            long = isinstance(value, bytes) and len(value) > MAX_INLINE and element.VR in _BINARY
            if tag in _PIXELS or tag >> 16 == 2 or tag & 0xFFFF == 0 or long:
                continue
            try:
                made = dataset[BaseTag(tag)].to_json_dict(None, MAX_INLINE)
                json.dumps(made, allow_nan=False).encode()
            except Exception:  # noqa: BLE001, S112 - whatever a value is, the others are given
                continue
            found[f"{tag:08X}"] = made
    if f"{_CHARACTER_SET:08X}" in found:
        found[f"{_CHARACTER_SET:08X}"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")


def frames_of(read: Instance, numbers: Sequence[int]) -> list[Frame] | Lacking:
    """Return frames as they are stored: compressed ones, or samples little endian by whole bytes.

    Others (big endian, packed bits, video) are not given.
    """
    try:
        tag, geometry = pixel_tag(read), pixel_geometry(read)
        if tag is None or geometry is None:
            return Lacking.NO_FORM
        if max(numbers) > geometry.frames:
            return Lacking.NO_FRAME
        _, stored = describe(read, tag)
        syntax = str(read.transfer_syntax)
        if stored.syntax.encapsulated:
            kind = FRAME_KINDS.get(syntax)
            if kind is None:
                return Lacking.NO_FORM
            every = stored_frames(read.dataset, geometry.frames)
            return [(every[number - 1], kind, syntax) for number in numbers]
        size, odd = divmod(native_size(native_layout(geometry, stored, read)), 8)
        if odd or not stored.syntax.little:
            return Lacking.NO_FORM
        value = memoryview(native_value(read, geometry, stored))
        return [
            (value[(number - 1) * size : number * size], OCTETS, EXPLICIT_LITTLE)
            for number in numbers
        ]
    except UnreadableError:
        return Lacking.NO_FORM
