"""Datatypes that R4 and R5 write alike: codings, identifiers, references, instants. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from provenance.audit_trail.plain_text import plain_text

Json = dict[str, object]

BASE = "https://radseal.invalid/fhir"  # names our own code systems; nothing is there
DCM = "http://dicom.nema.org/resources/ontology/DCM"
DICOM_UID = "urn:dicom:uid"
_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Coding:
    """A code of a code system, with its meaning where it has words."""

    system: str
    code: str
    display: str = ""

    def json(self) -> Json:
        """Return it as a FHIR Coding."""
        return present({"system": self.system, "code": self.code, "display": self.display})

    def concept(self) -> Json:
        """Return a FHIR CodeableConcept of it alone."""
        return {"coding": [self.json()]}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A value that names something in a system of names."""

    system: str
    value: str

    def json(self) -> Json:
        """Return it as a FHIR Identifier."""
        return {"system": self.system, "value": self.value}


def present(fields: Json) -> Json:
    """Return those fields that hold something: FHIR has no empty strings, lists or objects."""
    return {name: value for name, value in fields.items() if value not in ("", None, [], {})}


def string(text: str) -> str:
    """Return text that a FHIR string can hold, maybe empty: no controls, no blanks around it.

    Of the blanks of Unicode the pattern of R4 lets the space alone pass, so all become that.
    """
    plain = plain_text(text.strip(), _LIMIT)
    return "".join(" " if each.isspace() else each for each in plain).strip()


def reference(identifier: Identifier | None, *, display: str = "", type: str = "") -> Json:
    """Return a logical reference: what it names need not be on any server."""
    return present(
        {
            "type": type,
            "identifier": None if identifier is None else identifier.json(),
            "display": string(display),
        }
    )


def instance(uid: str) -> Identifier:
    """Return a DICOM UID as FHIR identifies by it (R4 and R5, ImagingStudy.identifier)."""
    return Identifier(DICOM_UID, f"urn:oid:{string(uid) or 'unknown'}")


def instant(at: datetime) -> str:
    """Return an aware time in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stable_id(*parts: str) -> str:
    """Return a UUID that is the same for the same parts, so that a second import adds nothing."""
    return str(uuid5(NAMESPACE_URL, "/".join((BASE, *parts))))
