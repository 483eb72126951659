"""FHIR resources of R4 and R5 from facts and from chains of custody."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from audit_facts import FACTS, REPORTER, REPORTERS, example
from click.testing import CliRunner
from fhir_chain import chain
from fhir_rules import R4_SCHEMA, hold_fhir
from fhirclient.models.fhirabstractbase import FHIRValidationError
from hypothesis import given
from jsonschema_rs import ValidationError as JsonError
from pydantic import ValidationError

from ledger import Event, parse_statement
from provenance.audit_trail import Fact, Node, Reporter, What
from provenance.audit_trail.codes import SHAPES
from provenance.cli.root import cli
from provenance.fhir import Release, custody_bundle, fact_audit_event
from provenance.fhir.custody_codes import CUSTODY

CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
REFUSED = (AssertionError, ValidationError, FHIRValidationError, JsonError)
OF_NO_OBJECT = {Event.KEY_ADDED, Event.KEY_REVOKED, Event.LOG_KEYS}


def run(*words: object) -> Any:
    done = CliRunner().invoke(cli, [str(each) for each in words], env={"RADSEAL_SITE": None})
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("what", What)
def test_a_fact_is_an_audit_event(what: What, release: Release) -> None:
    event = fact_audit_event(example(what), REPORTER, release)
    hold_fhir(event, release)
    category = event["type"] if release is Release.R4 else event["category"][0]["coding"][0]
    assert category["code"] == SHAPES[what].event.value
    assert category["system"] == "http://dicom.nema.org/resources/ontology/DCM"
    assert event["action"] == SHAPES[what].action
    assert event["recorded"] == "2026-03-04T05:06:07.890Z"
    assert sum(agent["requestor"] for agent in event["agent"]) == 1


@pytest.mark.parametrize("release", Release)
@given(fact=FACTS, reporter=REPORTERS)
def test_any_fact_is_one(release: Release, fact: Fact, reporter: Reporter) -> None:
    hold_fhir(fact_audit_event(fact, reporter, release), release)


def test_the_same_fact_has_the_same_id() -> None:
    fact = example(What.SENT)
    first, second = (fact_audit_event(fact, REPORTER, Release.R4) for _ in range(2))
    assert first == second
    other = Reporter(Node(("OTHER",)), "1", "other")
    assert fact_audit_event(fact, other, Release.R4)["id"] != first["id"]
    assert fact_audit_event(fact, REPORTER, Release.R5)["id"] != first["id"]


def test_where_the_releases_differ() -> None:
    fact = example(What.ALTERED)
    r4: dict[str, Any] = fact_audit_event(fact, REPORTER, Release.R4)
    r5: dict[str, Any] = fact_audit_event(fact, REPORTER, Release.R5)
    assert (r4["outcome"], r4["outcomeDesc"]) == ("8", "the verdict, or a reason")
    assert r5["outcome"]["code"]["code"] == "error"
    assert r5["outcome"]["detail"] == [{"text": "the verdict, or a reason"}]
    assert [each["code"] for each in r4["subtype"]] == ["altered"]
    assert r5["code"]["coding"][0]["code"] == "altered"
    assert r4["agent"][0]["network"] == {"address": "gateway.example", "type": "1"}
    assert r4["agent"][1]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert r5["agent"][1]["networkString"] == "192.0.2.7"
    sent = example(What.SENT)
    patient = fact_audit_event(sent, REPORTER, Release.R4)["entity"][1]  # type: ignore[index]
    assert patient["what"]["identifier"]["value"] == "P-1"
    patient = fact_audit_event(sent, REPORTER, Release.R5)["patient"]
    assert patient["identifier"]["value"] == "P-1"
    assert patient["type"] == "Patient"


def test_every_event_of_an_object_is_coded() -> None:
    assert set(CUSTODY) == set(Event) - OF_NO_OBJECT


@pytest.mark.parametrize("release", Release)
def test_what_is_none_is_refused(release: Release) -> None:
    """The rules of the tests do refuse."""
    event = fact_audit_event(example(What.SENT), REPORTER, release)
    for change in (
        {"action": "Z"}, {"agent": []}, {"recorded": "2026"}, {"bogus": 1}, {"source": None},
        {"outcome": "7" if release is Release.R4 else {"code": {"code": "7"}}},
    ):  # fmt: skip
        with pytest.raises(REFUSED):
            hold_fhir({**event, **change}, release)
    other = Release.R5 if release is Release.R4 else Release.R4
    with pytest.raises(REFUSED):
        hold_fhir(event, other)


@pytest.mark.parametrize("release", Release)
def test_every_event_of_a_chain(release: Release) -> None:
    at = datetime(2026, 5, 6, tzinfo=UTC)
    bundle: Any = custody_bundle(
        [chain()], subject="000102030405060708090a0b", log="log.example/x", release=release, at=at
    )
    hold_fhir(bundle, release)
    resources = [entry["resource"] for entry in bundle["entry"]]
    told = {kind: [] for kind in ("Provenance", "AuditEvent")}
    for each in resources:
        told[each["resourceType"]].append(each)
    assert len(told["Provenance"]) == len(CUSTODY)
    uses = [event for event, custody in CUSTODY.items() if custody.use is not None]
    assert uses == [
        *(Event.SENT, Event.INGESTED, Event.VERIFIED, Event.VIEWED, Event.EXPORTED),
        *(Event.QUARANTINED, Event.RELEASED, Event.PURGED),
    ]
    assert len(told["AuditEvent"]) == len(uses)
    (derived,) = [each for each in told["Provenance"] if "entity" in each]
    roles = {entity["role"] for entity in derived["entity"]}
    assert roles == {"derivation" if release is Release.R4 else "source"}
    assert len(derived["entity"]) == 2
    late = [each for each in told["Provenance"] if '"valueCode": "late"' in json.dumps(each)]
    assert len(late) == 1


def test_the_schema_of_r4_refuses() -> None:
    """It is not an empty one: value sets, patterns, and what is not in it."""
    event = fact_audit_event(example(What.SENT), REPORTER, Release.R4)
    R4_SCHEMA.validate(event)
    for change in ({"outcome": "7"}, {"recorded": "2026"}, {"bogus": 1}, {"agent": "x"}):
        with pytest.raises(JsonError):
            R4_SCHEMA.validate({**event, **change})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a sealed, attested and corrected CT image in ``image.dcm``, and a copy of it."""
    folder = tmp_path_factory.mktemp("fhir")
    site = folder / "site"
    run("init", site, "--name", "north")
    run("seal", CT, "-o", folder / "sealed", "--site", site)
    run("attest", folder / "sealed" / CT.name, "--site", site)
    run(
        "correct", folder / "sealed" / CT.name, "-o", folder / "image.dcm", "--site", site,
        "--set", "PatientName=Doe^Jane", "--reason", "CORRECT",
    )  # fmt: skip
    return site


@pytest.mark.parametrize("release", Release)
def test_a_chain_is_a_bundle(site: Path, release: Release) -> None:
    done = run("trace", site.parent / "image.dcm", "--site", site, "--fhir", release)
    bundle = json.loads(done.stdout)
    hold_fhir(bundle, release)
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert [each["resourceType"] for each in resources] == ["Provenance"] * 3
    traced = json.loads(run("trace", site.parent / "image.dcm", "--site", site, "--json").stdout)
    (chain,) = traced["objects"]
    for found, event in zip(resources, chain["events"], strict=True):
        codings = {each["system"]: each["code"] for each in found["activity"]["coding"]}
        assert codings["https://radseal.invalid/fhir/CodeSystem/custody-event"] == event["event"]
        assert found["occurredDateTime"][:19] == event["claimed_at"][:19]
        assert found["target"][0]["identifier"]["value"] == chain["seal_id"]
        (agent,) = found["agent"]
        assert agent["who"]["display"] == event["actor"]
        parts = {each["url"]: each for each in found["extension"][0]["extension"]}
        assert parts["index"]["valueUnsignedInt"] == event["index"]
        assert parts["linked"]["valueBoolean"] is True
        (signature,) = found["signature"]
        assert signature["sigFormat"] == "application/cose"
        statement = parse_statement(base64.b64decode(signature["data"]))
        assert statement.event == event["event"]
        assert statement.leaf_hash == base64.b64decode(parts["leaf-hash"]["valueBase64Binary"])
        assert agent["who"]["identifier"]["value"] == statement.kid.hex()
    kinds = [each["agent"][0]["who"]["type"] for each in resources]
    assert kinds == ["Device", "Practitioner", "Device"]


def test_no_personal_data_leaves_the_site(site: Path) -> None:
    """Neither what is in the file, nor where it lies."""
    dataset = pydicom.dcmread(CT)
    for release in Release:
        text = run("trace", site.parent / "image.dcm", "--site", site, "--fhir", release).stdout
        for secret in ("Doe", str(dataset.PatientName), str(dataset.PatientID), "image.dcm"):
            assert secret not in text
        assert dataset.StudyInstanceUID not in text


@pytest.mark.parametrize("release", Release)
def test_by_a_uid_the_uid_is_a_target(site: Path, release: Release) -> None:
    study = pydicom.dcmread(CT).StudyInstanceUID
    bundle = json.loads(run("trace", study, "--site", site, "--fhir", release).stdout)
    hold_fhir(bundle, release)
    for entry in bundle["entry"]:
        _, target = entry["resource"]["target"]
        assert target["type"] == "ImagingStudy"
        assert target["identifier"] == {"system": "urn:dicom:uid", "value": f"urn:oid:{study}"}


def test_a_second_export_has_the_same_ids(site: Path) -> None:
    words = ("trace", site.parent / "image.dcm", "--site", site, "--fhir", "r5")
    first, second = (json.loads(run(*words).stdout)["entry"] for _ in range(2))
    assert first == second


def test_errors_are_json_if_asked(site: Path) -> None:
    words = ["trace", "1.2.3", "--site", str(site), "--fhir", "r5", "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 16
    assert json.loads(done.stdout)["schema"] == "radseal/error/1"
