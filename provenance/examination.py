"""Verify one file of many: whatever it is, there is a verdict, and the rest goes on."""

from dataclasses import dataclass
from pathlib import Path

from provenance.dicom.read import read_instance
from provenance.errors import UnreadableError
from provenance.evidence import Evidence
from provenance.findings import Code
from provenance.gather import gather, gather_picture
from provenance.judge import judge
from provenance.picture_file import is_picture, read_head, read_picture_file
from provenance.records import Lookup, uid_of
from provenance.verdict import Check, Outcome, Status, Verdict, Word
from provenance.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Examination:
    """A verdict, what it rests on, and the SOP Instance UID of what was judged, if it has one."""

    verdict: Verdict
    sop_instance_uid: str | None = None
    evidence: Evidence | None = None


def examine(path: Path, verifier: Verifier) -> Examination:
    """Judge the file at ``path``. A file that cannot be read at all is UNREADABLE, too."""
    try:
        return examine_source(path, verifier)
    except OSError as error:
        why = f"the file cannot be read: {error.strerror or type(error).__name__}"
        return Examination(unreadable(why))


def examine_source(source: bytes | Path, verifier: Verifier) -> Examination:
    """Judge a DICOM object or a picture, given as bytes or by the path of its file.

    What does not decode is UNREADABLE; bad evidence and a failing ledger become findings. Raises
    OSError when a file cannot be opened or read.
    """
    uid: bytes | None = None
    evidence: Evidence | None = None
    try:
        if is_picture(read_head(source)):
            evidence = gather_picture(read_picture_file(source), verifier)
        else:
            instance = read_instance(source)
            uid = uid_of(instance.dataset, Lookup.INSTANCE)
            evidence = gather(instance, verifier)
        verdict = judge(evidence)
    except UnreadableError as error:
        verdict = unreadable(str(error))
    return Examination(verdict, None if uid is None else uid.decode("ascii", "replace"), evidence)


def unreadable(why: str) -> Verdict:
    """Return the verdict on something that cannot be decoded."""
    return Verdict(
        word=Word.UNREADABLE,
        integrity=Outcome.UNKNOWN,
        trust=Outcome.UNKNOWN,
        custody=Outcome.UNKNOWN,
        checks=(Check("readable", Status.FAIL, Code.UNREADABLE, why),),
    )
