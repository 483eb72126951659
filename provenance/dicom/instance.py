"""A DICOM object in memory, what was odd about its file, and what a file may ask for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydicom.dataset import FileDataset
from pydicom.uid import UID


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask of this machine. Sizes in bytes."""

    file_bytes: int = 1 << 31
    inflated_bytes: int = 1 << 29
    frame_bytes: int = 1 << 29
    elements: int = 1_000_000
    sequence_depth: int = 32


DEFAULT_LIMITS: Final = Limits()


class Note(StrEnum):
    """Something odd that does not stop the reading, in words for a person."""

    NO_PREAMBLE = "the file has no DICM prefix: read as a bare dataset"
    PREAMBLE_EXECUTABLE = "the preamble is that of a program: never run this file"
    PREAMBLE_OTHER_FORMAT = "the preamble is that of another file format"
    SYNTAX_GUESSED = "the file names no transfer syntax: guessed from its first bytes"
    VR_MISMATCH = "explicit and implicit VR are not as the transfer syntax says"
    TRAILING_BYTES = "bytes follow the last element"
    NO_SIGNEDNESS = "Pixel Representation is missing: the samples are read as unsigned"
    HIGH_BIT = "High Bit is not one below Bits Stored: the samples are shifted down"
    EXCESS_BYTES = "Pixel Data holds more bytes than the image needs"


@dataclass(frozen=True, slots=True)
class Instance:
    """One DICOM object as read: undecoded elements, and what was odd about the file."""

    dataset: FileDataset
    transfer_syntax: UID
    limits: Limits
    notes: tuple[Note, ...]

    @property
    def preamble_executable(self) -> bool:
        """Whether the file would also run as a program (a known way to smuggle one)."""
        return Note.PREAMBLE_EXECUTABLE in self.notes

    @property
    def trailing_bytes(self) -> bool:
        """Whether the file goes on after its last element."""
        return Note.TRAILING_BYTES in self.notes
