"""What a correction says: the body of the statement `corrected`, and what may be corrected.

Knows no file, no log, no trust; docs/spec/correction.md has the format.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Self

from provenance.dicom.attribute_table import Group, Severity, attribute_table
from provenance.errors import MalformedError

MAX_CHANGES = 128
_HASH_SIZE = 32
PIXEL_SPACING, CALIBRATION_TYPE, CALIBRATION_DESCRIPTION = 0x00280030, 0x00280A02, 0x00280A04
CALIBRATED = frozenset({"GEOMETRY", "FIDUCIAL"})
# Clinical, and yet what quality control corrects legally (PS3.17 YYYY.7.9): side and view, and a
# calibration that is added later (PS3.3 10.7).
_SIDE_AND_VIEW = frozenset({
    0x00200060, 0x00200062, 0x00209072, 0x00200020, 0x00185101, 0x00540220, 0x00180015, 0x00082218,
})  # fmt: skip
_CALIBRATION = frozenset({PIXEL_SPACING, CALIBRATION_TYPE, CALIBRATION_DESCRIPTION})
_NEVER_SIGNED = (0x0000, 0x0002)


class Reason(StrEnum):
    """Reason for the Attribute Modification (0400,0565), PS3.3 C.12.1.1.9."""

    COERCE = "COERCE"
    CORRECT = "CORRECT"


@dataclass(frozen=True, slots=True)
class LeafChange:
    """One attribute: its leaf before, and its leaf from now on."""

    tag: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class CorrectionBody:
    """The body of `corrected`: a reason, and the changed leaves in ascending order of the tags."""

    reason: Reason
    changes: tuple[LeafChange, ...]

    def to_cbor(self) -> dict[int, object]:
        """Return the map that the statement carries as its body."""
        return {1: self.reason.value, 2: [[c.tag, c.old, c.new] for c in self.changes]}

    @classmethod
    def from_cbor(cls, body: Mapping[int, object]) -> Self:
        """Parse strictly; MalformedError."""
        match body:
            case {1: str(reason), 2: list(encoded)} if len(body) == 2:
                pass
            case _:
                raise MalformedError("a correction is a reason and its changes")
        if reason not in set(Reason):
            raise MalformedError(f"the reason {reason[:40]!r} is unknown")
        if not 1 <= len(encoded) <= MAX_CHANGES:
            raise MalformedError(f"{len(encoded)} changes, where 1 to {MAX_CHANGES} are allowed")
        changes = tuple(_change(each) for each in encoded)
        if any(first.tag >= second.tag for first, second in pairwise(changes)):
            raise MalformedError("the tags of a correction do not ascend")
        return cls(Reason(reason), changes)


def _change(encoded: object) -> LeafChange:
    match encoded:
        case [int(tag), bytes(old), bytes(new)] if (
            type(tag) is int
            and 0 <= tag < 1 << 32
            and len(old) == len(new) == _HASH_SIZE
            and old != new
        ):
            return LeafChange(tag, old, new)
        case _:
            raise MalformedError("a change of a correction is a tag and two different hashes")


class Subject(StrEnum):
    """What a correction is about; a policy says who may correct which."""

    IDENTITY = "identity"
    SIDE = "side"
    CALIBRATION = "calibration"
    OTHER = "other"


def subject_of(tag: int) -> Subject:
    """Return what an attribute that may be corrected is about.

    Identity is that of patient, order and study; side is side and view.
    """
    if tag in _SIDE_AND_VIEW:
        return Subject.SIDE
    if tag in _CALIBRATION:
        return Subject.CALIBRATION
    identity = attribute_table().describe(tag).group is Group.IDENTITY
    return Subject.IDENTITY if identity else Subject.OTHER


def why_not(tag: int, reason: Reason) -> str | None:
    """Say why the attribute may not be corrected for this reason; None if it may."""
    table = attribute_table()
    group = tag >> 16
    if group & 1 or group in _NEVER_SIGNED or not tag & 0xFFFF or tag in table.encoding:
        return "it is not signed as an attribute of its own"
    row = table.describe(tag)
    if row.group is Group.INSTANCE:
        return "it names the instance: what has another is another object"
    if row.severity is Severity.INFORMATIONAL:
        return "it says how the object was written, and needs no correction"
    if row.severity is not Severity.CLINICAL:
        return None
    if tag not in _SIDE_AND_VIEW | _CALIBRATION:
        return "it decides how the image is read, and cannot be corrected in place"
    if reason is not Reason.CORRECT:
        return f"it is clinical: only the reason {Reason.CORRECT} can change it"
    return None
