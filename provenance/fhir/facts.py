"""From a fact of the audit trail to an AuditEvent: the same as its DICOM message says. Pure."""

from hashlib import sha256

from provenance.audit_trail.codes import DESTINATION, LAUNCHER, SHAPES, SOURCE, Code, Flow
from provenance.audit_trail.fact import ACTIVITIES, ALERTS, Fact, Node, Person, Reporter, Study
from provenance.audit_trail.message import audit_message
from provenance.fhir.audit_event import audit_event
from provenance.fhir.audited import Agent, Audited, Entity
from provenance.fhir.datatypes import (
    BASE,
    DCM,
    Coding,
    Identifier,
    Json,
    instance,
    stable_id,
    string,
)
from provenance.fhir.entities import PATIENT_ROLE, PERSON, REPORT_ROLE, SECURITY_ROLE, SYSTEM_OBJECT
from provenance.fhir.release import Release

_FACT = f"{BASE}/CodeSystem/audit-fact"
_AE_TITLE = f"{BASE}/NamingSystem/ae-title"
_PROCESS = f"{BASE}/NamingSystem/process"
_USER = f"{BASE}/NamingSystem/user"
_PATIENT_ID = f"{BASE}/NamingSystem/patient-id"
_SOURCE = f"{BASE}/NamingSystem/audit-source"
UNKNOWN = "unknown"


def fact_audit_event(fact: Fact, reporter: Reporter, release: Release) -> Json:
    """Return the AuditEvent of a fact; the same fact has the same id."""
    shape = SHAPES[fact.what]
    digest = sha256(audit_message(fact, reporter)).hexdigest()
    patient = None
    if fact.patient is not None:
        value = string(fact.patient.id) or UNKNOWN
        patient = Entity(
            PERSON, PATIENT_ROLE, Identifier(_PATIENT_ID, value), "Patient", fact.patient.name
        )
    audited = Audited(
        id=stable_id("audit-event", release, digest),
        category=_coding(shape.event),
        subtype=None if shape.type is None else _coding(shape.type),
        action=shape.action,
        at=fact.at,
        outcome=fact.outcome,
        words=fact.words,
        agents=_agents(fact, reporter),
        observer=Identifier(_SOURCE, string(reporter.source_id) or UNKNOWN),
        site=reporter.enterprise_site,
        entities=tuple(_study(study, fact, shape.life_cycle) for study in fact.studies),
        patient=patient,
    )
    return audit_event(audited, release)


def _coding(code: Code) -> Coding:
    return Coding(DCM if code.system == "DCM" else _FACT, code.value, code.meaning)


def _agents(fact: Fact, reporter: Reporter) -> tuple[Agent, ...]:
    flow = SHAPES[fact.what].flow
    asked = bool(fact.persons) and fact.what not in ALERTS
    here, there = {
        Flow.IN: (DESTINATION, SOURCE),
        Flow.OUT: (SOURCE, DESTINATION),
        Flow.NONE: (None, None),
    }[flow]
    ourselves = Agent(
        "Device",
        Identifier(_PROCESS, string(f"{reporter.source_id} {reporter.process}") or UNKNOWN),
        requestor=not asked and flow is not Flow.IN and fact.what not in ACTIVITIES,
        name=reporter.name,
        alternative=" ".join(reporter.node.ae_titles),
        role=None if here is None else _coding(here),
        host=reporter.node.host,
    )
    peers = (
        [] if fact.peer is None else [_peer(fact.peer, there, asked=flow is Flow.IN and not asked)]
    )
    launcher = LAUNCHER if fact.what in ACTIVITIES else None
    persons = [_person(person, launcher, asked=asked) for person in fact.persons]
    return (ourselves, *peers, *persons)


def _peer(node: Node, role: Code | None, *, asked: bool) -> Agent:
    title = next((string(each) for each in node.ae_titles if string(each)), "")
    return Agent(
        "Device",
        Identifier(_AE_TITLE, title or string(node.host) or UNKNOWN),
        requestor=asked,
        alternative=" ".join(node.ae_titles),
        role=None if role is None else _coding(role),
        host=node.host,
    )


def _person(person: Person, role: Code | None, *, asked: bool) -> Agent:
    return Agent(
        "Practitioner",
        Identifier(_USER, string(person.login) or UNKNOWN),
        requestor=asked,
        name=person.name,
        alternative=person.enterprise_login,
        role=None if role is None else _coding(role),
    )


def _study(study: Study, fact: Fact, life_cycle: str) -> Entity:
    details = [("SOPClass", f"{each.sop_class} {each.count}") for each in study.instances]
    if study.accession:
        details.append(("Accession", study.accession))
    return Entity(
        SYSTEM_OBJECT,
        SECURITY_ROLE if fact.what in ALERTS else REPORT_ROLE,
        instance(study.uid),
        type="ImagingStudy",
        life_cycle=life_cycle,
        details=tuple(details),
    )
