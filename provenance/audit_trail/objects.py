"""The objects of an audit message: studies, the patient, the subject of an alert. Pure."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from provenance.audit_trail.codes import NODE_ID, PATIENT_NUMBER, SHAPES, STUDY_UID, Code
from provenance.audit_trail.fact import ACTIVITIES, ALERTS, Fact, Instances, Patient, Study
from provenance.audit_trail.plain_text import MAX_NAME, MAX_UID, MAX_WORDS, plain_text

UNKNOWN = "unknown"
LEFT_OUT = "radseal-left-out"
_PERSON, _SYSTEM = "1", "2"  # ParticipantObjectTypeCode
_PATIENT, _REPORT, _SECURITY_RESOURCE = "1", "3", "13"  # ParticipantObjectTypeCodeRole


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of the objects a message tells: the UIDs of instances or not, so many of each."""

    uids: bool
    studies: int
    classes: int


CUTS: Sequence[Cut] = (
    Cut(uids=True, studies=1_000, classes=100),
    Cut(uids=False, studies=1_000, classes=100),
    Cut(uids=False, studies=50, classes=20),
    Cut(uids=False, studies=1, classes=20),
)
MAX_UIDS = 700  # of 64 characters each: as many as fit


def cuts_for(fact: Fact) -> Sequence[Cut]:
    """Return the cuts to try, the mildest first; the last one always fits."""
    uids = sum(len(each.uids) for study in fact.studies for each in study.instances)
    return CUTS if uids <= MAX_UIDS else CUTS[1:]


def add_objects(root: ElementTree.Element, fact: Fact, cut: Cut) -> None:
    """Add what took part in the event; nothing to the start or stop of an application."""
    if fact.what in ACTIVITIES:
        return
    told = fact.studies[: cut.studies]
    missing = len(fact.studies) - len(told)
    for place, study in enumerate(told):
        _add_study(root, study, fact, cut, other_studies=0 if place else missing)
    if fact.what not in ALERTS:
        _add_patient(root, fact.patient or Patient(UNKNOWN))
    elif not told:
        _add_alert_without_study(root, fact)


def _add_study(
    root: ElementTree.Element, study: Study, fact: Fact, cut: Cut, *, other_studies: int
) -> None:
    alert = fact.what in ALERTS
    element = _object(
        root,
        identifier=plain_text(study.uid, MAX_UID) or UNKNOWN,
        kind=_SYSTEM,
        role=_SECURITY_RESOURCE if alert else _REPORT,
        code=STUDY_UID,
        name="study",
    )
    life_cycle = SHAPES[fact.what].life_cycle
    if life_cycle:
        element.set("ParticipantObjectDataLifeCycle", life_cycle)
    if alert:
        _add_detail(element, "Alert Description", plain_text(fact.words, MAX_WORDS))
    told = study.instances[: cut.classes]
    classes = len(study.instances) - len(told)
    uids = 0 if cut.uids else sum(len(each.uids) for each in told)
    for count, noun in ((other_studies, "studies"), (classes, "SOP classes"), (uids, "UIDs")):
        if count:
            _add_detail(element, LEFT_OUT, f"{count} {noun}")
    description = ElementTree.SubElement(element, "ParticipantObjectDescription")
    if study.accession:
        number = plain_text(study.accession, MAX_UID)
        ElementTree.SubElement(description, "Accession", Number=number)
    for each in told:
        _add_instances(description, each, uids=cut.uids)


def _add_instances(parent: ElementTree.Element, instances: Instances, *, uids: bool) -> None:
    element = ElementTree.SubElement(
        parent,
        "SOPClass",
        UID=plain_text(instances.sop_class, MAX_UID),
        NumberOfInstances=str(instances.count),
    )
    for uid in instances.uids if uids else ():
        ElementTree.SubElement(element, "Instance", UID=plain_text(uid, MAX_UID))


def _add_patient(root: ElementTree.Element, patient: Patient) -> None:
    _object(
        root,
        identifier=plain_text(patient.id, MAX_NAME) or UNKNOWN,
        kind=_PERSON,
        role=_PATIENT,
        code=PATIENT_NUMBER,
        name=plain_text(patient.name, MAX_NAME) or UNKNOWN,
    )


def _add_alert_without_study(root: ElementTree.Element, fact: Fact) -> None:
    host = fact.peer.host if fact.peer is not None else ""
    element = _object(
        root,
        identifier=plain_text(host, MAX_NAME) or UNKNOWN,
        kind=_SYSTEM,
        role=_SECURITY_RESOURCE,
        code=NODE_ID,
        name="node",
    )
    _add_detail(element, "Alert Description", plain_text(fact.words, MAX_WORDS))


def _object(
    root: ElementTree.Element, *, identifier: str, kind: str, role: str, code: Code, name: str
) -> ElementTree.Element:
    """Begin an object; the schema wants a name of each, though A.5.3 lets it be absent."""
    element = ElementTree.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    ElementTree.SubElement(
        element,
        "ParticipantObjectIDTypeCode",
        {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning},
    )
    ElementTree.SubElement(element, "ParticipantObjectName").text = name
    return element


def _add_detail(element: ElementTree.Element, kind: str, text: str) -> None:
    value = base64.b64encode(text.encode()).decode()
    ElementTree.SubElement(element, "ParticipantObjectDetail", type=kind, value=value)
