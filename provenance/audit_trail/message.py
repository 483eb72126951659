"""From a fact to its audit message: XML by PS3.15 A.5.1, filled by A.5.2 and A.5.3. Pure."""

from datetime import UTC
from xml.etree import ElementTree

from provenance.audit_trail.codes import (
    APPLICATION,
    DESTINATION,
    LAUNCHER,
    SHAPES,
    SOURCE,
    Code,
    Flow,
)
from provenance.audit_trail.fact import ACTIVITIES, ALERTS, Fact, Node, Person, Reporter
from provenance.audit_trail.network_address import access_point_type
from provenance.audit_trail.objects import Cut, add_objects, cuts_for
from provenance.audit_trail.plain_text import MAX_NAME, MAX_WORDS, plain_text

MAX_XML = 60_000  # with the header below the 64 KiB that receivers are set to
MAX_PERSONS = 4
MAX_TITLES = 4
ACCESSORS = 2  # A.5.3.6: persons and processes, one or two in all
_APPLICATION_SERVER = "4"  # AuditSourceTypeCode, A.5.1.2.1


def audit_message(fact: Fact, reporter: Reporter) -> bytes:
    """Return the message as UTF-8 without declaration, of at most ``MAX_XML`` bytes.

    What would make it longer is left out and counted: first the UIDs of instances, then studies.
    """
    for cut in cuts_for(fact):
        encoded = _message(fact, reporter, cut)
        if len(encoded) <= MAX_XML:
            break
    return encoded


def _message(fact: Fact, reporter: Reporter, cut: Cut) -> bytes:
    root = ElementTree.Element("AuditMessage")
    _add_event(root, fact)
    _add_participants(root, fact, reporter)
    source = ElementTree.SubElement(
        root, "AuditSourceIdentification", AuditSourceID=plain_text(reporter.source_id, MAX_NAME)
    )
    if reporter.enterprise_site:
        source.set("AuditEnterpriseSiteID", plain_text(reporter.enterprise_site, MAX_NAME))
    ElementTree.SubElement(source, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    add_objects(root, fact, cut)
    encoded: bytes = ElementTree.tostring(root, encoding="utf-8")
    return encoded


def _add_event(root: ElementTree.Element, fact: Fact) -> None:
    shape = SHAPES[fact.what]
    event = ElementTree.SubElement(
        root,
        "EventIdentification",
        EventActionCode=shape.action,
        EventDateTime=fact.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(fact.outcome.value),
    )
    _add_code(event, "EventID", shape.event)
    if shape.type is not None:
        _add_code(event, "EventTypeCode", shape.type)
    if fact.words:
        words = ElementTree.SubElement(event, "EventOutcomeDescription")
        words.text = plain_text(fact.words, MAX_WORDS)


def _add_participants(root: ElementTree.Element, fact: Fact, reporter: Reporter) -> None:
    shape, persons = SHAPES[fact.what], fact.persons[:MAX_PERSONS]
    asked = bool(persons)
    if fact.what in ACTIVITIES:
        _add_ourselves(root, reporter, APPLICATION, requestor=False)
        for person in persons:
            _add_person(root, person, LAUNCHER, requestor=True)
        return
    if shape.flow is Flow.IN:
        assert fact.peer is not None
        _add_node(root, fact.peer, SOURCE, requestor=not asked)
        _add_ourselves(root, reporter, DESTINATION, requestor=False)
    elif shape.flow is Flow.OUT:
        assert fact.peer is not None
        _add_ourselves(root, reporter, SOURCE, requestor=not asked)
        _add_node(root, fact.peer, DESTINATION, requestor=False)
    elif fact.what in ALERTS:
        _add_ourselves(root, reporter, None, requestor=True)
        if fact.peer is not None:
            _add_node(root, fact.peer, None, requestor=False)
        asked = False
    else:
        persons = persons[:ACCESSORS]
        if len(persons) < ACCESSORS:
            _add_ourselves(root, reporter, None, requestor=not asked)
    for person in persons:
        _add_person(root, person, None, requestor=asked)


def _add_ourselves(
    root: ElementTree.Element, reporter: Reporter, role: Code | None, *, requestor: bool
) -> None:
    _add_participant(
        root,
        user_id=reporter.process,
        alternative=_titles(reporter.node),
        name=reporter.name,
        role=role,
        requestor=requestor,
        host=reporter.node.host,
    )


def _add_node(root: ElementTree.Element, node: Node, role: Code | None, *, requestor: bool) -> None:
    """Another application: its process is not known here, so its AE title stands for it."""
    known = next((title for title in node.ae_titles if title), "") or node.host
    _add_participant(
        root,
        user_id=known or "unknown",
        alternative=_titles(node),
        role=role,
        requestor=requestor,
        host=node.host,
    )


def _add_person(
    root: ElementTree.Element, person: Person, role: Code | None, *, requestor: bool
) -> None:
    _add_participant(
        root,
        user_id=person.login,
        alternative=plain_text(person.enterprise_login, MAX_NAME),
        name=person.name,
        role=role,
        requestor=requestor,
    )


def _add_participant(
    root: ElementTree.Element,
    *,
    user_id: str,
    alternative: str,
    role: Code | None,
    requestor: bool,
    name: str = "",
    host: str = "",
) -> None:
    participant = ElementTree.SubElement(
        root,
        "ActiveParticipant",
        UserID=plain_text(user_id, MAX_NAME),
        UserIsRequestor="true" if requestor else "false",
    )
    if alternative:
        participant.set("AlternativeUserID", alternative)
    if name:
        participant.set("UserName", plain_text(name, MAX_NAME))
    if host:
        participant.set("NetworkAccessPointID", plain_text(host, MAX_NAME))
        participant.set("NetworkAccessPointTypeCode", access_point_type(host))
    if role is not None:
        _add_code(participant, "RoleIDCode", role)


def _titles(node: Node) -> str:
    """Several AE titles in one string, as A.5.2.2 says."""
    titles = [plain_text(title, MAX_NAME) for title in node.ae_titles[:MAX_TITLES] if title]
    return "AETITLES=" + ";".join(titles) if titles else ""


def _add_code(parent: ElementTree.Element, name: str, code: Code) -> None:
    ElementTree.SubElement(
        parent,
        name,
        {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning},
    )
