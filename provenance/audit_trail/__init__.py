"""The audit trail: facts to DICOM audit messages (PS3.15 A.5), and these to a syslog over TLS."""

from provenance.audit_trail.collector import Collector
from provenance.audit_trail.fact import (
    Fact,
    Instances,
    Node,
    Outcome,
    Patient,
    Person,
    Reporter,
    Study,
    What,
)
from provenance.audit_trail.message import audit_message
from provenance.audit_trail.this_process import this_process
from provenance.audit_trail.trail import AuditTrail, TrailState

__all__ = [
    "AuditTrail",
    "Collector",
    "Fact",
    "Instances",
    "Node",
    "Outcome",
    "Patient",
    "Person",
    "Reporter",
    "Study",
    "TrailState",
    "What",
    "audit_message",
    "this_process",
]
