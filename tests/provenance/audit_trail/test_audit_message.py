"""Audit messages: the schema of PS3.15 A.5.1, the messages of A.5.3, and any text at all."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from audit_facts import (
    ADMIN,
    AT,
    CT_STORAGE,
    FACTS,
    PEER,
    REPORTER,
    REPORTERS,
    STUDY,
    example,
    parsed,
)
from hypothesis import given

from provenance.audit_trail import (
    Fact,
    Instances,
    Node,
    Outcome,
    Patient,
    Person,
    Reporter,
    Study,
    What,
    audit_message,
)
from provenance.audit_trail.codes import SHAPES
from provenance.audit_trail.fact import ACCESSES, ACTIVITIES, ALERTS, TRANSFERS
from provenance.audit_trail.message import MAX_XML
from provenance.audit_trail.objects import LEFT_OUT
from provenance.errors import UsageError


def test_every_fact_has_a_message() -> None:
    assert set(SHAPES) == set(What)
    assert set(What) == TRANSFERS | ACCESSES | ALERTS | ACTIVITIES


@pytest.mark.parametrize("what", What)
def test_event_and_source(what: What) -> None:
    root = parsed(audit_message(example(what), REPORTER))
    event = root.find("EventIdentification")
    assert event.find("EventID").get("csd-code") == SHAPES[what].event.value
    assert event.get("EventActionCode") == SHAPES[what].action
    assert event.get("EventDateTime") == "2026-03-04T05:06:07.890+00:00"
    assert event.get("EventOutcomeIndicator") == ("8" if what in ALERTS else "0")
    assert event.findtext("EventOutcomeDescription") == "the verdict, or a reason"
    source = root.find("AuditSourceIdentification")
    assert source.get("AuditSourceID") == "radseal@gateway.example"


def roles(fact: Fact) -> list[tuple[str, str, str]]:
    """User, role and whether they asked for it, of all who took part."""
    root = parsed(audit_message(fact, REPORTER))
    return [
        (
            each.get("UserID"),
            each.find("RoleIDCode").get("csd-code") if each.find("RoleIDCode") is not None else "",
            each.get("UserIsRequestor"),
        )
        for each in root.findall("ActiveParticipant")
    ]


def test_participants_of_an_application_activity() -> None:
    """A.5.3.1: the application, and who launched it."""
    assert roles(example(What.STARTED)) == [
        ("4242", "110150", "false"),
        ("admin", "110151", "true"),
    ]


@pytest.mark.parametrize(
    ("what", "source", "destination"),
    [
        (What.RECEIVED, "CT7", "4242"),
        (What.SENDING, "4242", "CT7"),
        (What.SENT, "4242", "CT7"),
    ],
)
def test_participants_of_a_transfer(what: What, source: str, destination: str) -> None:
    """A.5.3.3, A.5.3.7: one sends, one receives, and others may have asked for it."""
    fact = example(what)
    ends = [(source, "110153"), (destination, "110152")]
    found = roles(fact)
    assert [(user, role) for user, role, _ in found[:2]] == ends
    assert found[2] == ("admin", "", "true")
    assert [asked for _, _, asked in found] == ["false", "false", "true"]
    alone = roles(replace(fact, persons=()))
    assert [asked for _, _, asked in alone] == ["true", "false"]


@pytest.mark.parametrize("what", sorted(ACCESSES))
def test_participants_of_an_access(what: What) -> None:
    """A.5.3.6: one or two persons and processes."""
    fact = example(what)
    assert roles(fact) == [("4242", "", "false"), ("admin", "", "true")]
    assert roles(replace(fact, persons=())) == [("4242", "", "true")]
    other = Person("second", "", "")
    both = [("admin", "", "true"), ("second", "", "true")]
    assert roles(replace(fact, persons=(ADMIN, other))) == both


@pytest.mark.parametrize("what", sorted(ALERTS))
def test_participants_of_an_alert(what: What) -> None:
    """A.5.3.11: who reports asks; who caused it never does."""
    fact = example(what)
    assert roles(fact) == [("4242", "", "true"), ("CT7", "", "false"), ("admin", "", "false")]


@pytest.mark.parametrize("what", sorted(TRANSFERS | ACCESSES))
def test_objects_of_transfer_and_access(what: What) -> None:
    """At least one study with its SOP classes, and one patient."""
    study, patient = parsed(audit_message(example(what), REPORTER)).findall(
        "ParticipantObjectIdentification"
    )
    assert study.get("ParticipantObjectID") == "1.2.3.4"
    assert study.get("ParticipantObjectTypeCode") == "2"
    assert study.get("ParticipantObjectTypeCodeRole") == "3"
    assert study.find("ParticipantObjectIDTypeCode").get("csd-code") == "110180"
    (sop_class,) = study.iter("SOPClass")
    assert dict(sop_class.attrib) == {"UID": CT_STORAGE, "NumberOfInstances": "2"}
    assert [each.get("UID") for each in sop_class] == ["1.2.3.4.1", "1.2.3.4.2"]
    assert next(study.iter("Accession")).get("Number") == "A 1"
    assert patient.get("ParticipantObjectID") == "P-1"
    assert patient.get("ParticipantObjectTypeCode") == "1"
    assert patient.get("ParticipantObjectTypeCodeRole") == "1"
    assert patient.find("ParticipantObjectIDTypeCode").get("csd-code") == "2"


def test_no_patient_is_an_unknown_one() -> None:
    fact = replace(example(What.RECEIVED), patient=None)
    *_, patient = parsed(audit_message(fact, REPORTER)).findall("ParticipantObjectIdentification")
    assert patient.get("ParticipantObjectID") == "unknown"
    assert patient.findtext("ParticipantObjectName") == "unknown"


@pytest.mark.parametrize("studies", [(), (STUDY,)])
def test_an_alert_describes_itself(studies: tuple[Study, ...]) -> None:
    fact = replace(example(What.REFUSED), studies=studies, words="not DICOM\n<at all>")
    (subject,) = parsed(audit_message(fact, REPORTER)).findall("ParticipantObjectIdentification")
    assert subject.get("ParticipantObjectID") == ("1.2.3.4" if studies else "192.0.2.7")
    detail = subject.find("ParticipantObjectDetail")
    assert detail.get("type") == "Alert Description"
    assert base64.b64decode(detail.get("value")).decode() == "not DICOM\ufffd<at all>"


@pytest.mark.parametrize(
    ("node", "attributes"),
    [
        (
            Node(("A", "B"), "2001:db8::1"),
            {
                "UserID": "A",
                "AlternativeUserID": "AETITLES=A;B",
                "NetworkAccessPointID": "2001:db8::1",
                "NetworkAccessPointTypeCode": "2",
            },
        ),
        (
            Node((), "ct.example"),
            {
                "UserID": "ct.example",
                "NetworkAccessPointID": "ct.example",
                "NetworkAccessPointTypeCode": "1",
            },
        ),
        (Node(("",)), {"UserID": "unknown"}),
    ],
)
def test_how_a_peer_is_named(node: Node, attributes: dict[str, str]) -> None:
    root = parsed(audit_message(replace(example(What.RECEIVED), peer=node), REPORTER))
    found = dict(root.find("ActiveParticipant").attrib)
    del found["UserIsRequestor"]
    assert found == attributes


def test_time_is_utc() -> None:
    there = timezone(timedelta(hours=-5))
    fact = Fact(What.STARTED, AT.astimezone(there))
    assert b'"2026-03-04T05:06:07.890+00:00"' in audit_message(fact, REPORTER)


@pytest.mark.parametrize(
    "fields",
    [
        {"what": What.STARTED, "at": datetime(2026, 1, 1)},
        {"what": What.STARTED, "at": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
        {"what": What.SENT, "at": AT, "studies": (STUDY,)},
        {"what": What.SENT, "at": AT, "peer": PEER},
        {"what": What.VERIFIED, "at": AT},
    ],
)
def test_facts_that_no_message_can_tell(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Fact(**fields)  # type: ignore[arg-type]


@given(fact=FACTS, reporter=REPORTERS)
def test_any_text_is_one_valid_line(fact: Fact, reporter: Reporter) -> None:
    message = audit_message(fact, reporter)
    assert len(message) <= MAX_XML
    parsed(message)
    text = message.decode("utf-8")
    assert len(text.splitlines()) == 1
    assert all(each >= " " and each != "\x7f" for each in text)


def left_out(fact: Fact) -> list[str]:
    message = audit_message(fact, REPORTER)
    assert len(message) <= MAX_XML
    return [
        base64.b64decode(each.get("value")).decode()
        for each in parsed(message).iter("ParticipantObjectDetail")
        if each.get("type") == LEFT_OUT
    ]


def many(uids: int) -> Instances:
    return Instances(CT_STORAGE, uids, tuple(f"{i}".ljust(64, "9") for i in range(uids)))


def test_what_is_too_much_is_counted() -> None:
    fact = example(What.RECEIVED)
    assert left_out(fact) == []
    assert left_out(replace(fact, studies=(replace(STUDY, instances=(many(600),)),))) == []
    uids = replace(fact, studies=(replace(STUDY, instances=(many(100_000),)),))
    assert left_out(uids) == ["100000 UIDs"]
    studies = replace(fact, studies=(STUDY,) * 5_000)
    assert left_out(studies)[0] == "4950 studies"
    classes = replace(fact, studies=(replace(STUDY, instances=(Instances("1.2", 1),) * 500),))
    assert left_out(classes) == ["400 SOP classes"]


def test_the_worst_fits() -> None:
    """Every string as long and as wide in bytes as it can be."""
    worst = '"' * 5_000
    node = Node((worst,) * 10, worst)
    instances = (Instances(worst, 10**18, (worst,) * 1_000),) * 500
    for what in What:
        fact = Fact(
            what,
            AT,
            peer=node,
            persons=(Person(worst, worst, worst),) * 10,
            studies=(Study(worst, instances, worst),) * 100,
            patient=Patient(worst, worst),
            outcome=Outcome.MAJOR,
            words=worst,
        )
        message = audit_message(fact, Reporter(node, worst, worst, worst, worst))
        assert len(message) <= MAX_XML
        parsed(message)
