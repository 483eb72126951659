"""From the custody chain of objects to a Bundle of Provenance and AuditEvent. Pure."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime

from ledger import Event, Role, UnverifiedStatement, parse_statement
from provenance.audit_trail.fact import Outcome
from provenance.fhir.audit_event import audit_event
from provenance.fhir.audited import Agent, Audited, Entity
from provenance.fhir.custody_codes import (
    CUSTODY,
    CUSTODY_EVENT,
    KEY_ID,
    LOG,
    LOG_ENTRY,
    ROLE,
    SEAL_ID,
    Use,
)
from provenance.fhir.datatypes import (
    Coding,
    Identifier,
    Json,
    instance,
    instant,
    present,
    reference,
    stable_id,
    string,
)
from provenance.fhir.entities import REPORT_ROLE, SYSTEM_OBJECT
from provenance.fhir.release import Release
from provenance.records import Lookup
from provenance.trace import Trace, TracedEvent

COSE = "application/cose"
_TYPES = {Lookup.STUDY: "ImagingStudy", Lookup.SERIES: "", Lookup.INSTANCE: ""}


def custody_bundle(
    traces: Sequence[Trace], *, subject: str, log: str, release: Release, at: datetime
) -> Json:
    """Return all that the log named ``log`` holds of the objects, as a Bundle of type collection.

    Every custody event is a Provenance with the signed statement; an event that is a use of the
    object is an AuditEvent too. ``subject`` is what was asked for: a UID by which the objects were
    found is told, a path never.
    """
    resources = [
        resource
        for trace in traces
        for event in trace.events
        for resource in _resources(trace, event, subject, log, release)
    ]
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": instant(at),
        "entry": entries,
    }


def _resources(
    trace: Trace, event: TracedEvent, subject: str, log: str, release: Release
) -> Iterator[Json]:
    statement = parse_statement(event.statement)
    yield _provenance(trace, event, statement, subject, log, release)
    use = CUSTODY[statement.event].use
    if use is not None:
        yield audit_event(_audited(trace, event, statement, use, log, release), release)


def _provenance(
    trace: Trace,
    event: TracedEvent,
    statement: UnverifiedStatement,
    subject: str,
    log: str,
    release: Release,
) -> Json:
    custody = CUSTODY[statement.event]
    who = _who(event, statement)
    return present(
        {
            "resourceType": "Provenance",
            "id": stable_id("provenance", release, log, statement.leaf_hash.hex()),
            "extension": [_log_entry(event, statement, log)],
            "target": _targets(trace, subject),
            "occurredDateTime": instant(event.claimed_at),
            "recorded": instant(_recorded(event)),
            "activity": {"coding": [custody.activity.json(), _own(statement.event).json()]},
            "agent": [
                {
                    "type": custody.agent.concept(),
                    "role": [Coding(ROLE, event.role).concept()],
                    "who": who,
                }
            ],
            "entity": [_parent(parent, release) for parent in event.parents],
            "signature": [
                {
                    "type": [custody.purpose.json()],
                    "when": instant(event.claimed_at),
                    "who": who,
                    "sigFormat": COSE,
                    "data": base64.b64encode(event.statement).decode(),
                }
            ],
        }
    )


def _audited(
    trace: Trace,
    event: TracedEvent,
    statement: UnverifiedStatement,
    use: Use,
    log: str,
    release: Release,
) -> Audited:
    agent = Agent(
        _kind(event),
        _key(statement),
        requestor=True,
        name=event.actor,
        role=Coding(ROLE, event.role),
    )
    return Audited(
        id=stable_id("custody-audit-event", release, log, statement.leaf_hash.hex()),
        category=use.category,
        subtype=_own(statement.event),
        action=use.action,
        at=event.claimed_at,
        outcome=Outcome.SUCCESS,
        words="",
        agents=(agent,),
        observer=Identifier(LOG, string(log)),
        site="",
        entities=(Entity(SYSTEM_OBJECT, REPORT_ROLE, _seal(trace.seal_id)),),
        patient=None,
    )


def _parent(parent: bytes, release: Release) -> Json:
    """R5 knows no ``derivation``: what a copy was made of is its source."""
    match release:
        case Release.R4:
            role = "derivation"
        case Release.R5:
            role = "source"
    return {"role": role, "what": reference(_seal(parent))}


def _targets(trace: Trace, subject: str) -> list[Json]:
    targets = [reference(_seal(trace.seal_id))]
    if trace.found_by in _TYPES:
        targets.append(reference(instance(subject), type=_TYPES[Lookup(trace.found_by)]))
    return targets


def _log_entry(event: TracedEvent, statement: UnverifiedStatement, log: str) -> Json:
    parts: list[Json] = [
        {"url": "log", "valueString": string(log)},
        {"url": "index", "valueUnsignedInt": event.index},
        {"url": "leaf-hash", "valueBase64Binary": base64.b64encode(statement.leaf_hash).decode()},
        {"url": "linked", "valueBoolean": event.linked},
    ]
    if event.order is not None:
        parts.append({"url": "order", "valueCode": event.order.value})
    return {"url": LOG_ENTRY, "extension": parts}


def _recorded(event: TracedEvent) -> datetime:
    """The first checkpoint that covers it; its own word where there is none."""
    bracket = event.bracket
    if bracket is None or bracket.not_after is None:
        return event.claimed_at
    return bracket.not_after


def _who(event: TracedEvent, statement: UnverifiedStatement) -> Json:
    return reference(_key(statement), type=_kind(event), display=event.actor)


def _kind(event: TracedEvent) -> str:
    """Keys of an operator are a person's; all others are a machine's."""
    return "Practitioner" if event.role == Role.OPERATOR else "Device"


def _key(statement: UnverifiedStatement) -> Identifier:
    return Identifier(KEY_ID, statement.kid.hex())


def _seal(seal_id: bytes) -> Identifier:
    return Identifier(SEAL_ID, seal_id.hex())


def _own(event: Event) -> Coding:
    return Coding(CUSTODY_EVENT, event.value)
