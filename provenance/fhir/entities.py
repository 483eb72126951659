"""What entities of an AuditEvent are, and which part they play (R4, AuditEvent.entity)."""

from provenance.fhir.datatypes import Coding

_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"

PERSON = Coding(_TYPE, "1", "Person")
SYSTEM_OBJECT = Coding(_TYPE, "2", "System Object")
PATIENT_ROLE = Coding(_ROLE, "1", "Patient")
REPORT_ROLE = Coding(_ROLE, "3", "Report")
SECURITY_ROLE = Coding(_ROLE, "13", "Security Resource")
