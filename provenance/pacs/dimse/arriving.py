"""An object on its way from the network to a file: as it was sent, behind a Part 10 header.

Bounded in bytes, and while it arrives not a byte of it stays in memory.
"""

import hashlib
import struct
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.filereader import read_partial

from provenance.dicom.write import IMPLEMENTATION_CLASS_UID
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.negotiation import IMPLEMENTATION_VERSION
from provenance.pacs.first_elements import (
    ENOUGH,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    names_in,
)
from provenance.pacs.spool.reserve import has_room

_LOOK_EVERY = 8 << 20  # bytes between two looks at the disk


class TooLargeError(Exception):
    """An object of more bytes than the limit."""


@dataclass
class Arriving:
    """One object that arrives; ``path``, in the spool's folder for them, holds it once whole.

    When the disk has less than ``free_bytes`` left, or fails, or there is no ``path``, the rest is
    taken and thrown away: `full` says so, and nothing is kept. ``sha256`` is that of the file so
    far.
    """

    path: Path | None
    instance: Instance
    most: int
    free_bytes: int
    full: bool = False
    size: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)
    _looked: int = 0
    _beginning: bytearray = field(default_factory=bytearray, repr=False)
    _file: BinaryIO | None = field(default=None, repr=False)

    def begin(self) -> None:
        """Make the file, and write what stands before a data set."""
        if self.path is None or self._no_room(self.path):
            self.full = True
            return
        try:
            self._file = self.path.open("wb", buffering=1 << 18)
            self._put(part10_head(self.instance))
        except OSError:
            self._fail()

    def write(self, data: memoryview) -> None:
        """Take a piece of the data set; TooLargeError beyond the limit."""
        if self.size < ENOUGH:
            self._beginning += data[: ENOUGH - self.size]
        self.size += len(data)
        if self.size > self.most:
            raise TooLargeError(f"an object of more than {self.most} bytes")
        if self._file is None or self.path is None:
            return
        try:
            if self.size - self._looked >= _LOOK_EVERY:
                self._looked = self.size
                if self._no_room(self.path):
                    self._fail()
                    return
            self._put(data)
        except OSError:
            self._fail()

    def finish(self) -> bool:
        """Return whether the file holds all of it."""
        if self._file is None:
            return False
        try:
            self._file.close()
        except OSError:
            self._fail()
            return False
        self._file = None
        return True

    def named(self) -> tuple[Instance, bool]:
        """Return the instance with its study, and whether the file is that instance as it says.

        What cannot be read contradicts nothing: the verdict will say that it is unreadable.
        """
        said = self.instance
        names = names_in(bytes(self._beginning), said.transfer_syntax)
        if names is None and self.path is not None:
            names = names_of(self.path)
        if names is None:
            return said, True
        sop_class, sop_instance, study = names
        agrees = sop_class in ("", said.sop_class) and sop_instance in ("", said.sop_instance)
        return replace(said, study=study[:64]), agrees

    def discard(self) -> None:
        """Leave nothing behind."""
        self._fail()

    def _put(self, data: bytes | memoryview) -> None:
        assert self._file is not None
        self._file.write(data)
        self.sha256.update(data)

    def _fail(self) -> None:
        self.full = True
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _no_room(self, path: Path) -> bool:
        return not has_room(path.parent.parent, self.free_bytes)


def part10_head(instance: Instance) -> bytes:
    """Return what stands before a data set in a file (PS3.10, 7.1), whatever a sender calls it."""
    elements = struct.pack("<HH2sxxL2s", 2, 1, b"OB", 2, b"\0\1")
    for number, vr, text, pad in (
        (0x02, b"UI", instance.sop_class, b"\0"),
        (0x03, b"UI", instance.sop_instance, b"\0"),
        (0x10, b"UI", instance.transfer_syntax, b"\0"),
        (0x12, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
        (0x13, b"SH", IMPLEMENTATION_VERSION, b" "),
    ):
        value = text.encode("ascii", "replace")
        value += pad * (len(value) % 2)
        elements += struct.pack("<HH2sH", 2, number, vr, len(value)) + value
    return bytes(128) + b"DICM" + struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(elements)) + elements


def names_of(path: Path) -> tuple[str, str, str] | None:
    """Return what `names_in` returns, of whatever pydicom can read; None if it cannot."""
    try:
        with path.open("rb") as file:
            found = read_partial(
                file, stop_when=lambda tag, *_: tag > STUDY, defer_size=1 << 16, force=False
            )
            return _text(found, SOP_CLASS), _text(found, SOP_INSTANCE), _text(found, STUDY)
    except Exception:  # noqa: BLE001 - whatever pydicom meets in the bytes of a stranger
        return None


def _text(dataset: pydicom.Dataset, tag: int) -> str:
    if tag not in dataset:
        return ""
    value = dataset[tag].value
    return str(value or "").strip(" \0")
