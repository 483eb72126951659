"""What is held of FHIR resources: models of packages, and rules of the standard they do not have.

R4 (4.0.1): the JSON schema that HL7 publishes; fhirclient, whose models are made from 4.0.1; and
the R4B (4.3.0) models of fhir.resources, which differ from R4 in nothing these resources use.
R5 (5.0.0): fhir.resources. The models hold neither required value sets nor that nothing is empty:
that is here, from the pages of AuditEvent, Provenance, Bundle, Signature and the datatypes.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
from fhir.resources.auditevent import AuditEvent as R5AuditEvent
from fhir.resources.bundle import Bundle as R5Bundle
from fhir.resources.provenance import Provenance as R5Provenance
from fhir.resources.R4B.auditevent import AuditEvent as R4BAuditEvent
from fhir.resources.R4B.bundle import Bundle as R4BBundle
from fhir.resources.R4B.provenance import Provenance as R4BProvenance
from fhirclient.models.auditevent import AuditEvent as R4AuditEvent
from fhirclient.models.bundle import Bundle as R4Bundle
from fhirclient.models.provenance import Provenance as R4Provenance

from provenance.fhir import Release

_PYDANTIC = {
    Release.R5: {"AuditEvent": R5AuditEvent, "Provenance": R5Provenance, "Bundle": R5Bundle},
    Release.R4: {"AuditEvent": R4BAuditEvent, "Provenance": R4BProvenance, "Bundle": R4BBundle},
}
_R4 = {"AuditEvent": R4AuditEvent, "Provenance": R4Provenance, "Bundle": R4Bundle}

R4_SCHEMA = jsonschema_rs.validator_for(
    json.loads((Path(__file__).resolve().parents[1] / "vectors/fhir/r4.schema.json").read_text())
)
_ROLES = {
    Release.R4: {"derivation", "revision", "quotation", "source", "removal"},
    Release.R5: {"revision", "quotation", "source", "instantiates", "removal"},
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CODE = re.compile(r"\S+( \S+)*")
_AGENTS = {"Device", "Practitioner"}  # of those allowed in agent.who and signature.who


def hold_fhir(resource: dict[str, Any], release: Release) -> None:
    """Raise unless the resource is one of its release."""
    kind = resource["resourceType"]
    _PYDANTIC[release][kind].model_validate(resource)
    if release is Release.R4:
        _R4[kind](resource, strict=True)
        R4_SCHEMA.validate(resource)
    for value in _values(resource):
        assert value not in ("", None, [], {}), "nothing in FHIR is empty"
        if isinstance(value, str):
            assert value == value.strip()
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", value)
    {"AuditEvent": _audit_event, "Provenance": _provenance, "Bundle": _bundle}[kind](
        resource, release
    )


def _values(node: object) -> Iterator[object]:
    yield node
    if isinstance(node, dict):
        for value in node.values():
            yield from _values(value)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value)


def _audit_event(event: dict[str, Any], release: Release) -> None:
    assert _ID.fullmatch(event["id"])
    assert _INSTANT.fullmatch(event["recorded"])
    assert event["action"] in set("CRUDE")
    assert event["agent"]
    for agent in event["agent"]:
        assert isinstance(agent["requestor"], bool)
        assert agent["who"]["type"] in _AGENTS
    for entity in event.get("entity", []):
        assert not ("name" in entity and "query" in entity), "sev-1"
    match release:
        case Release.R4:
            assert event["outcome"] in {"0", "4", "8", "12"}
            assert {"type", "source"} <= set(event)
            assert not {"category", "code", "occurredDateTime", "patient"} & set(event)
            for agent in event["agent"]:
                network = agent.get("network", {"type": "1"})
                assert network["type"] in {"1", "2", "3", "4", "5"}
        case Release.R5:
            assert event["outcome"]["code"]["code"] in {"success", "warning", "error", "fatal"}
            assert {"code", "category", "source"} <= set(event)
            assert not {"type", "subtype", "outcomeDesc"} & set(event)


def _provenance(resource: dict[str, Any], release: Release) -> None:
    assert _ID.fullmatch(resource["id"])
    assert resource["target"]
    assert resource["agent"]
    assert _INSTANT.fullmatch(resource["recorded"])
    assert _INSTANT.fullmatch(resource["occurredDateTime"])
    for agent in resource["agent"]:
        assert agent["who"]["type"] in _AGENTS
    for entity in resource.get("entity", []):
        assert entity["role"] in _ROLES[release]
    for signature in resource["signature"]:
        assert {"type", "when", "who", "sigFormat", "data"} <= set(signature)
        assert _CODE.fullmatch(signature["sigFormat"])


def _bundle(bundle: dict[str, Any], release: Release) -> None:
    assert bundle["type"] == "collection"
    assert not {"total", "link", "signature"} & set(bundle), "bdl-1"
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls), "bdl-7"
    for entry in bundle["entry"]:
        assert set(entry) == {"fullUrl", "resource"}, "bdl-2, bdl-3, bdl-4"
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        hold_fhir(entry["resource"], release)
