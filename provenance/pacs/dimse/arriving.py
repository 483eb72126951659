"""An object on its way from the network to a file: as it was sent, behind a Part 10 header.

Bounded in bytes, and while it arrives not a byte of it stays in memory.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.filebase import DicomIO
from pydicom.filereader import read_partial
from pydicom.filewriter import write_file_meta_info
from pynetdicom.dsutils import create_file_meta

from provenance.dicom.write import IMPLEMENTATION_CLASS_UID
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.negotiation import IMPLEMENTATION_VERSION
from provenance.pacs.spool.reserve import has_room

_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_LOOK_EVERY = 8 << 20  # bytes between two looks at the disk


class TooLargeError(Exception):
    """An object of more bytes than the limit."""


@dataclass
class Arriving:
    """One object that arrives; ``path``, in the spool's folder for them, holds it once whole.

    When the disk has less than ``free_bytes`` left, or fails, or there is no ``path``, the rest is
    taken and thrown away: `full` says so, and nothing is kept.
    """

    path: Path | None
    instance: Instance
    most: int
    free_bytes: int
    full: bool = False
    size: int = 0
    _looked: int = 0
    _file: BinaryIO | None = field(default=None, repr=False)

    def begin(self) -> None:
        """Make the file, and write what stands before a data set."""
        if self.path is None or self._no_room(self.path):
            self.full = True
            return
        try:
            self._file = self.path.open("wb", buffering=1 << 18)
            self._file.write(b"\0" * 128 + b"DICM")
            meta = create_file_meta(
                sop_class_uid=pydicom.uid.UID(self.instance.sop_class),
                sop_instance_uid=pydicom.uid.UID(self.instance.sop_instance),
                transfer_syntax=pydicom.uid.UID(self.instance.transfer_syntax),
                implementation_uid=pydicom.uid.UID(IMPLEMENTATION_CLASS_UID),
                implementation_version=IMPLEMENTATION_VERSION,
            )
            write_file_meta_info(DicomIO(self._file), meta)
        except OSError:
            self._fail()

    def write(self, data: memoryview) -> None:
        """Take a piece of the data set; TooLargeError beyond the limit."""
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
            self._file.write(data)
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

    def discard(self) -> None:
        """Leave nothing behind."""
        self._fail()

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


def look_into(path: Path, instance: Instance) -> tuple[Instance, bool]:
    """Return the instance with its study, and whether the file is that instance as it says.

    What cannot be read contradicts nothing: the verdict will say that it is unreadable.
    """
    try:
        with path.open("rb") as file:
            found = read_partial(
                file, stop_when=lambda tag, *_: tag > _STUDY, defer_size=1 << 16, force=False
            )
            said = [_text(found, tag) for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY)]
    except Exception:  # noqa: BLE001 - whatever pydicom meets in the bytes of a stranger
        return instance, True
    sop_class, sop_instance, study = said
    agrees = sop_class in ("", instance.sop_class) and sop_instance in ("", instance.sop_instance)
    named = Instance(
        instance.sop_class, instance.sop_instance, instance.transfer_syntax, study[:64]
    )
    return named, agrees


def _text(dataset: pydicom.Dataset, tag: int) -> str:
    if tag not in dataset:
        return ""
    value = dataset[tag].value
    return str(value or "").strip(" \0")
