"""The releases of HL7 FHIR that are written."""

from enum import StrEnum


class Release(StrEnum):
    """R4 is 4.0.1, R5 is 5.0.0."""

    R4 = "r4"
    R5 = "r5"
