"""Verify one file of many: whatever it is, there is a verdict, and the rest goes on."""

from dataclasses import dataclass
from pathlib import Path

from provenance.dicom.read import read_instance
from provenance.errors import UnreadableError
from provenance.gather import Verifier, gather
from provenance.judge import judge
from provenance.records import Lookup, uid_of
from provenance.verdict import Verdict
from provenance.verify import unreadable


@dataclass(frozen=True, slots=True)
class Examination:
    """A verdict, and the SOP Instance UID of what was judged, if it has one."""

    verdict: Verdict
    sop_instance_uid: str | None = None


def examine(path: Path, verifier: Verifier) -> Examination:
    """Judge the file at ``path``. It is read once, so UID and verdict are of the same bytes.

    A file that cannot be read is UNREADABLE; bad evidence and a failing ledger become findings.
    """
    uid: bytes | None = None
    try:
        instance = read_instance(path)
        uid = uid_of(instance.dataset, Lookup.INSTANCE)
        verdict = judge(gather(instance, verifier))
    except UnreadableError as error:
        verdict = unreadable(str(error))
    except OSError as error:
        verdict = unreadable(f"the file cannot be read: {error.strerror or type(error).__name__}")
    return Examination(verdict, None if uid is None else uid.decode("ascii", "replace"))
