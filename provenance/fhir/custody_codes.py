"""What each custody event is in the code systems that FHIR uses. Data."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger import Event
from provenance.fhir.datatypes import BASE, DCM, Coding

CUSTODY_EVENT = f"{BASE}/CodeSystem/custody-event"
ROLE = f"{BASE}/CodeSystem/role"
SEAL_ID = f"{BASE}/NamingSystem/seal-id"
KEY_ID = f"{BASE}/NamingSystem/key-id"
LOG = f"{BASE}/NamingSystem/log"
LOG_ENTRY = f"{BASE}/StructureDefinition/log-entry"

_LIFE_CYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_PURPOSE = "urn:iso-astm:E1762-95:2013"


def _signature(number: int, words: str) -> Coding:
    return Coding(_PURPOSE, f"1.2.840.10065.1.12.1.{number}", words)


_VERIFICATION = _signature(5, "Verification Signature")
_WITNESS = _signature(9, "Event Witness Signature")
_SOURCE = _signature(14, "Source Signature")
_MODIFICATION = _signature(16, "Modification Signature")


@dataclass(frozen=True, slots=True)
class Use:
    """An event that is also told as an AuditEvent: its DICOM audit event and action."""

    category: Coding
    action: str


_ACCESSED = Coding(DCM, "110103", "DICOM Instances Accessed")
_TRANSFERRED = Coding(DCM, "110104", "DICOM Instances Transferred")
_EXPORT = Coding(DCM, "110106", "Export")


@dataclass(frozen=True, slots=True)
class Custody:
    """ISO 21089 event, part of the signer, purpose of the signature, and the use if it is one."""

    life_cycle: str
    participant: str
    purpose: Coding
    use: Use | None = None

    @property
    def activity(self) -> Coding:
        """The life-cycle event as FHIR codes it."""
        return Coding(_LIFE_CYCLE, self.life_cycle)

    @property
    def agent(self) -> Coding:
        """The part of the signer as FHIR codes it."""
        return Coding(_PARTICIPANT, self.participant)


# Events of keys and of the log concern no object, so no trace has them.
CUSTODY: Mapping[Event, Custody] = {
    Event.SEALED: Custody("originate", "author", _SOURCE),
    Event.ATTESTED: Custody("attest", "attester", _VERIFICATION),
    Event.SENT: Custody("transmit", "performer", _WITNESS, Use(_TRANSFERRED, "R")),
    Event.INGESTED: Custody("receive", "custodian", _WITNESS, Use(_TRANSFERRED, "C")),
    Event.VERIFIED: Custody("verify", "verifier", _VERIFICATION, Use(_ACCESSED, "R")),
    Event.VIEWED: Custody("access", "performer", _WITNESS, Use(_ACCESSED, "R")),
    Event.EXPORTED: Custody("disclose", "performer", _WITNESS, Use(_EXPORT, "R")),
    Event.DERIVED: Custody("transform", "assembler", _MODIFICATION),
    Event.DEIDENTIFIED: Custody("deidentify", "assembler", _MODIFICATION),
    Event.CORRECTED: Custody("amend", "enterer", _MODIFICATION),
    Event.QUARANTINED: Custody("hold", "custodian", _WITNESS, Use(_ACCESSED, "U")),
    Event.RELEASED: Custody("unhold", "custodian", _WITNESS, Use(_ACCESSED, "U")),
    Event.PURGED: Custody("destroy", "custodian", _WITNESS, Use(_ACCESSED, "D")),
    Event.STUDY_CLOSED: Custody("attest", "composer", _VERIFICATION),
    Event.ERASED: Custody("destroy", "custodian", _WITNESS),
}
