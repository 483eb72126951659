"""The rejection note of a rejected object, by which archives hide it.

A Key Object as IHE has it: Radiology Technical Framework, Imaging Object Change Management (IOCM),
4.66.4.1.3.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.dicom.write import instance_bytes
from provenance.errors import UsageError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Kept, State
from provenance.pacs.spool.spool import Spool
from provenance.records import Lookup, ReadableLog, Records
from provenance.study.selection import KeyObjectNames, Selected, Title, selection
from provenance.study.sop_classes import KEY_OBJECT

_SOP_CLASS, _SOP_INSTANCE, _SERIES, _STUDY, _ROWS = (
    0x00080016, 0x00080018, 0x0020000E, 0x0020000D, 0x00280010,
)  # fmt: skip
_UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_ITSELF = (Word.AUTHENTIC, Word.CORRECTED)
_AT_ARCHIVES = (State.FORWARDING, State.DELIVERED)


class RejectionTitle(Enum):
    """Why an object is rejected (PS3.16 CID 7011, and CID 7010), by our short names."""

    PATIENT_SAFETY = Title("113037", "DCM", "Rejected for Patient Safety Reasons")
    QUALITY = Title("113001", "DCM", "Rejected for Quality Reasons")
    WORKLIST = Title("113038", "DCM", "Incorrect Modality Worklist Entry")

    @property
    def short(self) -> str:
        """The name that the command knows."""
        return self.name.lower().replace("_", "-")


TITLES = tuple(title.short for title in RejectionTitle)


def title_of(short: str) -> RejectionTitle:
    """Return a title by its short name; UsageError for another."""
    for title in RejectionTitle:
        if title.short == short:
            return title
    raise UsageError(f"a rejection note has one of these titles: {', '.join(TITLES)}")


def rejection_note(
    content: bytes, title: RejectionTitle, *, names: KeyObjectNames, at: datetime
) -> bytes:
    """Return the Part 10 file of a note about the object ``content``, in the object's own study.

    UnreadableError if it cannot be read, UsageError if it lacks what a reference names,
    SealError if patient or study cannot be written.
    """
    rejected = read_instance(content)
    uids = {
        tag: text(rejected.dataset, tag) for tag in (_SOP_CLASS, _SOP_INSTANCE, _SERIES, _STUDY)
    }
    if not all(_UID.fullmatch(uid) for uid in uids.values()):
        raise UsageError(
            "the object lacks a proper class, instance, series or study UID: no archive can hold "
            "it by that, and a note cannot name it"
        )
    has_frames = _ROWS in rejected.dataset
    chosen = Selected(uids[_SOP_CLASS], uids[_SERIES], uids[_SOP_INSTANCE], has_frames)
    note = selection(
        [chosen],
        title=title.value,
        study_uid=uids[_STUDY],
        patient_of=rejected,
        names=names,
        at=at,
    )
    return instance_bytes(note)


def require_only_it(kept: Kept, *, spool: Spool, records: Records[ReadableLog]) -> None:
    """Return only if a note at the archives hides nothing but this object; else UsageError.

    A note names an instance by its UID. A forgery under the UID of a genuine image must not get
    that image hidden. Raises LedgerError if the ledger cannot be asked.
    """
    uid = kept.instance.sop_instance
    others = [
        each.number
        for each in spool.of_instance(uid)
        if each.state in _AT_ARCHIVES and each.sha256 != kept.sha256
    ]
    if others:
        raise UsageError(
            f"the archives got another object under the same SOP Instance UID (object {others[0]} "
            "of the spool): the note would hide that one"
        )
    if spool.memory.has_other(uid, kept.sha256):
        raise UsageError(
            "the archives got another object under the same SOP Instance UID, long ago: the note "
            "would hide that one"
        )
    if kept.judged.word in _ITSELF:
        return
    if records.find(Lookup.INSTANCE, uid.encode("ascii", "replace")):
        raise UsageError(
            "the ledger knows a sealed image under the same SOP Instance UID, and this object is "
            f"{kept.judged.word}: the note would hide the genuine one"
        )


def queue_note(
    note: bytes, kept: Kept, *, spool: Spool, archives: Sequence[str], at: datetime
) -> int:
    """Put a note into the spool for the archives; return its number there."""
    path = spool.incoming()
    path.write_bytes(note)
    header = read_instance(note)
    instance = Instance(
        KEY_OBJECT,
        text(header.dataset, _SOP_INSTANCE),
        str(header.transfer_syntax),
        kept.instance.study,
    )
    return spool.add_own(path, instance=instance, archives=archives, at=at)
