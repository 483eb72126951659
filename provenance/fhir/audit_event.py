"""AuditEvent, as R4 (4.0.1) and R5 (5.0.0) write it. Pure."""

from collections.abc import Mapping

from provenance.audit_trail.fact import Outcome
from provenance.audit_trail.network_address import access_point_type
from provenance.fhir.audited import Agent, Audited, Entity
from provenance.fhir.datatypes import Coding, Json, instant, present, reference, string
from provenance.fhir.release import Release

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SOURCE_TYPE = Coding(f"{_TERMINOLOGY}/security-source-type", "4", "Application Server")
_LIFE_CYCLE = f"{_TERMINOLOGY}/dicom-audit-lifecycle"
_SEVERITY = "http://hl7.org/fhir/issue-severity"

_R5_OUTCOME: Mapping[Outcome, Coding] = {
    Outcome.SUCCESS: Coding(_SEVERITY, "success"),
    Outcome.MINOR: Coding(_SEVERITY, "warning"),
    Outcome.SERIOUS: Coding(_SEVERITY, "error"),
    Outcome.MAJOR: Coding(_SEVERITY, "fatal"),
}


def audit_event(audited: Audited, release: Release) -> Json:
    """Return the resource."""
    match release:
        case Release.R4:
            return _r4(audited)
        case Release.R5:
            return _r5(audited)


def _r4(audited: Audited) -> Json:
    entities = (*audited.entities, *(() if audited.patient is None else (audited.patient,)))
    subtype = [] if audited.subtype is None else [audited.subtype.json()]
    return present(
        {
            "resourceType": "AuditEvent",
            "id": audited.id,
            "type": audited.category.json(),
            "subtype": subtype,
            "action": audited.action,
            "recorded": instant(audited.at),
            "outcome": str(audited.outcome.value),
            "outcomeDesc": string(audited.words),
            "agent": [_r4_agent(each) for each in audited.agents],
            "source": present(
                {
                    "site": string(audited.site),
                    "observer": reference(audited.observer, type="Device"),
                    "type": [_SOURCE_TYPE.json()],
                }
            ),
            "entity": [_r4_entity(each) for each in entities],
        }
    )


def _r4_agent(agent: Agent) -> Json:
    host = string(agent.host)
    network = {"address": host, "type": access_point_type(host)} if host else None
    return present(
        {
            "type": None if agent.role is None else agent.role.concept(),
            "who": reference(agent.identifier, type=agent.kind),
            "altId": string(agent.alternative),
            "name": string(agent.name),
            "requestor": agent.requestor,
            "network": network,
        }
    )


def _r4_entity(entity: Entity) -> Json:
    life_cycle = Coding(_LIFE_CYCLE, entity.life_cycle).json() if entity.life_cycle else None
    return present(
        {
            "what": reference(entity.identifier, type=entity.type),
            "type": entity.kind.json(),
            "role": entity.role.json(),
            "lifecycle": life_cycle,
            "name": string(entity.name),
            "detail": [{"type": name, "valueString": value} for name, value in _details(entity)],
        }
    )


def _r5(audited: Audited) -> Json:
    code = audited.subtype or audited.category
    words = string(audited.words)
    outcome: Json = {"code": _R5_OUTCOME[audited.outcome].json()}
    if words:
        outcome["detail"] = [{"text": words}]
    site = string(audited.site)
    patient = audited.patient
    return present(
        {
            "resourceType": "AuditEvent",
            "id": audited.id,
            "category": [audited.category.concept()],
            "code": code.concept(),
            "action": audited.action,
            "occurredDateTime": instant(audited.at),
            "recorded": instant(audited.at),
            "outcome": outcome,
            "patient": None
            if patient is None
            else reference(patient.identifier, type="Patient", display=patient.name),
            "agent": [_r5_agent(each) for each in audited.agents],
            "source": present(
                {
                    "site": reference(None, type="Location", display=site) if site else None,
                    "observer": reference(audited.observer, type="Device"),
                    "type": [_SOURCE_TYPE.concept()],
                }
            ),
            "entity": [_r5_entity(each) for each in audited.entities],
        }
    )


def _r5_agent(agent: Agent) -> Json:
    names = " ".join(each for each in (string(agent.name), string(agent.alternative)) if each)
    return present(
        {
            "type": None if agent.role is None else agent.role.concept(),
            "who": reference(agent.identifier, type=agent.kind, display=names),
            "requestor": agent.requestor,
            "networkString": string(agent.host),
        }
    )


def _r5_entity(entity: Entity) -> Json:
    return present(
        {
            "what": reference(entity.identifier, type=entity.type, display=entity.name),
            "role": entity.role.concept(),
            "detail": [
                {"type": {"text": name}, "valueString": value} for name, value in _details(entity)
            ],
        }
    )


def _details(entity: Entity) -> list[tuple[str, str]]:
    plain = ((string(name), string(value)) for name, value in entity.details)
    return [(name, value) for name, value in plain if name and value]
