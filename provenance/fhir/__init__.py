"""Custody and audit as FHIR resources, R4 (4.0.1) and R5 (5.0.0): dictionaries for JSON."""

from provenance.fhir.custody import custody_bundle
from provenance.fhir.facts import fact_audit_event
from provenance.fhir.release import Release

__all__ = ["Release", "custody_bundle", "fact_audit_event"]
