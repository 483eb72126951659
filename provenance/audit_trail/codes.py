"""The coded values of audit messages (PS3.16 CID 400 to 405), and the message of each fact."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from provenance.audit_trail.fact import What


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value: ``csd-code``, ``codeSystemName`` and ``originalText``."""

    value: str
    meaning: str
    system: str = "DCM"


APPLICATION = Code("110150", "Application")
LAUNCHER = Code("110151", "Application Launcher")
DESTINATION = Code("110152", "Destination Role ID")
SOURCE = Code("110153", "Source Role ID")
STUDY_UID = Code("110180", "Study Instance UID")
NODE_ID = Code("110182", "Node ID")
PATIENT_NUMBER = Code("2", "Patient Number", "RFC-3881")

_ACTIVITY = Code("110100", "Application Activity")
_BEGIN = Code("110102", "Begin Transferring DICOM Instances")
_ACCESSED = Code("110103", "DICOM Instances Accessed")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_ALERT = Code("110113", "Security Alert")


class Flow(Enum):
    """Which way objects go, seen from who reports."""

    NONE = auto()
    IN = auto()
    OUT = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """EventID, EventActionCode, EventTypeCode, and what becomes of the studies.

    ``life_cycle`` is ParticipantObjectDataLifeCycle (PS3.15 A.5.1.2.3), empty for none.
    """

    event: Code
    action: str
    type: Code | None = None
    flow: Flow = Flow.NONE
    life_cycle: str = ""


def _own(what: What, meaning: str) -> Code:
    return Code(what.value, meaning, "radseal")


# Action R of SENT: who sends does not know whether the receiver held it (A.5.3.7).
SHAPES: Mapping[What, Shape] = {
    What.STARTED: Shape(_ACTIVITY, "E", Code("110120", "Application Start")),
    What.STOPPED: Shape(_ACTIVITY, "E", Code("110121", "Application Stop")),
    What.RECEIVED: Shape(_TRANSFERRED, "C", flow=Flow.IN, life_cycle="2"),
    What.VERIFIED: Shape(_ACCESSED, "R", _own(What.VERIFIED, "Seal verified"), life_cycle="4"),
    What.QUARANTINED: Shape(_ACCESSED, "U", _own(What.QUARANTINED, "Put into quarantine")),
    What.RELEASED: Shape(_ACCESSED, "U", _own(What.RELEASED, "Released from quarantine")),
    What.REJECTED: Shape(
        _ACCESSED, "D", _own(What.REJECTED, "Rejected in quarantine"), life_cycle="14"
    ),
    What.PURGED: Shape(
        _ACCESSED, "D", _own(What.PURGED, "Removed from quarantine"), life_cycle="15"
    ),
    What.SENDING: Shape(_BEGIN, "E", flow=Flow.OUT, life_cycle="10"),
    What.SENT: Shape(_TRANSFERRED, "R", flow=Flow.OUT, life_cycle="10"),
    What.ALTERED: Shape(_ALERT, "E", _own(What.ALTERED, "Altered since it was sealed")),
    What.REFUSED: Shape(_ALERT, "E", _own(What.REFUSED, "Object refused")),
    What.UNRECORDED: Shape(_ALERT, "E", Code("110133", "Audit Recording Stopped")),
}
